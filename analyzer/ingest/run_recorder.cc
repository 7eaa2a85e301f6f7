#include <time.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <vector>

#include "analyzer/ingest/ingest.h"
#include "proxy/base/clock.h"

namespace pgassay::ingest {
namespace {

constexpr int64_t kPollNs = 10'000'000;     // the relay is never asked to wake us
constexpr uint64_t kRecordsPerTurn = 4096;  // between looks at the clock

struct Counter {
  std::string_view name;  // in the trace
  std::atomic<uint64_t> LoopTotals::* field;
};

constexpr auto kCounters = std::to_array<Counter>({
    {"relayed_bytes", &LoopTotals::relayed_bytes},
    {"decoded_bytes", &LoopTotals::decoded_bytes},
    {"skipped_bytes", &LoopTotals::skipped_bytes},
    {"opaque_bytes", &LoopTotals::opaque_bytes},
    {"opaque_sessions", &LoopTotals::sessions_opaque},
    {"dropped_events", &LoopTotals::dropped_events},
    {"dropped_value_batches", &LoopTotals::dropped_value_batches},
    {"cancel_requests", &LoopTotals::cancel_requests},
    {"gssenc_refused", &LoopTotals::gssenc_refused},
    {"ssl_refused", &LoopTotals::ssl_refused},
    {"refused_connections", &LoopTotals::refused_connections},
    {"tls_clients", &LoopTotals::tls_clients},
    {"tls_client_failures", &LoopTotals::tls_client_failures},
    {"tls_server_failures", &LoopTotals::tls_server_failures},
    {"bytes_before_tls", &LoopTotals::bytes_before_tls},
    {"removed_bytes", &LoopTotals::removed_bytes},
});

// One loop's stream: the ring and the record at its front, decoded once.
struct Stream {
  SharedRing* ring;
  LoopTotals* totals;
  session::Record front;  // while `filled`; its memory serves the next one
  bool filled = false;
  int64_t time_ns = 0;  // never decreases; dictionaries take the time before them
  int64_t watermark_ns = 0;

  bool Fill() {
    if (filled) return true;
    const auto bytes = ring->Front();
    if (bytes.empty()) return false;
    session::DecodeRecord(bytes, front);
    time_ns = std::max(time_ns, session::RecordTimeNs(front));
    return filled = true;
  }

  // A sleeping loop with an empty ring will not make a record older than `now_ns`, which was read before.
  void ReadWatermark(int64_t now_ns) {
    const bool sleeping = totals->sleeping.load(std::memory_order_seq_cst) != 0;
    watermark_ns = sleeping && ring->Empty() ? now_ns : totals->watermark_ns.load(std::memory_order_acquire);
  }
};

class RecorderLoop {
 public:
  RecorderLoop(std::span<SharedRing> rings, SharedTotals& totals, trace::Recorder& recorder, Ingest& ingest)
      : totals_(totals), recorder_(recorder), ingest_(ingest) {
    for (size_t i = 0; i < rings.size(); ++i) {
      streams_.push_back({.ring = &rings[i], .totals = &totals.loops[i], .front = {}});
    }
    if (totals.recorder.restarts.load() == 0) return;
    // What was counted before is in the recording of the recorder that died, or in its gap.
    for (size_t i = 0; i < kCounters.size(); ++i) before_[i] = Sum(kCounters[i].field);
    dropped_events_ = Sum(&LoopTotals::dropped_events);
  }

  Result<> Run() {
    while (true) {
      const bool last = totals_.relay_done.load(std::memory_order_acquire) != 0;
      const uint64_t taken = Turn(last);
      const int64_t now_ns = MonotonicNowNs();
      ingest_.PollCatalogs(now_ns);
      if (recorder_.CommitDue(now_ns)) Commit(now_ns);
      if (taken >= kRecordsPerTurn) continue;
      if (last && taken == 0) return Finish(now_ns);
      if (!last) Sleep();
    }
  }

