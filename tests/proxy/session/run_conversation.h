// Plays a conversation to a Session and keeps what it says. Time stands still at 1 000 unless told: nothing but times
// may depend on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/session/session.h"
#include "tests/support/chunks.h"
#include "tests/support/record_text.h"
#include "tests/support/vector_sink.h"
#include "tests/support/wire_builder.h"

namespace pgassay::session {

struct Played {
  std::vector<std::string> lines;  // of executions, short
  std::vector<std::string> full;   // of every record
  ByteCounts bytes;
  OpaqueReason opaque = OpaqueReason::kNone;
  bool accounted = true;  // decoded + skipped + opaque was all bytes after each call
  uint64_t queries = 0;
};

inline SessionIdentity TestIdentity() {
  return {.session_id = 7,
          .connected_ns = 900,
          .client_pid = 4242,
          .route = 0,
          .client_address = "127.0.0.1:50000",
          .upstream_address = "127.0.0.1:5432"};
}

// The session's owner until the test has looked at its records.
class Player {
 public:
  explicit Player(unsigned char key_seed = 1, bool keeps_values = false)
      : key_(HashKey::ForTests(key_seed)), sink_(keeps_values), session_(TestIdentity(), key_, sink_) {}

  void Play(const tests::Conversation& conversation, int64_t now_ns = 1000) {
    for (const tests::Chunk& chunk : conversation) Hear(chunk.origin, chunk.bytes, now_ns);
  }
  void Hear(wire::Origin origin, std::string_view read, int64_t now_ns = 1000) {
    if (origin == wire::Origin::kFrontend) {
      session_.OnFrontend(read, now_ns);
    } else {
      session_.OnBackend(read, now_ns);
    }
    const ByteCounts& bytes = session_.bytes();
    accounted_ = accounted_ && bytes.decoded + bytes.skipped + bytes.opaque == bytes.frontend + bytes.backend;
  }
  void End(SessionEnd end = SessionEnd::kClientClosed, int64_t now_ns = 1000) { session_.OnEnd(end, now_ns); }

  Session& session() { return session_; }
  const tests::VectorSink& sink() const { return sink_; }
  const HashKey& key() const { return key_; }
  bool accounted() const { return accounted_; }

 private:
  HashKey key_;
  tests::VectorSink sink_;
  Session session_;
  bool accounted_ = true;
};

inline Played PlayAll(const tests::Conversation& conversation) {
  Player player;
  player.Play(conversation);
  player.End();
  const auto records = player.sink().Records();
  return {.lines = tests::ShortLines(records),
          .full = tests::FullLines(records),
          .bytes = player.session().bytes(),
          .opaque = player.session().opaque(),
          .accounted = player.accounted(),
          .queries = player.session().queries()};
}

// What precedes every conversation.
inline tests::Conversation Login() {
  using namespace tests;
  return {Client(StartupMessage({{"user", "alice"}, {"database", "shop"}, {"application_name", "test"}})),
          Server(Message('R', Int32(3))), Client(Password("secret")),
          Server(AuthenticationOk() + ParameterStatus("server_version", "15.4") + BackendKeyData(99, "key!") +
                 ReadyForQuery())};
}

inline tests::Conversation AfterLogin(const tests::Conversation& conversation) {
  tests::Conversation whole = Login();
  whole.insert(whole.end(), conversation.begin(), conversation.end());
  return whole;
}

}  // namespace pgassay::session
