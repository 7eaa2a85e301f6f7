// Starts and watches the two processes of a recording: relay and recorder, which share only rings and totals. The
// caller's own process stays single-threaded, so that a dead recorder can be forked again while the relay goes on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analyzer/ingest/ingest.h"
#include "proxy/relay/relay.h"

namespace pgassay::cli {

struct SupervisorOptions {
  relay::RelayOptions relay;
  trace::OpenOptions trace;
  ingest::IngestOptions ingest;
  int drain_ms = 0;              // how long sessions may go on after Stop()
  size_t ring_bytes = 16 << 20;  // per loop
  bool check_upstreams = true;
};

class Supervisor {
 public:
  // Binds, checks the upstreams and the trace file, forks relay and recorder, waits until both are ready. Every error
  // is a sentence.
  static Result<Supervisor> Start(const SupervisorOptions& options);
  Supervisor(Supervisor&&) noexcept;
  ~Supervisor();

  const std::vector<relay::Address>& bound() const;  // per route, with the ports that the kernel chose
  const relay::Address& control() const;             // of the control socket; empty without one
  const SharedTotals& totals() const;
  // Reaps and restarts a dead recorder (a gap row is written by the new one). Call at least every 100 ms.
  // An error when the relay died. A recorder that cannot be started again is tried again and again, more and more
  // seldom: relaying goes on without it, and recorder_error() says why.
  Result<> Watch();
  // New connections use the certificates that the files now hold. REQUIRES: relay::CheckCertificates finds them usable.
  void ReloadCertificates();
  // Why the recorder last ended, as a sentence; "" if it never did.
  const std::string& recorder_error() const;
  // Drains and ends both; the trace is whole when this returns. Safe to call twice.
  Result<> Stop();

 private:
  class State;
  explicit Supervisor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pgassay::cli