 private:
  // Takes records in the order of time over all loops, up to what every loop has promised not to undercut.
  uint64_t Turn(bool last) {
    int64_t limit_ns = std::numeric_limits<int64_t>::max();
    if (!last && streams_.size() > 1) {
      const int64_t now_ns = MonotonicNowNs();
      for (Stream& stream : streams_) {
        stream.ReadWatermark(now_ns);
        limit_ns = std::min(limit_ns, stream.watermark_ns);
      }
    }
    uint64_t taken = 0;
    for (; taken < kRecordsPerTurn; ++taken) {
      Stream* next = nullptr;
      for (Stream& stream : streams_) {
        if (stream.Fill() && stream.time_ns <= limit_ns && (next == nullptr || stream.time_ns < next->time_ns)) {
          next = &stream;
        }
      }
      if (next == nullptr) break;
      ingest_.OnRecord(next->front);
      if (std::holds_alternative<session::QueryEvent>(next->front)) ++executions_;
      next->filled = false;
      next->ring->Pop();
    }
    return taken;
  }

  // A trace that cannot be written pauses inside the recorder, which says so in a gap row; traffic and this loop go on.
  void Commit(int64_t now_ns) {
    ingest_.Flush(now_ns);
    WriteCounters(now_ns);
    const bool written = recorder_.Commit(now_ns).has_value();
    totals_.recorder.paused.store(written ? 0 : 1, std::memory_order_relaxed);
    if (!written) return;
    totals_.recorder.last_commit_ns.store(now_ns, std::memory_order_relaxed);
    totals_.recorder.executions.store(executions_, std::memory_order_relaxed);
  }

  Result<> Finish(int64_t now_ns) {
    ingest_.Finish(now_ns);
    WriteCounters(now_ns);
    totals_.recorder.executions.store(executions_, std::memory_order_relaxed);
    return recorder_.Finish(now_ns, dropped_events_ == 0 && totals_.recorder.restarts.load() == 0);
  }

  uint64_t Sum(std::atomic<uint64_t> LoopTotals::* field) const {
    uint64_t sum = 0;
    for (const Stream& stream : streams_) sum += (stream.totals->*field).load(std::memory_order_relaxed);
    return sum;
  }

  void WriteCounters(int64_t now_ns) {
    for (size_t i = 0; i < kCounters.size(); ++i) {
      recorder_.SetCounter(kCounters[i].name, Sum(kCounters[i].field) - before_[i]);
    }
    const uint64_t dropped = Sum(&LoopTotals::dropped_events);
    if (dropped > dropped_events_) {
      recorder_.AddGap(last_counters_ns_, now_ns, "dropped_events", dropped - dropped_events_);
    }
    dropped_events_ = dropped;
    last_counters_ns_ = now_ns;
  }

  static void Sleep() {
    const timespec pause{.tv_sec = 0, .tv_nsec = kPollNs};
    nanosleep(&pause, nullptr);
  }

  SharedTotals& totals_;
  trace::Recorder& recorder_;
  Ingest& ingest_;
  std::vector<Stream> streams_;
  std::array<uint64_t, kCounters.size()> before_{};
  uint64_t executions_ = 0;
  uint64_t dropped_events_ = 0;
  int64_t last_counters_ns_ = MonotonicNowNs();
};

}  // namespace

Result<> RunRecorder(std::span<SharedRing> rings, SharedTotals& totals, const HashKey& key,
                     const trace::OpenOptions& trace, const IngestOptions& options) {
  trace::OpenOptions open = trace;
  open.parser = sql::ParserName();
  auto recorder = trace::Recorder::Open(open);
  if (!recorder) return std::unexpected(recorder.error());
  if (const uint64_t restarts = totals.recorder.restarts.load(); restarts > 0) {
    (*recorder)->AddGap(totals.recorder.last_commit_ns.load(), MonotonicNowNs(), "recorder_restart", 0);
  }
  totals.recorder.ready.store(1, std::memory_order_release);
  IngestOptions of_loops = options;
  of_loops.loops = rings.size();
  of_loops.from_the_start = totals.recorder.restarts.load() == 0;
  Ingest ingest(key, **recorder, std::move(of_loops));
  return RecorderLoop(rings, totals, **recorder, ingest).Run();
}

}  // namespace pgassay::ingest
