// tests/golden/*.golden: conversations written by hand from the protocol chapter, and what the decoder says after each
// message. Each is played line by line, in the fewest reads, byte by byte, and cut in two at every place: the records
// must be the same (invariant 3), and every byte accounted for at every moment (invariant 2).
#include "tests/support/golden.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "tests/proxy/session/run_conversation.h"
#include "tests/support/conversation_text.h"

namespace pgassay::session {
namespace {

using namespace tests;
using Kind = ScriptLine::Kind;

const std::filesystem::path kFolder = "tests/golden";

std::string EndName(SessionEnd end) {
  constexpr std::array<std::string_view, 6> kNames = {"terminated", "client-closed", "server-closed",
                                                      "reset",      "server-fatal",  "shutdown"};
  return std::string(kNames[static_cast<size_t>(end)]);
}

std::string ReasonName(OpaqueReason reason) {
  constexpr std::array<std::string_view, 8> kNames = {
      "none", "bad-length", "unknown-type", "bad-body", "unexpected-reply", "limit", "encrypted", "replication"};
  return std::string(kNames[static_cast<size_t>(reason)]);
}

Conversation TrustLogin() {
  return {Client(StartupMessage({{"user", "alice"}, {"database", "shop"}, {"application_name", "test"}})),
          Server(AuthenticationOk()), Server(ParameterStatus("server_version", "15.4")),
          Server(BackendKeyData(99, "key!")), Server(ReadyForQuery())};
}

// A record as a golden file shows it; "" for those that say nothing about the conversation's course.
struct GoldenLine {
  const std::map<uint64_t, std::string>& texts;

  std::string operator()(const SessionOpened& r) const {
    std::string line = fmt::format("opened user={} database={}", r.user, r.database);
    if (!r.application_name.empty()) line += fmt::format(" application={}", r.application_name);
    if (!r.server_version.empty()) line += fmt::format(" version={}", r.server_version);
    return line + (r.replication ? " replication" : "");
  }
  std::string operator()(const SessionClosed& r) const { return "end " + EndName(r.end); }
  std::string operator()(const StatementPrepared& r) const {
    const auto text = texts.find(r.text_hash);
    return fmt::format("prepared {} '{}'", r.name, text == texts.end() ? "?" : text->second);
  }
  std::string operator()(const StatementClosed& r) const { return fmt::format("closed {}", r.name); }
  std::string operator()(const SettingChanged& r) const { return fmt::format("setting {}={}", r.name, r.value); }
  std::string operator()(const QueryEvent& r) const { return ShortLine(r, texts); }
  std::string operator()(const StatementText&) const { return {}; }
  std::string operator()(const ColumnsDescribed&) const { return {}; }
  std::string operator()(const RowBatch&) const { return {}; }
  std::string operator()(const ScopeMark&) const { return {}; }
  std::string operator()(const SentValues&) const { return {}; }
};

// Plays a script line by line, and writes it again with what was said below each line.
class Scribe {
 public:
  explicit Scribe(const std::vector<ScriptLine>& script) {
    for (const ScriptLine& line : script) Take(line);
    if (!ended_) End(SessionEnd::kClientClosed);
  }
  const std::string& text() const { return text_; }
  bool accounted() const { return player_.accounted(); }

 private:
  void Take(const ScriptLine& line) {
    if (line.kind == Kind::kExpectation) return;
    text_ += line.text + '\n';
    switch (line.kind) {
      case Kind::kLogin:
        player_.Play(TrustLogin());
        shown_ = player_.sink().Records().size();  // the same in every file; session_test.cc looks at it
        key_bytes_ = player_.session().cancel_key().size();
        return;
      case Kind::kMessage:
        return Message(line.chunk);
      case Kind::kEnd:
        return End(line.by == 'F'   ? SessionEnd::kClientClosed
                   : line.by == 'B' ? SessionEnd::kServerClosed
                                    : SessionEnd::kReset);
      default:
        return;
    }
  }
  void Message(const Chunk& chunk) {
    const bool password = chunk.origin == wire::Origin::kFrontend && chunk.bytes.starts_with('p');
    const uint64_t skipped_before = player_.session().bytes().skipped;
    player_.Play({chunk});
    if (password) {
      EXPECT_EQ(player_.session().bytes().skipped, skipped_before + chunk.bytes.size()) << "a password was read";
    }
    Show();
  }
  void End(SessionEnd end) {
    player_.End(end);
    ended_ = true;
    Show();
  }
  void Show() {
    const std::vector<Record> records = player_.sink().Records();
    const auto texts = Texts(records);
    for (; shown_ < records.size(); ++shown_) {
      const std::string line = std::visit(GoldenLine{texts}, records[shown_]);
      if (!line.empty()) text_ += "= " + line + '\n';
    }
    if (const size_t bytes = player_.session().cancel_key().size(); bytes != key_bytes_) {
      text_ += fmt::format("= cancel key of {} bytes\n", bytes - 4);
      key_bytes_ = bytes;
    }
    if (const OpaqueReason reason = player_.session().opaque(); reason != opaque_) {
      text_ += "= opaque " + ReasonName(reason) + '\n';
      opaque_ = reason;
    }
  }

  Player player_;
  std::string text_;
  size_t shown_ = 0;
  size_t key_bytes_ = 0;
  OpaqueReason opaque_ = OpaqueReason::kNone;
  bool ended_ = false;
};

Conversation ConversationOf(const std::vector<ScriptLine>& script) {
  Conversation conversation;
  for (const ScriptLine& line : script) {
    if (line.kind == Kind::kLogin) {
      for (Chunk& chunk : TrustLogin()) conversation.push_back(std::move(chunk));
    } else if (line.kind == Kind::kMessage) {
      conversation.push_back(line.chunk);
    }
  }
  return conversation;
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".golden") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path path() const { return kFolder / (GetParam() + ".golden"); }
};

TEST_P(Golden, SaysThisAfterEachMessage) {
  const Scribe scribe(ReadScript(ReadFile(path())));
  ExpectGolden(path(), scribe.text());
  EXPECT_TRUE(scribe.accounted());
}

TEST_P(Golden, SaysTheSameForEverySplit) {
  const Conversation conversation = ConversationOf(ReadScript(ReadFile(path())));
  const Played whole = PlayAll(conversation);
  const auto expect_same = [&](const Conversation& pieces, const std::string& how) {
    const Played played = PlayAll(pieces);
    EXPECT_EQ(played.full, whole.full) << how;
    EXPECT_TRUE(played.accounted) << how;
    return played.full == whole.full && played.accounted;
  };
  const Conversation joined = Joined(conversation);
  EXPECT_TRUE(expect_same(joined, "in the fewest reads"));
  EXPECT_TRUE(expect_same(InPieces(conversation, 1), "byte by byte"));
  EXPECT_TRUE(expect_same(InPieces(conversation, 3), "three bytes each"));
  // A conversation of more than 4 KiB has its length from one long value, in which a cut is like its neighbours.
  const size_t step = std::max<size_t>(1, ByteCount(joined) / 4096);
  for (size_t at = 1; at < ByteCount(joined); at += step) {
    if (!expect_same(SplitAt(joined, at), "cut before byte " + std::to_string(at))) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Protocol, Golden, testing::ValuesIn(Names()),
                         [](const testing::TestParamInfo<std::string>& instance) { return instance.param; });

TEST(GoldenFiles, AreAtLeast120) { EXPECT_GE(Names().size(), 120U); }

}  // namespace
}  // namespace pgassay::session
