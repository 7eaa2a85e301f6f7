// The door between proxy/ and analyzer/: what a relay loop tells the recorder, as records in a ring.
// Values are borrowed views into the record and live until the ring's Pop(). All times are MonotonicNowNs().
// Nothing here holds a result value, and no parameter but SentValues, which only a sink that asks for them gets: keyed
// hashes (base/canonical_value.h). SQL text travels as it
// was sent and is redacted by the recorder before anything is stored.
//
// Order within one loop: a text, a column set or a prepared name comes before the first record that refers to it;
// a row batch comes before the QueryEvent of its execution; times never decrease within `time_ns` of one loop.
// Dictionaries (StatementText, ColumnsDescribed) are sent again when a loop has forgotten that it sent them: a text
// that is used, and is no named statement's, at the latest after kKnownTexts others; and to every new recorder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgassay::session {

inline constexpr size_t kMaxTextBytes = size_t{64} * 1024;  // of SQL text kept; the rest is counted
// Texts that a loop takes for known to the recorder. The recorder's own table is four times as large and stays in the
// cache: with 1024, a text that comes once cost 0.4 µs more.
inline constexpr size_t kKnownTexts = 256;
inline constexpr size_t kMaxParameterBytes = 1024;   // a longer parameter is not hashed
inline constexpr size_t kMaxHashedParameters = 256;  // per execution; the rest is counted
// Of an execution's parameters in SentValues; none of them beyond.
inline constexpr size_t kMaxSentBytes = size_t{16} * 1024;
inline constexpr size_t kMaxLineageColumns = 8;    // of a result, chosen from RowDescription
inline constexpr uint64_t kMaxLineageRows = 4096;  // of an execution
inline constexpr size_t kMaxClientParents = 8;     // from a test's process up to the runner that started it

enum class SessionEnd : uint8_t { kTerminated, kClientClosed, kServerClosed, kReset, kServerFatal, kShutdown };
// Why a connection is no longer understood. Bytes still flow.
enum class OpaqueReason : uint8_t {
  kNone,
  kBadLength,
  kUnknownType,
  kBadBody,
  kUnexpectedReply,
  kLimit,
  kEncrypted,
  kReplication
};

struct SessionOpened {  // at the first ReadyForQuery, or at the end of a connection that never got there
  uint64_t session_id;  // unique within the recording
  int64_t time_ns;
  int64_t connected_ns;
  int32_t client_pid;  // 0: unknown
  // Of client_pid, nearest first; 0: none known. Only where runners may connect.
  std::array<int32_t, kMaxClientParents> client_parents = {};
  uint16_t route;  // which listener
  bool replication;
  std::string_view client_address;
  std::string_view upstream_address;
  std::string_view user, database, application_name, server_version;
};

struct SessionClosed {
  uint64_t session_id;
  int64_t time_ns;
  SessionEnd end;
  OpaqueReason opaque;  // kNone: understood to the end
  uint64_t relayed_frontend_bytes, relayed_backend_bytes;
  uint64_t decoded_bytes, skipped_bytes, opaque_bytes;
};

struct StatementText {
  uint64_t text_hash;  // of the whole text, never 0
  uint64_t full_length;
  std::string_view text;  // first kMaxTextBytes
};

struct Column {
  std::string_view name;
  uint32_t table_oid;  // 0: an expression
  int16_t attnum;
  uint32_t type_oid;
  int16_t type_size;
  int32_t type_modifier;
};

struct ColumnsDescribed {
  uint64_t columns_hash;  // of the RowDescription without its format codes, never 0
  std::vector<Column> columns;
};

struct StatementPrepared {  // ParseComplete of a *named* statement
  uint64_t session_id;
  int64_t time_ns;
  uint64_t text_hash;
  std::string_view name;
};

struct StatementClosed {  // CloseComplete of a named statement
  uint64_t session_id;
  int64_t time_ns;
  std::string_view name;
};

struct SettingChanged {  // ParameterStatus after login; for a sink that keeps values also what the StartupMessage set,
                         // "options" as a whole
  uint64_t session_id;
  int64_t time_ns;
  std::string_view name, value;
};

// The rows of one execution that one read brought. Cells are hashed for the chosen columns only; bytes and nulls are
// summed for every column (so averages are over the rows of batches, at most kMaxLineageRows of an execution).
struct RowBatch {
  uint64_t session_id;
  uint64_t execution_id;
  int64_t time_ns;
  uint64_t text_hash;  // of the statement that is running, as in QueryEvent, with its index in the text
  uint32_t statement_index;
  std::string_view statement_name;  // as in QueryEvent: only where text_hash is 0
  uint64_t columns_hash;            // 0: never described
  uint64_t first_row;               // position in the execution's result, from 0
  uint32_t row_count;
  uint32_t column_count;                     // of the result
  std::span<const uint16_t> hashed_columns;  // positions, ascending, at most kMaxLineageColumns
  std::span<const uint64_t> hashes;          // row_count x hashed_columns.size(), row by row; 0: NULL or not comparable
  std::span<const uint32_t> column_bytes;    // column_count sums of value bytes
  std::span<const uint32_t> column_nulls;    // column_count counts of NULLs
};

enum class QueryProtocol : uint8_t { kSimple, kExtended, kFunctionCall };
enum class QueryOutcome : uint8_t { kCompleted, kEmpty, kFailed, kSkipped, kConnectionLost, kAbandoned };
// kSkipped: discarded by the server between an error and Sync, never executed. kAbandoned: a portal closed before its
// end. kConnectionLost: not answered when the connection ended, or stopped being understood. kFailed also stands for a
// Parse, Bind or Describe that failed before any Execute (its own Execute is then not reported as skipped), and for an
// error at Sync, where the implicit commit failed: an event of its own with the last statement's text. Both have
// fetches = 0.

