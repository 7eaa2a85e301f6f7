#include "analyzer/ingest/texts.h"

#include <algorithm>
#include <utility>

#include "analyzer/ingest/example_values.h"
#include "proxy/session/query_event.h"

namespace pgassay::ingest {
namespace {

// Four times what a loop takes for known, of which half are too young to go: what came lately and what the loop took
// for known before are three quarters at most.
constexpr size_t kTextsOfOneLoop = 4 * session::kKnownTexts;
constexpr size_t kTextsOfSeveral = 32'768;  // one loop's new texts are not to drive out what another still knows
constexpr size_t kMaxPinned = 16'384;
constexpr size_t kMaxShapes = 20'000;  // some kilobytes each; an application has hundreds
constexpr std::string_view kBeyondShapes = "(beyond 20 000 different statements)";
constexpr size_t kMaxRawBytes = 8192;  // longer ones are not planned again

bool TakesValues(const sql::Comparison& comparison) {
  using sql::Comparator;
  return comparison.slot >= 0 && comparison.function.empty() && !comparison.column.column.empty() &&
         (comparison.comparator == Comparator::kEqual || comparison.comparator == Comparator::kInList ||
          comparison.comparator == Comparator::kAnyArray);
}

// Of these a literal is never part of the shape, as the value of a public setting is.
bool SelectsOrChangesRows(sql::Operation operation) {
  using enum sql::Operation;
  return operation == kSelect || operation == kInsert || operation == kUpdate || operation == kDelete;
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

Texts::Texts(const HashKey& key, trace::Recorder& recorder, size_t loops, bool keep_raw)
    : key_(key),
      recorder_(recorder),
      keep_raw_(keep_raw),
      capacity_(loops <= 1 ? kTextsOfOneLoop : std::max(kTextsOfSeveral, kTextsOfOneLoop * loops)),
      known_(key) {}

void Texts::Add(uint64_t text_hash, std::string_view text, bool whole) {
  ++added_;
  if (const auto found = places_.find(text_hash); found != places_.end()) {
    kept_[found->second].last_used = added_;
    return;
  }
  Kept& kept = Room(text_hash);
  if (!ReadLikeKnown(text, kept.text)) ReadAndLearn(text, kept.text);
  kept.text.raw = keep_raw_ && whole && text.size() <= kMaxRawBytes ? text : std::string_view();
  for (const TextStatement& statement : kept.text.statements) {
    recorder_.AddText(statement.shape->statement_id, text_hash);
  }
}

// An empty place, or that of the first text from the hand on which was not used lately.
Texts::Kept& Texts::Room(uint64_t text_hash) {
  if (kept_.size() < capacity_ + pinned_) {
    places_.emplace(text_hash, kept_.size());
    return kept_.emplace_back(Kept{.hash = text_hash, .last_used = added_, .text = {}});
  }
  const auto stays = [&](const Kept& kept, size_t looked_at) {
    return kept.pinned || (added_ - kept.last_used < capacity_ / 2 && looked_at < kept_.size());
  };
  for (size_t looked_at = 0; stays(kept_[hand_], looked_at); ++looked_at) hand_ = (hand_ + 1) % kept_.size();
  Kept& kept = kept_[hand_];
  auto place = places_.extract(kept.hash);
  place.key() = kept.hash = text_hash;
  places_.insert(std::move(place));
  kept.last_used = added_;
  hand_ = (hand_ + 1) % kept_.size();
  return kept;
}

const Text* Texts::Find(uint64_t text_hash) {
  const auto found = places_.find(text_hash);
  if (found == places_.end()) return nullptr;
  Kept& kept = kept_[found->second];
  kept.last_used = added_;
  return &kept.text;
}

void Texts::Pin(uint64_t text_hash) {
  const auto found = places_.find(text_hash);
  if (found == places_.end() || pinned_ >= kMaxPinned) return;
  if (!std::exchange(kept_[found->second].pinned, true)) ++pinned_;
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

// Most new texts are an old one with other literals.
bool Texts::ReadLikeKnown(std::string_view text, Text& into) {
  if (!known_.Read(text, like_known_)) return false;
  into.statements.resize(1);
  TextStatement& statement = into.statements.front();
  statement.shape = shapes_.at(like_known_.shape_hash).get();
  statement.offset = 0;
  statement.length = static_cast<uint32_t>(text.size());
  statement.slots.swap(like_known_.slots);
  statement.values.swap(like_known_.values);
  statement.tags.clear();
  statement.verb = NamedVerb::kNone;
  statement.name.clear();
  statement.inner = nullptr;
  return true;
}

void Texts::ReadAndLearn(std::string_view text, Text& into) {
  Read(text, 0, scanned_, into);
  if (into.statements.size() != 1) return;
  const TextStatement& statement = into.statements.front();
  if (!SelectsOrChangesRows(statement.shape->facts.operation)) return;
  known_.Learn(text, scanned_.front().shape_hash, statement.slots, statement.values);
}

void Texts::Read(std::string_view text, int depth, std::vector<sql::Statement>& scanned, Text& into) {
  sql::ScanShapes(key_, text, scanned);
  into.statements.resize(scanned.size());
  for (size_t i = 0; i < scanned.size(); ++i) ReadStatement(scanned[i], i, text, depth, into.statements[i]);
}

// Gives its vectors in exchange for the ones that `into` has no more use for.
void Texts::ReadStatement(sql::Statement& scanned, size_t index, std::string_view whole, int depth,
                          TextStatement& into) {
  const std::string_view own = whole.substr(scanned.offset, scanned.length);
  const NamedSql named = ReadNamedSql(own);
  into.tags.swap(scanned.tags);
  into.verb = named.verb;
  into.name = named.name;
  into.inner = nullptr;
  into.offset = scanned.offset;
  into.length = scanned.length;
  if (named.verb == NamedVerb::kNone) {
    into.shape = ShapeOf(scanned, index, whole);
    into.slots.swap(scanned.slots);
    into.values.swap(scanned.values);
    return;
  }
  std::vector<sql::Statement> again = sql::Scan(key_, named.anonymous);
  const bool one = again.size() == 1;
  sql::Statement& shaped = one ? again.front() : scanned;
  into.shape = one ? ShapeOf(shaped, 0, named.anonymous) : ShapeOf(shaped, index, whole);
  into.slots.swap(shaped.slots);
  into.values.swap(shaped.values);
  if (named.inner.empty() || depth > 0) return;
  auto inner = std::make_shared<Text>();
  std::vector<sql::Statement> inner_scanned;
  Read(named.inner, depth + 1, inner_scanned, *inner);
  into.inner = std::move(inner);
}

// Of the statement that is the index-th of `whole`.
const Shape* Texts::ShapeOf(const sql::Statement& statement, size_t index, std::string_view whole) {
  if (shapes_.size() >= kMaxShapes && !shapes_.contains(statement.shape_hash)) return Pseudo(kBeyondShapes);
  auto& shape = shapes_[statement.shape_hash];
  if (!shape) {
    const sql::Statement shown = std::move(sql::Scan(key_, whole)[index]);
    shape = std::make_unique<Shape>();
    shape->facts = analyzer_.Analyze(whole.substr(shown.offset, shown.length), shown);
    shape->sinks = SinksOf(shape->facts);
    shape->may_keep_values = MayKeepValues(shape->facts, shown.sql);
    shape->statement_id = recorder_.StatementId(shown.shape_hash, shown.sql, shape->facts);
  }
  return shape.get();
}

}  // namespace pgassay::ingest
