#include "proxy/relay/ring_sink.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

#include "proxy/base/clock.h"
#include "proxy/relay/count.h"

namespace pgassay::relay {
namespace {

constexpr size_t kColumnBuckets = 1 << 11;  // 8 192 row descriptions
// On a busy machine the finder is scheduled late. With the recorder's commit interval this stays below the second that
// a kill may cost.
constexpr int64_t kClientPatience = 500'000'000;
constexpr int64_t kClientPatienceOfRunners = 5'000'000'000;
constexpr size_t kMaxWaitingBytes = 1 << 20;
constexpr size_t kMaxKeptBytes = 2 << 20;
constexpr size_t kValueBatchReserve = 4;  // value batches leave this part of the ring free

constexpr size_t kDrawnValues = 8;  // executions of a text whose values are sent, drawn evenly over all
constexpr size_t kMaxSampledTexts = 16'384;

}  // namespace

RecentHashes::RecentHashes(size_t buckets) : hashes_(buckets * kWays), buckets_(buckets) {
  assert((buckets & (buckets - 1)) == 0);
}

std::span<uint64_t> RecentHashes::Bucket(uint64_t hash) {
  return std::span(hashes_).subspan((hash & (buckets_ - 1)) * kWays, kWays);
}

bool RecentHashes::Insert(uint64_t hash) {
  const std::span<uint64_t> bucket = Bucket(hash);
  if (std::ranges::find(bucket, hash) != bucket.end()) return false;
  const auto empty = std::ranges::find(bucket, uint64_t{0});
  (empty != bucket.end() ? *empty : bucket[next_victim_++ % kWays]) = hash;
  return true;
}

void RecentHashes::Erase(uint64_t hash) { std::ranges::replace(Bucket(hash), hash, uint64_t{0}); }

void RecentHashes::Clear() { std::ranges::fill(hashes_, uint64_t{0}); }

RingSink::RingSink(SharedRing& ring, LoopTotals& totals, const RecorderTotals& recorder, bool send_values)
    : ring_(ring),
      totals_(totals),
      recorder_(recorder),
      generation_(recorder.generation.load(std::memory_order_acquire)),
      texts_(session::kKnownTexts / RecentHashes::kWays),
      columns_(kColumnBuckets),
      client_patience_ns_(kClientPatience),
      send_values_(send_values) {}

void RingSink::ExpectRunners() { client_patience_ns_ = kClientPatienceOfRunners; }

// A small table: it stays in the cache where every text is new. What the recorder may have forgotten is sent again.
bool RingSink::WantsText(uint64_t text_hash) {
  if (!texts_.Insert(text_hash)) return false;
  if (++texts_sent_ < session::kKnownTexts) return true;
  texts_.Clear();
  texts_sent_ = 0;
  return true;
}
// The first half of algorithm R: the n-th execution is taken with probability k/n. Whose place it takes is the
// recorder's to draw.
bool RingSink::WantsValues(uint64_t text_hash, int64_t database_ns, uint64_t rows) {
  if (sampled_.size() >= kMaxSampledTexts && !sampled_.contains(text_hash)) sampled_.clear();
  Sampled& sampled = sampled_[text_hash];
  ++sampled.executions;
  random_ ^= random_ << 13;  // xorshift64
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const bool drawn = sampled.executions <= kDrawnValues || random_ % sampled.executions < kDrawnValues;
  const bool most = database_ns > sampled.slowest_ns || rows > sampled.most_rows;
  sampled.slowest_ns = std::max(sampled.slowest_ns, database_ns);
  sampled.most_rows = std::max(sampled.most_rows, rows);
  return drawn || most;
}
bool RingSink::WantsColumns(uint64_t columns_hash) { return columns_.Insert(columns_hash); }

void RingSink::AwaitClient(uint64_t session_id, std::shared_ptr<const ClientPid> client) {
  clients_.insert_or_assign(session_id, std::move(client));
}

void RingSink::Emit(const session::Record& record) {
  encoded_.clear();
  session::EncodeRecord(record, encoded_);
  if (const auto* opened = std::get_if<session::SessionOpened>(&record); opened != nullptr && !clients_.empty()) {
    if (auto client = clients_.extract(opened->session_id)) {
      Hold(std::move(client.mapped()), MonotonicNowNs() + client_patience_ns_);
      return Release(0, false);
    }
  }
  if (waiting()) return Hold(nullptr, 0);
  Push(record, encoded_);
}

void RingSink::Hold(std::shared_ptr<const ClientPid> client, int64_t until_ns) {
  waiting_bytes_ += encoded_.size();
  waiting_.push_back({encoded_, std::move(client), until_ns});
  if (waiting_bytes_ > kMaxWaitingBytes) Release(0, true);
}

void RingSink::Release(int64_t now_ns, bool force) {
  while (!waiting_.empty()) {
    const Waiting& first = waiting_.front();
    session::Record record = session::DecodeRecord(first.encoded);
    if (first.client) {
      const int32_t pid = first.client->value.load(std::memory_order_acquire);
      if (pid == ClientPid::kPending && !force && now_ns < first.until_ns) return;
      auto& opened = std::get<session::SessionOpened>(record);
      opened.client_pid = std::max(pid, 0);
      if (pid > 0) opened.client_parents = first.client->parents;
      encoded_.clear();
      session::EncodeRecord(record, encoded_);
      Push(record, encoded_);
    } else {
      Push(record, first.encoded);
    }
    waiting_bytes_ -= first.encoded.size();
    waiting_.pop_front();
  }
}

void RingSink::Push(const session::Record& record, std::span<const std::byte> encoded) {
  if (std::holds_alternative<session::RowBatch>(record)) {
    if (!ring_.TryPush(encoded, {}, ring_.capacity() / kValueBatchReserve)) Count(totals_.dropped_value_batches);
    return;
  }
  if (std::holds_alternative<session::SentValues>(record)) {
    ring_.TryPush(encoded, {}, ring_.capacity() / kValueBatchReserve);  // a sample less
    return;
  }
  if (!std::holds_alternative<session::QueryEvent>(record)) Remember(record, encoded);
  if (ring_.TryPush(encoded, {}, 0)) return;
  Count(totals_.dropped_events);
  if (const auto* text = std::get_if<session::StatementText>(&record)) texts_.Erase(text->text_hash);
  if (const auto* columns = std::get_if<session::ColumnsDescribed>(&record)) columns_.Erase(columns->columns_hash);
}

// Named statements are parsed once: their texts are kept, out of the last ones that went by.
void RingSink::Remember(const session::Record& record, std::span<const std::byte> encoded) {
  if (const auto* text = std::get_if<session::StatementText>(&record)) {
    RecentText& recent = recent_texts_[next_recent_text_++ % kRecentTexts];
    recent.hash = text->text_hash;
    recent.encoded.assign(encoded.begin(), encoded.end());
  } else if (const auto* prepared = std::get_if<session::StatementPrepared>(&record)) {
    if (named_texts_.Has(prepared->text_hash)) return;
    const auto recent = std::ranges::find(recent_texts_, prepared->text_hash, &RecentText::hash);
    if (recent != recent_texts_.end()) named_texts_.Keep(recent->hash, recent->encoded);
  } else if (const auto* columns = std::get_if<session::ColumnsDescribed>(&record)) {
    described_columns_.Keep(columns->columns_hash, encoded);
  } else if (const auto* opened = std::get_if<session::SessionOpened>(&record)) {
    open_sessions_.insert_or_assign(opened->session_id, std::vector(encoded.begin(), encoded.end()));
  } else if (const auto* closed = std::get_if<session::SessionClosed>(&record)) {
    open_sessions_.erase(closed->session_id);
  } else if (const auto* mark = std::get_if<session::ScopeMark>(&record)) {
    if (mark->phase == session::ScopePhase::kNone) {
      runners_.erase(mark->runner_id);
    } else {
      runners_.insert_or_assign(mark->runner_id, std::vector(encoded.begin(), encoded.end()));
    }
  }
}

void RingSink::OnNewRecorder() {
  generation_ = recorder_.generation.load(std::memory_order_acquire);
  texts_.Clear();
  columns_.Clear();
  sampled_.clear();
  for (const auto& [runner_id, mark] : runners_) Announce(mark);
  for (const auto& [session_id, opened] : open_sessions_) Announce(opened);
  for (const auto& [hash, text] : named_texts_.entries()) {
    if (texts_.Insert(hash)) Announce(text);
  }
  for (const auto& [hash, columns] : described_columns_.entries()) {
    if (columns_.Insert(hash)) Announce(columns);
  }
}

void RingSink::Announce(std::span<const std::byte> encoded) {
  if (!ring_.TryPush(encoded, {}, 0)) Count(totals_.dropped_events);
}

void KeptEntries::Keep(uint64_t hash, std::span<const std::byte> encoded) {
  if (bytes_ + encoded.size() > kMaxKeptBytes) return;
  if (entries_.try_emplace(hash, encoded.begin(), encoded.end()).second) bytes_ += encoded.size();
}

}  // namespace pgassay::relay
