// The SQL texts of a recording: each text is scanned once, each shape analysed once, then both are looked up by hash.
// Bounded, in memory that later texts use again; a text goes when it was not used for long. With one loop every text is
// here that the loop takes for known; with several, one that a loop seldom uses may go while another sends very many,
// and counts as unknown until it is sent again. A named statement's text is pinned: it may run long after. One owner.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analyzer/ingest/named_sql.h"
#include "analyzer/sql/known_shapes.h"
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
  bool may_keep_values = false;  // where --keep-values asks for them
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
  uint32_t offset = 0, length = 0;    // in Text::raw
};

struct Text {
  std::vector<TextStatement> statements;
  std::string raw;  // as sent, in memory only; "" unless asked for, and of a long one
};

class Texts {
 public:
  // `keep_raw`: whether texts are also kept as sent.
  Texts(const HashKey& key, trace::Recorder& recorder, size_t loops, bool keep_raw = false);

  // `whole`: nothing of it was cut off.
  void Add(uint64_t text_hash, std::string_view text, bool whole = true);
  // Null if never seen, or forgotten. Lives until the next Add.
  const Text* Find(uint64_t text_hash);
  // Keeps it for good, if it is here: of a named statement.
  void Pin(uint64_t text_hash);
  // For executions without SQL of their own: "(function call)", "(empty query)", "(statement unknown)"; and for those
  // of statements beyond a bound.
  const Shape* Pseudo(std::string_view label);

 private:
  struct Kept {
    uint64_t hash = 0;
    uint64_t last_used = 0;  // in Adds
    bool pinned = false;
    Text text;
  };

  Kept& Room(uint64_t text_hash);
  bool ReadLikeKnown(std::string_view text, Text& into);
  void ReadAndLearn(std::string_view text, Text& into);
  void Read(std::string_view text, int depth, std::vector<sql::Statement>& scanned, Text& into);
  void ReadStatement(sql::Statement& scanned, size_t index, std::string_view whole, int depth, TextStatement& into);
  const Shape* ShapeOf(const sql::Statement& statement, size_t index, std::string_view whole);

  const HashKey& key_;
  trace::Recorder& recorder_;
  const bool keep_raw_;
  size_t capacity_;  // without the pinned ones
  sql::Analyzer analyzer_;
  std::vector<Kept> kept_;
  std::unordered_map<uint64_t, size_t> places_;  // in kept_
  size_t hand_ = 0;                              // where the search for a place begins
  size_t pinned_ = 0;
  uint64_t added_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<Shape>> shapes_;
  sql::KnownShapes known_;
  sql::Statement like_known_;
  std::vector<sql::Statement> scanned_;
};

}  // namespace pgassay::ingest
