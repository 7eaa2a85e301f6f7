// Where a loop's sessions put their records: encoded, into the loop's ring. A record that does not fit is dropped and
// counted; value batches leave a quarter of the ring to events. Dictionary entries are offered once per recorder
// generation: a bounded table remembers which ones went, and forgets (so that they go again) when it is full or a push
// failed. A restarted recorder knows nothing: OnBatch() sees the new generation, and every open session is announced
// again. Threads: one loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "proxy/base/shared_ring.h"
#include "proxy/base/shared_totals.h"
#include "proxy/relay/client_process.h"
#include "proxy/session/query_event.h"
#include "proxy/session/session.h"

namespace pgassay::relay {

// A set of 64-bit hashes in fixed memory; when a bucket is full an old member makes room. 0 is no member.
class RecentHashes {
 public:
  static constexpr size_t kWays = 4;

  explicit RecentHashes(size_t buckets);  // a power of two
  bool Insert(uint64_t hash);             // true if it was not there
  void Erase(uint64_t hash);
  void Clear();

 private:
  std::span<uint64_t> Bucket(uint64_t hash);
  std::vector<uint64_t> hashes_;
  size_t buckets_;
  size_t next_victim_ = 0;
};

// Dictionary entries as they went, by their hash, up to a size; what comes later is not kept.
class KeptEntries {
 public:
  void Keep(uint64_t hash, std::span<const std::byte> encoded);
  bool Has(uint64_t hash) const { return entries_.contains(hash); }
  const std::unordered_map<uint64_t, std::vector<std::byte>>& entries() const { return entries_; }

 private:
  std::unordered_map<uint64_t, std::vector<std::byte>> entries_;
  size_t bytes_ = 0;
};

class RingSink : public session::RecordSink {
 public:
  // `send_values`: parameters too, of an even sample of each text's executions, the slowest so far and those with most
  // rows so far.
  RingSink(SharedRing& ring, LoopTotals& totals, const RecorderTotals& recorder, bool send_values = false);

  void Emit(const session::Record& record) override;
  bool WantsText(uint64_t text_hash) override;
  bool WantsColumns(uint64_t columns_hash) override;
  bool KeepsValues() const override { return send_values_; }
  bool WantsValues(uint64_t text_hash, int64_t database_ns, uint64_t rows) override;

  // The session's SessionOpened gets its client_pid from here. Waited for longer once there are runners: to which test
  // a query belongs hangs on it.
  void ExpectRunners();
  void AwaitClient(uint64_t session_id, std::shared_ptr<const ClientPid> client);

  // Call before each batch of readiness.
  void OnBatch() {
    if (recorder_.generation.load(std::memory_order_acquire) != generation_) OnNewRecorder();
  }
  // While records wait, times older than the clock may still come: no watermark may be given.
  bool waiting() const { return !waiting_.empty(); }
  // Lets go what need not wait any longer; all of it if `force`.
  void Release(int64_t now_ns, bool force);

 private:
  struct Waiting {
    std::vector<std::byte> encoded;
    std::shared_ptr<const ClientPid> client;  // null: waits for those before it
    int64_t until_ns;
  };

  struct RecentText {
    uint64_t hash = 0;
    std::vector<std::byte> encoded;
  };
  static constexpr size_t kRecentTexts = 64;  // between a Parse and its ParseComplete, over all sessions of the loop

  void OnNewRecorder();
  void Remember(const session::Record& record, std::span<const std::byte> encoded);
  void Announce(std::span<const std::byte> encoded);
  void Hold(std::shared_ptr<const ClientPid> client, int64_t until_ns);
  void Push(const session::Record& record, std::span<const std::byte> encoded);

  SharedRing& ring_;
  LoopTotals& totals_;
  const RecorderTotals& recorder_;
  uint32_t generation_;
  RecentHashes texts_;
  size_t texts_sent_ = 0;  // since the table was empty
  RecentHashes columns_;
  std::vector<std::byte> encoded_;
  std::unordered_map<uint64_t, std::vector<std::byte>> runners_;        // each one's last ScopeMark
  std::unordered_map<uint64_t, std::vector<std::byte>> open_sessions_;  // each one's SessionOpened, as it went
  std::array<RecentText, kRecentTexts> recent_texts_;
  size_t next_recent_text_ = 0;
  KeptEntries named_texts_;
  KeptEntries described_columns_;
  std::unordered_map<uint64_t, std::shared_ptr<const ClientPid>> clients_;
  std::deque<Waiting> waiting_;
  size_t waiting_bytes_ = 0;
  int64_t client_patience_ns_;

  struct Sampled {
    uint64_t executions = 0, most_rows = 0;
    int64_t slowest_ns = 0;
  };
  const bool send_values_;
  std::unordered_map<uint64_t, Sampled> sampled_;  // by text
  uint64_t random_ = 0x9E3779B97F4A7C15;
};

}  // namespace pgassay::relay
