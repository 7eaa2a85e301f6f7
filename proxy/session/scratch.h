// What the sessions of one loop share so that an idle one holds nothing and a busy one allocates nothing: recycled
// executions, statements and token rings, the row batch being filled, the event being emitted, the layouts last seen.
// Ownership: belongs to the loop's RecordSink, which outlives its sessions. Threads: one loop.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/session/execution.h"
#include "proxy/session/pending_requests.h"
#include "proxy/session/row_message.h"

namespace pgassay::session {

// Rows of one execution since its last batch. Filled within one OnBackend call, empty between calls.
struct RowBuffer {
  uint64_t first_row = 0;
  uint32_t rows = 0;
  std::vector<uint64_t> hashes;
  std::vector<uint32_t> column_bytes;
  std::vector<uint32_t> column_nulls;
};

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  ExecutionPtr NewExecution();
  StatementRef NewStatement();
  std::unique_ptr<PendingRequests> NewPending();

  void Recycle(Execution* execution);
  void Recycle(PreparedStatement* statement);
  void Recycle(std::unique_ptr<PendingRequests> pending);

  RowBuffer rows;
  RowCells cells;
  Record event;  // always holds a QueryEvent: its vector is reused
  std::vector<Column> columns;
  LayoutCache layouts;

 private:
  std::vector<std::unique_ptr<Execution>> executions_;
  std::vector<std::unique_ptr<PreparedStatement>> statements_;
  std::vector<std::unique_ptr<PendingRequests>> pending_;
};

}  // namespace pgassay::session
