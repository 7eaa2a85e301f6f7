// Random valid pipelines against a model of the server: whatever a client sends ahead, each completion and each failure
// is attributed to the text that the server ran. Seeds are fixed, so a failure repeats.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "tests/proxy/session/run_conversation.h"

namespace pgassay::session {
namespace {

using namespace tests;

// The server: its names, what it answers, and what its log would say.
class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  int Roll(int sides) { return std::uniform_int_distribution<int>(0, sides - 1)(random_); }

  // One round: a simple query, or a segment of extended requests up to its Sync.
  void Round(std::string& requests, std::string& replies) {
    if (Roll(5) == 0) {
      const std::string sql = NewText();
      requests += Query(sql);
      statements_.erase("");
      Run(sql, replies);
    } else {
      bool failed = false;
      for (int i = Roll(8); i >= 0; --i) Request(requests, replies, failed);
      requests += Sync();
    }
    portals_.clear();  // each round ends its transaction
    replies += ReadyForQuery();
  }

  const std::vector<std::string>& log() const { return log_; }

 private:
  std::string NewText() { return "select " + std::to_string(++texts_); }
  std::string AnyName() { return std::vector<std::string>{"", "a", "b"}[static_cast<size_t>(Roll(3))]; }

  void Fail(const std::string& text, const std::string& sqlstate, std::string& replies) {
    replies += ErrorResponse(sqlstate);
    log_.push_back("failed " + text + " " + sqlstate);
  }
  bool Run(const std::string& text, std::string& replies) {
    if (Roll(6) == 0) {
      Fail(text, "22012", replies);
      return false;
    }
    const int rows = Roll(3);
    for (int i = 0; i < rows; ++i) replies += DataRow({std::to_string(i)});
    replies += CommandComplete("SELECT " + std::to_string(rows));
    log_.push_back("completed " + text);
    return true;
  }

  void Request(std::string& requests, std::string& replies, bool& failed) {
    const std::string name = AnyName(), portal = AnyName();
    switch (Roll(4)) {
      case 0: {
        const std::string sql = NewText();
        requests += Parse(name, sql);
        if (failed) return;
        if (!name.empty() && statements_.contains(name)) {
          Fail(sql, "42P05", replies);
          failed = true;
          return;
        }
        statements_[name] = sql;
        replies += ParseComplete();
        return;
      }
      case 1: {
        requests += Bind(portal, name, {"1"});
        if (failed) return;
        const auto statement = statements_.find(name);
        const bool taken = !portal.empty() && portals_.contains(portal);
        if (statement == statements_.end() || taken) {
          Fail(statement == statements_.end() ? "?" : statement->second, taken ? "42P03" : "26000", replies);
          failed = true;
          return;
        }
        portals_[portal] = statement->second;
        replies += BindComplete();
        return;
      }
      case 2: {
        requests += CloseStatement(name);
        if (failed) return;
        statements_.erase(name);
        replies += CloseComplete();
        return;
      }
      default: {
        requests += Execute(portal);
        if (failed) return;
        const auto bound = portals_.find(portal);
        if (bound == portals_.end()) {
          Fail("?", "34000", replies);
          failed = true;
          return;
        }
        failed = !Run(bound->second, replies);
        return;
      }
    }
  }

  std::mt19937 random_;
  std::map<std::string, std::string> statements_, portals_;
  std::vector<std::string> log_;
  int texts_ = 0;
};

std::vector<std::string> LogOf(const std::vector<Record>& records) {
  const auto texts = Texts(records);
  std::vector<std::string> log;
  for (const Record& record : records) {
    const auto* event = std::get_if<QueryEvent>(&record);
    if (event == nullptr || event->outcome == QueryOutcome::kSkipped) continue;
    const auto text = texts.find(event->text_hash);
    std::string line = std::string(OutcomeName(event->outcome)) + " " + (text == texts.end() ? "?" : text->second);
    if (event->sqlstate[0] != '\0') line += std::string(" ") + event->sqlstate.data();
    log.push_back(line);
  }
  return log;
}

TEST(RandomPipelines, AttributeEveryCompletionAndFailure) {
  for (unsigned seed = 1; seed <= 400; ++seed) {
    Model model(seed);
    Conversation conversation = Login();
    for (int burst = 0; burst < 6; ++burst) {
      std::string requests, replies;
      for (int rounds = model.Roll(4); rounds >= 0; --rounds) model.Round(requests, replies);
      conversation.push_back(Client(requests));
      conversation.push_back(Server(replies));
    }
    const size_t read_size = static_cast<size_t>(model.Roll(40)) + 1;
    Player player;
    player.Play(conversation);
    ASSERT_EQ(player.session().opaque(), OpaqueReason::kNone) << "seed " << seed;
    ASSERT_EQ(LogOf(player.sink().Records()), model.log()) << "seed " << seed;
    ASSERT_EQ(PlayAll(InPieces(conversation, read_size)).full, PlayAll(conversation).full) << "seed " << seed;
  }
}

}  // namespace
}  // namespace pgassay::session
