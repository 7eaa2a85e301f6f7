-- The trace of one or more recordings. PRAGMA application_id = 0x70676173 ("pgas"), user_version = format.
-- Rollups are exact and permanent; `execution` is the timeline and may be cut (see `recording.timeline_from_no`).
-- No literal, parameter or result value is in here: hashes are keyed with a secret that was never stored.
-- Times: *_ns are nanoseconds on the recording's monotonic clock; recording.wall_offset_ns + t = Unix time.

CREATE TABLE recording (          -- one run of the recorder
  recording_id INTEGER PRIMARY KEY,
  tool_version TEXT NOT NULL,
  parser TEXT NOT NULL,           -- libpg_query's grammar: fingerprints compare only within one
  command TEXT NOT NULL,          -- "run" or "proxy"
  begin_ns INTEGER NOT NULL,
  end_ns INTEGER,                 -- NULL: still going, or killed
  wall_offset_ns INTEGER NOT NULL,
  complete INTEGER NOT NULL DEFAULT 0,   -- 1: ended in order and nothing was lost
  timeline_from_no INTEGER NOT NULL DEFAULT 0   -- executions before this one are in the rollups only
);

CREATE TABLE counter (            -- totals of a recording: relayed_bytes, decoded_bytes, skipped_bytes, opaque_bytes, dropped_events, …
  recording_id INTEGER NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
  PRIMARY KEY (recording_id, name)
) WITHOUT ROWID;

