#include <pg_query.h>
#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <string>

#include "analyzer/sql/facts_reader.h"
#include "analyzer/sql/lexer.h"
#include "analyzer/sql/operation.h"
#include "analyzer/sql/statement.h"

namespace pgassay::sql {
namespace {

constexpr size_t kStackBytes = size_t{64} * 1024 * 1024;  // libpg_query recurses: 30 000 nested operators overflow 8 MiB
constexpr size_t kMaxParsedBytes = size_t{64} * 1024;     // longer texts keep lexical facts
constexpr int kMaxParsedNesting = 1'000;                  // of parentheses and brackets

bool FitsTheParser(std::string_view text, const Lexed& lexed) {
  if (text.size() > kMaxParsedBytes || lexed.stopped_at != std::string_view::npos) return false;
  int depth = 0;
  for (const Token& token : lexed.tokens) {
    if (token.kind == TokenKind::kOpen || token.kind == TokenKind::kOpenBracket) ++depth;
    if (token.kind == TokenKind::kClose || token.kind == TokenKind::kCloseBracket) --depth;
    if (depth > kMaxParsedNesting) return false;
  }
  return true;
}

Facts Parse(std::string_view sql_text) {
  const std::string text(sql_text);
  Facts facts;
  const PgQueryParseResult tree = pg_query_parse(text.c_str());
  facts.parsed = tree.error == nullptr && ReadFacts(tree.parse_tree, ValuePositions(text), facts);
  pg_query_free_parse_result(tree);
  if (!facts.parsed) return {};
  const PgQueryFingerprintResult fingerprint = pg_query_fingerprint(text.c_str());
  if (fingerprint.error == nullptr) facts.fingerprint = fingerprint.fingerprint;
  pg_query_free_fingerprint_result(fingerprint);
  return facts;
}

}  // namespace

// A thread with a stack that fits the parser; one job at a time. pg_query_exit() is never called: it corrupts the heap of a thread
// that parses again.
class Analyzer::Worker {
 public:
  Worker() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    started_ = pthread_create(&thread_, &attributes, &Worker::Main, this) == 0;
    pthread_attr_destroy(&attributes);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    if (!started_) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    pthread_join(thread_, nullptr);
  }

  // Without a thread nothing is parsed: lexical facts remain.
  Facts Run(std::string_view text) {
    if (!started_) return {};
    std::unique_lock lock(mutex_);
    text_ = text;
    pending_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !pending_; });
    return std::move(facts_);
  }

 private:
  static void* Main(void* self) {
    static_cast<Worker*>(self)->Loop();
    return nullptr;
  }

  void Loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return pending_ || stopping_; });
      if (stopping_) return;
      facts_ = Parse(text_);
      pending_ = false;
      changed_.notify_all();
    }
  }

  pthread_t thread_{};
  bool started_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string_view text_;
  Facts facts_;
  bool pending_ = false;
  bool stopping_ = false;
};

Analyzer::Analyzer() : worker_(std::make_unique<Worker>()) {}
Analyzer::~Analyzer() = default;

Facts Analyzer::Analyze(std::string_view sql_text, const Statement& statement) {
  Lexed lexed;
  Lex(sql_text, lexed);
  if (!statement.truncated && FitsTheParser(sql_text, lexed)) {
    Facts facts = worker_->Run(sql_text);
    if (facts.parsed) return facts;
  }
  return LexicalFacts(sql_text, lexed);
}

}  // namespace pgassay::sql