enum class CopyDirection : uint8_t { kNone, kIn, kOut, kBoth };

struct ParameterHash {  // one Bind parameter
  uint32_t type_oid;    // declared in Parse or by ParameterDescription; 0: unknown
  bool null;
  bool hashed;           // false: longer than kMaxParameterBytes, or of a type that is not compared
  int32_t array_length;  // -1: no array; else elements in all, of which at most kMaxArrayElements are hashed
  std::span<const uint64_t> hashes;      // one, or one per array element
  std::span<const uint64_t> alternates;  // as long as hashes; 0: none
};

struct QueryEvent {
  uint64_t session_id;
  uint64_t execution_id;    // from 1 within the session; 0 for kSkipped
  int64_t time_ns;          // when this record was made: completion
  int64_t sent_ns;          // the frontend's message that asks for execution was read (its last byte)
  int64_t first_ns;         // first backend byte of its reply, 0: none came
  int64_t done_ns;          // CommandComplete, EmptyQueryResponse, PortalSuspended (the last) or ErrorResponse
  int64_t busy_from_ns;     // max(sent, completion of the execution before): cost = done - busy_from
  int64_t ready_before_ns;  // the first ReadyForQuery since the execution before ended (that of the login counts), so a
                            // prepare-only round trip hides no idle gap; 0: none came before this was sent (pipelined)
  uint64_t text_hash;       // 0: unknown (a name bound that was never seen parsed)
  uint64_t columns_hash;    // 0: no result, or never described
  uint64_t parameters_hash;  // over the Bind's raw format codes and parameter values, keyed; 0: no Bind, no parameters,
                             // or longer than 64 KiB
  uint64_t result_hash;      // over the DataRow bodies of the first kMaxLineageRows, in order; 0: no rows
  uint64_t rows;             // of DataRow, else the count in the command tag
  uint64_t affected_rows;    // the count in the command tag, 0 if none
  uint64_t request_bytes, result_bytes;  // messages with their headers; COPY data included
  uint32_t statement_index;              // k-th statement of a simple query's string, from 0
  uint32_t fetches;                      // Execute messages on this portal
  QueryProtocol protocol;
  QueryOutcome outcome;
  CopyDirection copy;
  char transaction_before;           // 'I' 'T' 'E' of the last ReadyForQuery before this was sent; 0: unknown
  bool pipelined;                    // sent before the reply to the execution before had ended: no wait of its own
  bool first_execution_of_parse;     // tags in the text belong to this request
  bool rows_truncated;               // more rows than kMaxLineageRows, or a batch of this execution was dropped
  uint32_t parameter_count;          // of the Bind; parameters beyond kMaxHashedParameters are missing below
  std::array<char, 6> sqlstate;      // "" unless failed
  std::array<char, 24> command_tag;  // first word(s), cut: "SELECT 12"
  std::string_view statement_name;   // of the Bind, for names prepared by SQL; "" otherwise
  std::vector<ParameterHash> parameters;
};

struct SentValue {    // one Bind parameter as it was sent
  uint32_t type_oid;  // as in ParameterHash
  bool null, binary;
  std::string_view value;
};

// All values of an execution that may be planned again, or be an example; right before its QueryEvent. They stay in
// memory, but for what --keep-values lets into the trace (analyzer/ingest/example_values.h).
struct SentValues {
  uint64_t session_id;
  uint64_t execution_id;
  int64_t time_ns;
  std::vector<SentValue> values;
};

// What a runner of tests, routes or jobs says on the control socket (docs/control-protocol.md). A mark holds from its
// time on, for executions sent then, and says all there is to know: the last one of each runner is enough for a new
// recorder.
enum class ScopeKind : uint8_t { kTest, kRoute, kJob };
enum class ScopePhase : uint8_t { kNone, kSetup, kCall, kTeardown, kBetween };
enum class ScopeOutcome : uint8_t { kUnknown, kPassed, kFailed, kSkipped };

struct ScopeMark {
  uint64_t runner_id;  // one connection of the control socket, unique within the recording
  uint64_t scope_id;   // unique within the recording; 0: none was ever open
  int64_t time_ns;
  int64_t opened_ns;  // the scope
  ScopeKind kind;
  ScopePhase phase;      // kBetween: the scope is over; kNone: the runner is gone
  ScopeOutcome outcome;  // once it is over
  int32_t client_pid;    // of the process whose connections are meant, 0: unknown
  int32_t line;          // of the scope in `file`, 0: unknown
  std::string_view name, file, worker;
  std::string_view application_name;  // of the connections that are meant; "": the process tells
};

using Record = std::variant<SessionOpened, SessionClosed, StatementText, ColumnsDescribed, StatementPrepared,
                            StatementClosed, SettingChanged, RowBatch, QueryEvent, ScopeMark, SentValues>;

// One record as bytes for a ring, appended to `out` (cleared first). Hashes inside are 8-byte aligned relative to the
// start.
void EncodeRecord(const Record& record, std::vector<std::byte>& out);
// The inverse; `bytes` as given by SharedRing::Front(). REQUIRES: made by EncodeRecord of the same build.
// Vectors are owned by the Record, and used again where it held one of the same kind; spans and views borrow from
// `bytes`.
void DecodeRecord(std::span<const std::byte> bytes, Record& record);
Record DecodeRecord(std::span<const std::byte> bytes);
int64_t RecordTimeNs(const Record& record);  // 0 for dictionaries

}  // namespace pgassay::session