CREATE TABLE gap (                -- a time for which the trace is incomplete, and why: recorder_restart, dropped_events, disk_full, …
  gap_id INTEGER PRIMARY KEY, recording_id INTEGER NOT NULL,
  from_ns INTEGER NOT NULL, to_ns INTEGER, reason TEXT NOT NULL, lost INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE database (           -- OIDs are scoped by this
  database_id INTEGER PRIMARY KEY, upstream TEXT NOT NULL, name TEXT NOT NULL,
  UNIQUE (upstream, name)
);

CREATE TABLE session (            -- one client connection
  session_id INTEGER PRIMARY KEY, -- unique in the file
  recording_id INTEGER NOT NULL, database_id INTEGER,
  user_name TEXT NOT NULL, application_name TEXT NOT NULL, client_address TEXT NOT NULL, client_pid INTEGER NOT NULL,
  server_version TEXT NOT NULL, route INTEGER NOT NULL,
  begin_ns INTEGER NOT NULL, end_ns INTEGER, end_reason TEXT, opaque_reason TEXT,
  relayed_bytes INTEGER NOT NULL DEFAULT 0, decoded_bytes INTEGER NOT NULL DEFAULT 0,
  skipped_bytes INTEGER NOT NULL DEFAULT 0, opaque_bytes INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE statement (          -- one shape: the same query with other values
  statement_id INTEGER PRIMARY KEY,
  shape_hash INTEGER NOT NULL UNIQUE,
  fingerprint TEXT,               -- libpg_query's, 16 hex digits; NULL: it could not parse this
  sql TEXT NOT NULL,              -- redacted
  operation TEXT NOT NULL,
  driver INTEGER NOT NULL,        -- 1: on the system catalogues alone
  facts TEXT NOT NULL,            -- JSON, analyzer/sql FactsToJson
  calls INTEGER NOT NULL DEFAULT 0, errors INTEGER NOT NULL DEFAULT 0,
  rows INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
  database_ns INTEGER NOT NULL DEFAULT 0, max_ns INTEGER NOT NULL DEFAULT 0,
  pipelined INTEGER NOT NULL DEFAULT 0,
  texts INTEGER NOT NULL DEFAULT 0,        -- distinct texts seen, up to a bound
  histogram BLOB                  -- log-linear duration buckets, analyzer/trace/histogram.h
);

CREATE TABLE statement_tag (      -- tags that a statement's text carried (allow-listed keys)
  statement_id INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, calls INTEGER NOT NULL,
  PRIMARY KEY (statement_id, key, value)
) WITHOUT ROWID;

CREATE TABLE result_column (      -- statement x position; bytes and nulls over the rows that were looked into
  statement_id INTEGER NOT NULL, position INTEGER NOT NULL,
  name TEXT NOT NULL,             -- as described
  relation TEXT NOT NULL,         -- "" for an expression or an unknown OID
  attribute TEXT NOT NULL,        -- the base column's name, "" if unknown
  table_oid INTEGER NOT NULL, attnum INTEGER NOT NULL, type_oid INTEGER NOT NULL,
  cells INTEGER NOT NULL DEFAULT 0, nulls INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (statement_id, position)
) WITHOUT ROWID;

CREATE TABLE relation (           -- OID to name, learned from statements on a single relation
  database_id INTEGER NOT NULL, table_oid INTEGER NOT NULL, schema TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (database_id, table_oid)
) WITHOUT ROWID;

CREATE TABLE unit_of_work (       -- statements that belong together: a request, a test, a transaction, a job
  unit_id INTEGER PRIMARY KEY, recording_id INTEGER NOT NULL, session_id INTEGER NOT NULL,
  joined_to INTEGER,              -- another unit that this one belongs to
  kind TEXT NOT NULL,             -- scope, traceparent, transaction, tag, pool, gap
  shared_connection INTEGER NOT NULL, schema_change INTEGER NOT NULL,
  label TEXT NOT NULL, trace_id TEXT NOT NULL,
  begin_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
  statements INTEGER NOT NULL, round_trips INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  database_ns INTEGER NOT NULL, think_ns INTEGER NOT NULL
);

CREATE TABLE unit_statement (
  unit_id INTEGER NOT NULL, statement_id INTEGER NOT NULL,
  calls INTEGER NOT NULL, errors INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  pipelined INTEGER NOT NULL, batches INTEGER NOT NULL, batch_elements INTEGER NOT NULL,
  distinct_parameters INTEGER NOT NULL, unclaimed INTEGER NOT NULL, unclaimed_distinct INTEGER NOT NULL,
  unclaimed_max_repeat INTEGER NOT NULL, database_ns INTEGER NOT NULL, gap_p90_ns INTEGER NOT NULL,
  median_ns INTEGER NOT NULL, first_no INTEGER NOT NULL, last_no INTEGER NOT NULL,
  PRIMARY KEY (unit_id, statement_id)
) WITHOUT ROWID;

CREATE TABLE lineage (            -- analyzer/lineage/lineage.h Edge, field by field
  unit_id INTEGER NOT NULL,
  parent_statement_id INTEGER NOT NULL, parent_position INTEGER NOT NULL,
  parent_relation TEXT NOT NULL, parent_column TEXT NOT NULL,
  parent_table_oid INTEGER NOT NULL, parent_attnum INTEGER NOT NULL, parent_type_oid INTEGER NOT NULL,
  child_statement_id INTEGER NOT NULL, child_comparison INTEGER NOT NULL, child_type_oid INTEGER NOT NULL,
  children INTEGER NOT NULL, child_executions INTEGER NOT NULL,
  distinct_values INTEGER NOT NULL, child_distinct_values INTEGER NOT NULL, contained_values INTEGER NOT NULL,
  parent_executions INTEGER NOT NULL, parent_executions_claimed INTEGER NOT NULL, parent_executions_total INTEGER NOT NULL,
  max_children_per_parent INTEGER NOT NULL, max_distinct_per_parent INTEGER NOT NULL,
  max_children_per_ancestor INTEGER NOT NULL, max_distinct_per_ancestor INTEGER NOT NULL,
  parent_rows INTEGER NOT NULL, parent_distinct INTEGER NOT NULL,
  values_as_often INTEGER NOT NULL, holes INTEGER NOT NULL,
  order_tau REAL NOT NULL, order_values INTEGER NOT NULL, order_log10_p REAL NOT NULL, both_ascending INTEGER NOT NULL,
  same_connection INTEGER NOT NULL, same_process INTEGER NOT NULL, same_transaction INTEGER NOT NULL,
  rejoined INTEGER NOT NULL, from_outside INTEGER NOT NULL, untested INTEGER NOT NULL,
  values_hash INTEGER NOT NULL, sink_domain INTEGER NOT NULL, pipelined INTEGER NOT NULL,
  first_child_delay_ns INTEGER NOT NULL, gap_p90_ns INTEGER NOT NULL, child_median_ns INTEGER NOT NULL,
  child_ns INTEGER NOT NULL, child_rows INTEGER NOT NULL, child_bytes INTEGER NOT NULL, truncated INTEGER NOT NULL,
  first_child_no INTEGER NOT NULL, last_child_no INTEGER NOT NULL, parent_no INTEGER NOT NULL,
  PRIMARY KEY (unit_id, parent_statement_id, parent_position, child_statement_id, child_comparison)
) WITHOUT ROWID;

CREATE TABLE repeat (             -- analyzer/lineage/lineage.h Repeat
  unit_id INTEGER NOT NULL, statement_id INTEGER NOT NULL, parameters_hash INTEGER NOT NULL,
  executions INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL, repeat_ns INTEGER NOT NULL,
  gap_median_ns INTEGER NOT NULL, regular_interval INTEGER NOT NULL, first_no INTEGER NOT NULL, last_no INTEGER NOT NULL,
  PRIMARY KEY (unit_id, statement_id, parameters_hash)
) WITHOUT ROWID;

CREATE TABLE execution (          -- the timeline: one row per executed statement
  execution_no INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL, unit_id INTEGER NOT NULL, statement_id INTEGER NOT NULL,
  sent_ns INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,      -- after sent_ns; -1: no reply
  duration_ns INTEGER NOT NULL,   -- after sent_ns
  busy_ns INTEGER NOT NULL,       -- done - busy_from: its share of the server's time
  rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  flags INTEGER NOT NULL,         -- analyzer/trace/execution_flags.h
  sqlstate TEXT,                  -- NULL: no error
  parameters_hash INTEGER NOT NULL, result_hash INTEGER NOT NULL
);

CREATE VIEW top_statements AS
  SELECT statement_id, calls, round(database_ns / 1e6, 3) AS total_ms, round(database_ns / 1e6 / max(calls, 1), 3) AS mean_ms,
         rows, bytes, errors, sql
  FROM statement ORDER BY database_ns DESC;

CREATE VIEW n_plus_one AS         -- every edge with three or more children, gates not applied: `pgassay report` judges
  SELECT l.unit_id, l.children, round(l.child_ns / 1e6, 3) AS child_ms,
         l.parent_relation || '.' || l.parent_column AS fed_by, p.sql AS parent_sql, c.sql AS child_sql
  FROM lineage l JOIN statement p ON p.statement_id = l.parent_statement_id
                 JOIN statement c ON c.statement_id = l.child_statement_id
  WHERE l.children >= 3 ORDER BY l.child_ns DESC;
