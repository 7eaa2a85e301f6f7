#include "analyzer/ingest/samples.h"

#include <algorithm>

namespace pgassay::ingest {
namespace {

constexpr size_t kMaxBytes = size_t{32} << 20;  // of texts and values; then what is there stays
constexpr size_t kMaxStatements = 20'000;

size_t BytesOf(const Planning& planning) {
  size_t bytes = sizeof planning + planning.sample.sql.size();
  for (const catalog::BindValue& bind : planning.sample.binds) bytes += sizeof bind + bind.value.size();
  return bytes;
}

}  // namespace

void SlotUse::Count(uint64_t hash) {
  ++executions;
  const auto known = std::ranges::find_if(counters, [&](const Counter& c) { return c.count > 0 && c.hash == hash; });
  if (known != counters.end()) {
    ++known->count;
    return;
  }
  const auto free = std::ranges::find(counters, uint64_t{0}, &Counter::count);
  if (free != counters.end()) {
    *free = {.hash = hash, .count = 1};
    return;
  }
  for (Counter& counter : counters) --counter.count;
}

uint64_t SlotUse::top() const { return std::ranges::max(counters, {}, &Counter::count).count; }

void Samples::Count(int64_t statement_id, const sql::Facts& facts, uint64_t rows,
                    std::span<const lineage::SinkValue> sinks) {
  if (uses_.size() >= kMaxStatements && !uses_.contains(statement_id)) return;
  StatementUse& use = uses_[statement_id];
  use.statement_id = statement_id;
  use.facts = &facts;
  ++use.calls;
  use.rows += rows;
  for (const lineage::SinkValue& sink : sinks) {
    if (sink.comparison < 0 || static_cast<size_t>(sink.comparison) >= facts.comparisons.size()) continue;
    const int number = facts.comparisons[static_cast<size_t>(sink.comparison)].slot;
    if (number < 0) continue;
    auto slot = std::ranges::find(use.slots, number, &SlotUse::slot);
    if (slot == use.slots.end()) slot = use.slots.insert(slot, SlotUse{.slot = number});
    slot->max_elements = std::max(slot->max_elements, static_cast<uint64_t>(std::max<int64_t>(sink.elements, 0)));
    if (sink.hashes.size() == 1) slot->Count(sink.hashes.front().hash);
  }
}

std::vector<StatementUse> Samples::Uses() const {
  std::vector<StatementUse> uses;
  uses.reserve(uses_.size());
  for (const auto& [id, use] : uses_) uses.push_back(use);
  std::ranges::sort(uses, {}, &StatementUse::statement_id);
  return uses;
}

bool Samples::Wants(int64_t statement_id, Values values, int64_t database_ns, uint64_t rows) {
  if (statements_.size() >= kMaxStatements && !statements_.contains(statement_id)) return false;
  OfStatement& statement = statements_[statement_id];
  ++statement.calls;
  statement.database_ns += database_ns;
  random_ ^= random_ << 13;  // xorshift64
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  statement.is_slowest = statement.is_largest = false;
  if (values == Values::kUnknown) {  // one is enough for a generic plan
    statement.place = 0;
    return statement.drawn.empty() && bytes_ < kMaxBytes;
  }
  if (!statement.drawn.empty() && !statement.drawn[0].values_known) {
    statement.place = 0;
  } else if (statement.drawn.size() < kDrawn) {
    statement.place = statement.drawn.size();
  } else {
    statement.place = std::min<size_t>(random_ % (values == Values::kDrawn ? kDrawn : statement.calls), kDrawn);
  }
  statement.is_slowest = !statement.slowest || database_ns > statement.slowest->sample.database_ns;
  statement.is_largest = !statement.largest || rows > statement.largest->sample.rows;
  return bytes_ < kMaxBytes && (statement.place < kDrawn || statement.is_slowest || statement.is_largest);
}

void Samples::Keep(int64_t statement_id, Planning planning) {
  OfStatement& statement = statements_[statement_id];
  planning.number = statement.calls;
  const auto put = [&](auto&& into) {
    bytes_ += BytesOf(planning);
    into = planning;
  };
  if (statement.is_slowest) {
    if (statement.slowest) bytes_ -= BytesOf(*statement.slowest);
    put(statement.slowest);
  }
  if (statement.is_largest) {
    if (statement.largest) bytes_ -= BytesOf(*statement.largest);
    put(statement.largest);
  }
  if (statement.place >= kDrawn) return;
  if (statement.place < statement.drawn.size()) {
    bytes_ -= BytesOf(statement.drawn[statement.place]);
    put(statement.drawn[statement.place]);
  } else {
    put(statement.drawn.emplace_back());
  }
}

std::vector<StatementToPlan> Samples::Costliest(size_t limit) const {
  std::vector<std::pair<int64_t, const OfStatement*>> order;
  for (const auto& [id, statement] : statements_) {
    if (!statement.drawn.empty()) order.emplace_back(id, &statement);
  }
  std::ranges::sort(order, [](const auto& a, const auto& b) {
    return a.second->database_ns != b.second->database_ns ? a.second->database_ns > b.second->database_ns
                                                          : a.first < b.first;
  });
  if (order.size() > limit) order.resize(limit);
  std::vector<StatementToPlan> costliest;
  for (const auto& [id, statement] : order) {
    StatementToPlan one{.statement_id = id,
                        .calls = statement->calls,
                        .database_ns = statement->database_ns,
                        .executions = statement->drawn};
    for (const std::optional<Planning>* extreme : {&statement->slowest, &statement->largest}) {
      if (!*extreme) continue;
      const bool there =
          std::ranges::find(one.executions, (*extreme)->number, &Planning::number) != one.executions.end();
      if (!there) one.executions.push_back(**extreme);
    }
    costliest.push_back(std::move(one));
  }
  return costliest;
}

}  // namespace pgassay::ingest
