#include "analyzer/ingest/texts.h"

#include <algorithm>
#include <utility>

namespace pgassay::ingest {
namespace {

bool TakesValues(const sql::Comparison& comparison) {
  using sql::Comparator;
  return comparison.slot >= 0 && comparison.function.empty() && !comparison.column.column.empty() &&
         (comparison.comparator == Comparator::kEqual || comparison.comparator == Comparator::kInList ||
          comparison.comparator == Comparator::kAnyArray);
}

std::vector<Sink> SinksOf(const sql::Facts& facts) {
  std::vector<Sink> sinks;
  std::unordered_map<int, size_t> tuples;
  for (size_t i = 0; i < facts.comparisons.size(); ++i) {
    const sql::Comparison& comparison = facts.comparisons[i];
    if (!TakesValues(comparison)) continue;
    if (comparison.tuple >= 0) {
      const auto [at, first] = tuples.try_emplace(comparison.tuple, sinks.size());
      if (!first) {
        sinks[at->second].slots.push_back(comparison.slot);
        continue;
      }
    }
    sinks.push_back({.comparison = static_cast<int>(i),
                     .slots = {comparison.slot},
                     .any_array = comparison.comparator == sql::Comparator::kAnyArray});
  }
  return sinks;
}

}  // namespace

void Texts::Add(uint64_t text_hash, std::string_view text) {
  if (texts_.contains(text_hash)) return;
  if (texts_.size() >= kMaxTexts) ForgetOldHalf();
  auto read = Read(text, 0);
  read->last_used = ++clock_;
  for (const TextStatement& statement : read->statements) {
    recorder_.AddText(statement.shape->statement_id, text_hash);
  }
  texts_.emplace(text_hash, std::move(read));
}

std::shared_ptr<const Text> Texts::Find(uint64_t text_hash) const {
  const auto found = texts_.find(text_hash);
  if (found == texts_.end()) return nullptr;
  found->second->last_used = ++clock_;
  return found->second;
}

const Shape* Texts::Pseudo(std::string_view label) {
  const uint64_t hash = HashBytes(HashKey::ForTests(0), label);  // a fixed key: the same in every recording
  auto& shape = shapes_[hash];
  if (!shape) {
    shape = std::make_unique<Shape>();
    shape->facts.operation = sql::Operation::kOther;
    shape->statement_id = recorder_.StatementId(hash, label, shape->facts);
  }
  return shape.get();
}

std::shared_ptr<const Text> Texts::Read(std::string_view text, int depth) {
  auto read = std::make_shared<Text>();
  for (sql::Statement& statement : sql::Scan(key_, text)) {
    const std::string_view own = text.substr(statement.offset, statement.length);
    read->statements.push_back(ReadStatement(std::move(statement), own, depth));
  }
  return read;
}

TextStatement Texts::ReadStatement(sql::Statement scanned, std::string_view text, int depth) {
  TextStatement statement;
  NamedSql named = ReadNamedSql(text);
  statement.tags = std::move(scanned.tags);
  std::string_view analysed = text;
  if (named.verb != NamedVerb::kNone) {
    auto again = sql::Scan(key_, named.anonymous);
    if (again.size() == 1) {
      scanned = std::move(again.front());
      analysed = named.anonymous;
    }
    statement.verb = named.verb;
    statement.name = std::move(named.name);
    if (!named.inner.empty() && depth == 0) statement.inner = Read(named.inner, depth + 1);
  }
  statement.shape = ShapeOf(scanned, analysed);
  statement.slots = std::move(scanned.slots);
  statement.values = std::move(scanned.values);
  return statement;
}

const Shape* Texts::ShapeOf(const sql::Statement& statement, std::string_view text) {
  auto& shape = shapes_[statement.shape_hash];
  if (!shape) {
    shape = std::make_unique<Shape>();
    shape->facts = analyzer_.Analyze(text, statement);
    shape->facts.inner_sql.clear();  // as sent: not for keeping
    shape->sinks = SinksOf(shape->facts);
    shape->statement_id = recorder_.StatementId(statement.shape_hash, statement.sql, shape->facts);
  }
  return shape.get();
}

void Texts::ForgetOldHalf() {
  std::vector<uint64_t> uses;
  uses.reserve(texts_.size());
  for (const auto& [hash, text] : texts_) uses.push_back(text->last_used);
  const auto middle = uses.begin() + static_cast<std::ptrdiff_t>(uses.size() / 2);
  std::nth_element(uses.begin(), middle, uses.end());
  std::erase_if(texts_, [limit = *middle](const auto& entry) { return entry.second->last_used < limit; });
}

}  // namespace pgassay::ingest
