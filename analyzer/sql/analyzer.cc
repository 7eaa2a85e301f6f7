#include <pg_query.h>
#include <pthread.h>
#include <simdjson.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "analyzer/sql/operation.h"
#include "analyzer/sql/scan.h"
#include "analyzer/sql/statement.h"
#include "analyzer/sql/tree_facts.h"
#include "proxy/session/query_event.h"

namespace pgassay::sql {
namespace {

constexpr size_t kStackBytes = size_t{64} * 1024 * 1024;
constexpr size_t kMaxNesting = 1000;    // of brackets; the deepest that people write is below 50
constexpr size_t kMaxOperators = 5000;  // a chain of them is a tree as deep
constexpr size_t kMaxTreeDepth = 8192;  // of the JSON: four levels for one of the grammar

// Could this text overflow the parser's stack, or cost seconds?
bool TooDeep(const Lexed& lexed) {
  size_t depth = 0, deepest = 0, operators = 0;
  for (const Token& token : lexed.tokens) {
    if (token.kind == TokenKind::kOpen || token.kind == TokenKind::kOpenBracket)
      deepest = std::max(deepest, ++depth);
    else if ((token.kind == TokenKind::kClose || token.kind == TokenKind::kCloseBracket) && depth > 0)
      --depth;
    else if (token.kind == TokenKind::kOperator || token.kind == TokenKind::kCast)
      ++operators;
  }
  return deepest > kMaxNesting || operators > kMaxOperators;
}

struct ParseDeleter {
  void operator()(PgQueryParseResult* result) const {
    pg_query_free_parse_result(*result);
    delete result;
  }
};

// libpg_query on one text: on the worker's stack.
void Parse(const std::string& text, const std::vector<ValuePosition>& values, Facts& facts) {
  const std::unique_ptr<PgQueryParseResult, ParseDeleter> parsed(new PgQueryParseResult(pg_query_parse(text.c_str())));
  if (parsed->error != nullptr || parsed->parse_tree == nullptr) return;
  simdjson::dom::parser parser;
  simdjson::dom::array statements;
  const std::string_view tree(parsed->parse_tree);
  if (parser.allocate(tree.size(), kMaxTreeDepth) != simdjson::SUCCESS) return;
  if (parser.parse(tree.data(), tree.size())["stmts"].get(statements) != simdjson::SUCCESS || statements.size() != 1)
    return;
  simdjson::dom::element statement;
  if (statements.at(0)["stmt"].get(statement) != simdjson::SUCCESS) return;
  Facts read;
  FactsFromTree(statement, values, read);
  read.parsed = true;
  PgQueryFingerprintResult fingerprint = pg_query_fingerprint(text.c_str());
  if (fingerprint.error == nullptr) read.fingerprint = fingerprint.fingerprint;
  pg_query_free_fingerprint_result(fingerprint);
  facts = std::move(read);
}

}  // namespace

// The thread is started by the first statement: its owner may fork before.
class Analyzer::Worker {
 public:
  Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    if (!started_) return;
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    pthread_join(thread_, nullptr);
  }

  // False: no thread could be had.
  bool Run(const std::string& text, const std::vector<ValuePosition>& values, Facts& facts) {
    if (!started_ && !Start()) return false;
    std::unique_lock lock(mutex_);
    text_ = &text;
    values_ = &values;
    facts_ = &facts;
    wake_.notify_all();
    done_.wait(lock, [this] { return facts_ == nullptr; });
    return true;
  }

 private:
  bool Start() {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    started_ = pthread_attr_setstacksize(&attributes, kStackBytes) == 0 &&
               pthread_create(&thread_, &attributes, &Worker::Main, this) == 0;
    pthread_attr_destroy(&attributes);
    return started_;
  }

  static void* Main(void* worker) {
    static_cast<Worker*>(worker)->Loop();
    return nullptr;
  }

  void Loop() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stop_ || facts_ != nullptr; });
      if (stop_) return;
      try {
        Parse(*text_, *values_, *facts_);
      } catch (const std::exception&) {
        facts_->parsed = false;  // out of memory: the lexical facts stay
      }
      facts_ = nullptr;
      done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::string* text_ = nullptr;
  const std::vector<ValuePosition>* values_ = nullptr;
  Facts* facts_ = nullptr;
  bool stop_ = false;
  bool started_ = false;
  pthread_t thread_{};
};

Analyzer::Analyzer() : worker_(std::make_unique<Worker>()) {}
Analyzer::~Analyzer() = default;

Facts Analyzer::Analyze(std::string_view sql_text, const Statement& statement) {
  Lexed lexed;
  Lex(sql_text, lexed);
  while (!lexed.tokens.empty() && lexed.tokens.back().kind == TokenKind::kSemicolon) lexed.tokens.pop_back();
  Facts facts = LexicalFacts(sql_text, lexed);
  const bool parses = !lexed.tokens.empty() && lexed.stopped_at == std::string_view::npos && !statement.truncated &&
                      sql_text.size() < session::kMaxTextBytes && !TooDeep(lexed) &&
                      sql_text.find('\0') == std::string_view::npos;
  if (parses) {
    const std::string text(sql_text);
    worker_->Run(text, ValuePositions(text), facts);
  }
  return facts;
}

std::string_view ParserName() { return "libpg_query " PG_VERSION; }

}  // namespace pgassay::sql
