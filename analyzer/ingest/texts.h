// The SQL texts of a recording: each text is scanned once, each shape analysed once, then both are looked up by hash.
// Bounded: beyond kMaxTexts the least recently used half is forgotten; a forgotten text that runs again counts as
// unknown until the relay sends it again.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analyzer/ingest/named_sql.h"
#include "analyzer/sql/statement.h"
#include "analyzer/trace/recorder.h"

namespace pgassay::ingest {

struct Sink {              // a comparison, or a row comparison, whose slots take values
  int comparison = -1;     // of a tuple: its first member
  std::vector<int> slots;  // one; of a tuple: one per member
  bool any_array = false;
};

struct Shape {
  int64_t statement_id = 0;
  sql::Facts facts;
  std::vector<Sink> sinks;
};

struct Text;

struct TextStatement {
  const Shape* shape = nullptr;
  std::vector<sql::Slot> slots;
  std::vector<sql::SlotValue> values;
  std::vector<sql::Tag> tags;
  NamedVerb verb = NamedVerb::kNone;
  std::string name;                   // of the prepared statement or cursor
  std::shared_ptr<const Text> inner;  // PREPARE, DECLARE: what stands behind the name
};

struct Text {
  std::vector<TextStatement> statements;
  mutable uint64_t last_used = 0;
};

class Texts {
 public:
  static constexpr size_t kMaxTexts = 32'768;

  Texts(const HashKey& key, trace::Recorder& recorder) : key_(key), recorder_(recorder) {}

  void Add(uint64_t text_hash, std::string_view text);
  // Null if never seen, or forgotten.
  std::shared_ptr<const Text> Find(uint64_t text_hash) const;
  // For executions without SQL of their own: "(function call)", "(empty query)", "(statement unknown)".
  const Shape* Pseudo(std::string_view label);

 private:
  std::shared_ptr<const Text> Read(std::string_view text, int depth);
  TextStatement ReadStatement(sql::Statement scanned, std::string_view text, int depth);
  const Shape* ShapeOf(const sql::Statement& statement, std::string_view text);
  void ForgetOldHalf();

  const HashKey& key_;
  trace::Recorder& recorder_;
  sql::Analyzer analyzer_;
  std::unordered_map<uint64_t, std::shared_ptr<const Text>> texts_;
  std::unordered_map<uint64_t, std::unique_ptr<Shape>> shapes_;
  mutable uint64_t clock_ = 0;  // of uses, not of time
};

}  // namespace pgassay::ingest
