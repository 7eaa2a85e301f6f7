-- The trace of one or more recordings. PRAGMA application_id = 0x70676173 ("pgas"), user_version = format.
-- Rollups are exact and permanent; `execution` is the timeline and may be cut (see `recording.timeline_from_no`).
-- No literal, parameter or result value is in here, unless --keep-values asked for `example_value`: hashes are keyed with a secret
-- that was never stored, so they compare within one recording only.
-- Times: *_ns are nanoseconds on the recording's monotonic clock; recording.wall_offset_ns + t = Unix time.
-- Every *_hash is 64 bits of which SQLite shows the sign. Booleans are 0 or 1.

CREATE TABLE recording (           -- one run of the recorder
  recording_id INTEGER PRIMARY KEY,     -- in the order of time
  tool_version TEXT NOT NULL,           -- of pgassay
  parser TEXT NOT NULL,                 -- libpg_query's grammar: fingerprints compare only within one
  command TEXT NOT NULL,                -- "run" or "proxy"
  begin_ns INTEGER NOT NULL,            -- monotonic clock
  end_ns INTEGER,                       -- NULL: still going, or killed
  wall_offset_ns INTEGER NOT NULL,      -- Unix time minus monotonic time
  complete INTEGER NOT NULL DEFAULT 0,  -- 1: ended in order and nothing was lost
  last_execution_no INTEGER NOT NULL DEFAULT 0,  -- the last number given out, whether or not the timeline still has it
  timeline_from_no INTEGER NOT NULL DEFAULT 0    -- executions before this one are in the rollups only
);

CREATE TABLE counter (             -- totals of a recording
  recording_id INTEGER NOT NULL,        -- whose
  name TEXT NOT NULL,                   -- relayed_bytes, decoded_bytes, skipped_bytes, opaque_bytes, dropped_events, …
  value INTEGER NOT NULL,               -- the total so far
  PRIMARY KEY (recording_id, name)
) WITHOUT ROWID;

CREATE TABLE gap (                 -- a time for which the trace is incomplete, and why
  gap_id INTEGER PRIMARY KEY,           -- in the order of discovery
  recording_id INTEGER NOT NULL,        -- whose
  from_ns INTEGER NOT NULL,             -- the last moment known to be whole
  to_ns INTEGER,                        -- whole again from here
  reason TEXT NOT NULL,                 -- recorder_restart, dropped_events, overload, disk_full, io_error, locked, damaged
  lost INTEGER NOT NULL DEFAULT 0       -- executions and rollup rows that are not in the file; 0: none, or unknown after a restart
);

CREATE TABLE database (            -- OIDs are scoped by this
  database_id INTEGER PRIMARY KEY,      -- unique in the file
  upstream TEXT NOT NULL,               -- the server's address
  name TEXT NOT NULL,                   -- the database's name on that server
  UNIQUE (upstream, name)
);

CREATE TABLE catalog (             -- what a database's catalogue said, or why it could not be read; one row per recording and database
  recording_id INTEGER NOT NULL,        -- whose
  database_id INTEGER NOT NULL,         -- which
  taken_unix_ns INTEGER NOT NULL,       -- when; of a failure: the last attempt
  snapshot TEXT,                        -- JSON, analyzer/catalog/snapshot.h: members that have their default are left out; NULL: none
  problem TEXT NOT NULL,                -- why there is none, or why it is older than the last DDL; "" if all is well
  PRIMARY KEY (recording_id, database_id)
) WITHOUT ROWID;

CREATE TABLE plan (                -- what the planner would do with a statement, asked by a connection of our own; executed only where kind says so
  recording_id INTEGER NOT NULL,        -- whose
  database_id INTEGER NOT NULL,         -- where
  statement_id INTEGER NOT NULL,        -- of which
  kind TEXT NOT NULL,                   -- values, generic, no sequential scans (enable_seqscan = off), executed (with actual rows and times)
  how TEXT NOT NULL,                    -- how it was planned and what was missing, for people
  executions INTEGER NOT NULL,          -- whose values were planned; 0: generic
  total_cost REAL NOT NULL,             -- the planner's units, mean over these
  rows REAL NOT NULL,                   -- that the planner expects, of the plan below
  indexes TEXT NOT NULL,                -- JSON array of names, of the plan below
  sequential_scans TEXT NOT NULL,       -- JSON array of "schema.relation", of the plan below
  plan TEXT,                            -- EXPLAIN (FORMAT JSON), values masked; the most expensive of the executions; NULL: none
  problem TEXT NOT NULL,                -- why there is none; "" if there is one
  PRIMARY KEY (recording_id, database_id, statement_id, kind)
) WITHOUT ROWID;

CREATE TABLE slot (                -- what is known of the values in one slot of a statement that was planned: figures, and at most one constant
  statement_id INTEGER NOT NULL,        -- of which
  slot INTEGER NOT NULL,                -- from 0, as in the statement's facts
  executions INTEGER NOT NULL,          -- in which it had a value
  top_executions INTEGER NOT NULL,      -- of these: with the most frequent value, at least
  literals INTEGER NOT NULL,            -- sent as a literal of the text; this and the next three as far as samples tell
  named INTEGER NOT NULL,               -- bound to a named prepared statement
  patterns INTEGER NOT NULL,            -- with a wildcard
  leading_wildcards INTEGER NOT NULL,   -- that begins with one
  literal_part INTEGER NOT NULL,        -- characters: longest part without wildcards, of the pattern with the shortest such
  max_elements INTEGER NOT NULL,        -- of a list or array
  share REAL NOT NULL,                  -- of the table's rows with the most frequent value, by statistics; -1: not known
  constant TEXT NOT NULL,               -- that value as SQL, if an index on it is advised; "" if not: then it was not kept
  PRIMARY KEY (statement_id, slot)
) WITHOUT ROWID;

CREATE TABLE trial (               -- what the planner would do with a statement if an index existed (HypoPG's, or built and rolled back), or with fewer columns
  recording_id INTEGER NOT NULL,        -- whose
  database_id INTEGER NOT NULL,         -- where
  statement_id INTEGER NOT NULL,        -- of which
  index_definition TEXT NOT NULL,       -- CREATE INDEX, without a name; "": none
  columns TEXT NOT NULL,                -- names: the select list cut down to them, answered from an index alone; "": the statement as it is
  kind TEXT NOT NULL,                   -- hypothetical, built
  how TEXT NOT NULL,                    -- how it was planned and what was missing, for people
  structural INTEGER NOT NULL,          -- 1: the table is small, planned with enable_seqscan = off; costs say nothing
  executions INTEGER NOT NULL,          -- whose values were planned; 0: generic
  used INTEGER NOT NULL,                -- 1: a plan took the index
  cost_before REAL NOT NULL,            -- the planner's units, mean over these, beside the other advised indexes
  cost_after REAL NOT NULL,             -- the same with the index
  plan_before TEXT,                     -- EXPLAIN (FORMAT JSON), values masked; of the most expensive execution
  plan_after TEXT,                      -- the same with the index
  problem TEXT NOT NULL,                -- why it was not tried; "" if it was
  PRIMARY KEY (recording_id, database_id, statement_id, index_definition, columns)
) WITHOUT ROWID;

CREATE TABLE session (             -- one client connection
  session_id INTEGER PRIMARY KEY,       -- unique in the file
  recording_id INTEGER NOT NULL,        -- whose
  database_id INTEGER,                  -- NULL: not known
  user_name TEXT NOT NULL,              -- of the startup message
  application_name TEXT NOT NULL,       -- the last one set
  client_address TEXT NOT NULL,         -- of the socket
  client_pid INTEGER NOT NULL,          -- of a local client, 0: unknown
  server_version TEXT NOT NULL,         -- as the server reported it
  route INTEGER NOT NULL,               -- which listener, from 0
  begin_ns INTEGER NOT NULL,            -- login
  end_ns INTEGER,                       -- NULL: open, or the recorder was killed
  end_reason TEXT,                      -- who ended it, and how
  opaque_reason TEXT,                   -- why its bytes were no longer understood; NULL: they were
  relayed_bytes INTEGER NOT NULL DEFAULT 0,  -- both ways = decoded + skipped + opaque
  decoded_bytes INTEGER NOT NULL DEFAULT 0,  -- header and body understood
  skipped_bytes INTEGER NOT NULL DEFAULT 0,  -- framed, body not entered
  opaque_bytes INTEGER NOT NULL DEFAULT 0    -- unframed
);

CREATE TABLE statement (           -- one shape: the same query with other values
  statement_id INTEGER PRIMARY KEY,     -- unique in the file
  shape_hash INTEGER NOT NULL UNIQUE,   -- of the masked token stream; the same in every recording
  fingerprint TEXT,                     -- libpg_query's, 16 hex digits; NULL: it could not parse this
  sql TEXT NOT NULL,                    -- redacted
  operation TEXT NOT NULL,              -- SELECT, INSERT, …
  driver INTEGER NOT NULL,              -- 1: on the system catalogues alone
  facts TEXT NOT NULL,                  -- JSON: relations, comparisons, joins, order, outputs
  calls INTEGER NOT NULL DEFAULT 0,     -- executions
  errors INTEGER NOT NULL DEFAULT 0,    -- of these: failed
  rows INTEGER NOT NULL DEFAULT 0,      -- returned, or affected
  bytes INTEGER NOT NULL DEFAULT 0,     -- of result messages
  database_ns INTEGER NOT NULL DEFAULT 0,  -- sum of the executions' share of the server's time
  max_ns INTEGER NOT NULL DEFAULT 0,    -- the longest
  pipelined INTEGER NOT NULL DEFAULT 0, -- executions sent without waiting for the reply before
  texts INTEGER NOT NULL DEFAULT 0,     -- distinct texts seen in one recording, counted up to 1024
  histogram BLOB                        -- log-linear buckets of database time, analyzer/trace/histogram.h
);

CREATE TABLE statement_tag (       -- tags that a statement's text carried (allow-listed keys)
  statement_id INTEGER NOT NULL,        -- whose
  key TEXT NOT NULL,                    -- route, controller, action, job, file, …
  value TEXT NOT NULL,                  -- as sent, decoded
  calls INTEGER NOT NULL,               -- executions that carried it
  PRIMARY KEY (statement_id, key, value)
) WITHOUT ROWID;

CREATE TABLE example_value (       -- with --keep-values alone: parameters and literals of up to three executions a statement and recording
  statement_id INTEGER NOT NULL,        -- whose
  execution_no INTEGER NOT NULL,        -- execution
  number INTEGER NOT NULL,              -- n of the $n in statement.sql
  element INTEGER NOT NULL,             -- from 0, of a list that statement.sql shows as ($n, …)
  value TEXT,                           -- as text; NULL: SQL's NULL, or left out
  left_out TEXT NOT NULL,               -- why: bytes, long, secret, type; "" if it was not
  PRIMARY KEY (statement_id, execution_no, number, element)
) WITHOUT ROWID;

CREATE TABLE result_column (       -- statement x position
  statement_id INTEGER NOT NULL,        -- whose
  position INTEGER NOT NULL,            -- from 0
  name TEXT NOT NULL,                   -- as described
  relation TEXT NOT NULL,               -- "" for an expression or an unknown OID
  attribute TEXT NOT NULL,              -- the base column's name, "" if unknown
  table_oid INTEGER NOT NULL,           -- 0 for an expression
  attnum INTEGER NOT NULL,              -- 0 for an expression
  type_oid INTEGER NOT NULL,            -- of pg_type
  cells INTEGER NOT NULL DEFAULT 0,     -- over the rows that were looked into
  nulls INTEGER NOT NULL DEFAULT 0,     -- of these: NULL
  bytes INTEGER NOT NULL DEFAULT 0,     -- of their values
  PRIMARY KEY (statement_id, position)
) WITHOUT ROWID;

CREATE TABLE relation (            -- OID to name, learned from statements on a single relation
  database_id INTEGER NOT NULL,         -- where the OID holds
  table_oid INTEGER NOT NULL,           -- of pg_class
  schema TEXT NOT NULL,                 -- "" if never written
  name TEXT NOT NULL,                   -- as written
  PRIMARY KEY (database_id, table_oid)
) WITHOUT ROWID;

CREATE TABLE scope (               -- a test, request or job that a runner opened over the control socket, whatever it sent
  scope_id INTEGER PRIMARY KEY,         -- unique in the file, in the order of opening
  recording_id INTEGER NOT NULL,        -- whose
  kind TEXT NOT NULL,                   -- test, route, job
  name TEXT NOT NULL,                   -- tests/test_orders.py::test_list
  file TEXT NOT NULL,                   -- where it is written, as its runner says; "" if unknown
  line INTEGER NOT NULL,                -- in that file, 0: unknown
  worker TEXT NOT NULL,                 -- of a runner with several processes, "" if it has one
  begin_ns INTEGER NOT NULL,            -- opened
  end_ns INTEGER,                       -- closed; NULL: its end was not seen
  outcome TEXT NOT NULL                 -- passed, failed, skipped, unknown
);

CREATE TABLE unit_of_work (        -- statements that belong together: a request, a test, a transaction, a job
  unit_id INTEGER PRIMARY KEY,          -- unique in the file
  recording_id INTEGER NOT NULL,        -- whose
  session_id INTEGER NOT NULL,          -- that began it
  joined_to INTEGER,                    -- another unit that this one belongs to; NULL: none
  scope_id INTEGER,                     -- scope it belongs to; NULL: none was open for its connection
  phase TEXT NOT NULL,                  -- of the scope: setup, call, teardown; between: its runner had none open; none: no runner
  kind TEXT NOT NULL,                   -- scope, traceparent, transaction, tag, pool, gap
  shared_connection INTEGER NOT NULL,   -- 1: a pooler's connection
  schema_change INTEGER NOT NULL,       -- 1: DDL in it
  transaction_conflict INTEGER NOT NULL,  -- 1: a statement failed with 40001 or 40P01: how much was sent is chance
  label TEXT NOT NULL,                  -- route, controller#action, job or test; "" if none
  trace_id TEXT NOT NULL,               -- of the traceparent; "" if none
  begin_ns INTEGER NOT NULL,            -- the first statement was sent
  end_ns INTEGER NOT NULL,              -- the last one was answered
  statements INTEGER NOT NULL,          -- executions
  round_trips INTEGER NOT NULL,         -- waits for the server
  rows INTEGER NOT NULL,                -- returned, or affected
  bytes INTEGER NOT NULL,               -- of result messages
  database_ns INTEGER NOT NULL,         -- sum of the executions' share of the server's time
  think_ns INTEGER NOT NULL             -- client time between statements
);
CREATE INDEX unit_joined ON unit_of_work (joined_to) WHERE joined_to IS NOT NULL;

CREATE TABLE unit_statement (      -- the executions of one statement in one unit
  unit_id INTEGER NOT NULL,             -- unit_of_work
  statement_id INTEGER NOT NULL,        -- statement
  calls INTEGER NOT NULL,               -- executions
  errors INTEGER NOT NULL,              -- of these: failed
  rows INTEGER NOT NULL,                -- returned, or affected
  bytes INTEGER NOT NULL,               -- of result messages
  pipelined INTEGER NOT NULL,           -- sent without waiting for the reply before
  batches INTEGER NOT NULL,             -- executions whose sink held more than one element
  batch_elements INTEGER NOT NULL,      -- elements in these
  distinct_parameters INTEGER NOT NULL, -- distinct tuples of values, estimated above 1024
  unclaimed INTEGER NOT NULL,           -- executions that have a sink and no claim at all
  unclaimed_distinct INTEGER NOT NULL,  -- distinct sink values among them
  unclaimed_max_repeat INTEGER NOT NULL,  -- how often the most frequent of them came
  database_ns INTEGER NOT NULL,         -- sum of the executions' share of the server's time
  gap_p90_ns INTEGER NOT NULL,          -- client time between executions, 90th percentile
  median_ns INTEGER NOT NULL,           -- duration, median
  first_no INTEGER NOT NULL,            -- first execution
  last_no INTEGER NOT NULL,             -- last execution
  PRIMARY KEY (unit_id, statement_id)
) WITHOUT ROWID;

CREATE TABLE lineage (             -- one unit's children of one statement and sink that one parent statement's column claimed
  unit_id INTEGER NOT NULL,             -- unit_of_work
  parent_statement_id INTEGER NOT NULL, -- statement whose result column carried the values
  parent_position INTEGER NOT NULL,     -- of that column, from 0
  parent_relation TEXT NOT NULL,        -- of that column, "" if unknown
  parent_column TEXT NOT NULL,          -- of that column, "" if unknown
  parent_table_oid INTEGER NOT NULL,    -- of that column, 0 for an expression
  parent_attnum INTEGER NOT NULL,       -- of that column, 0 for an expression
  parent_type_oid INTEGER NOT NULL,     -- of that column
  child_statement_id INTEGER NOT NULL,  -- statement whose parameter took the values
  child_comparison INTEGER NOT NULL,    -- index into the child's facts.comparisons
  child_type_oid INTEGER NOT NULL,      -- of the parameter, 0: unknown
  children INTEGER NOT NULL,            -- child executions claimed
  child_executions INTEGER NOT NULL,    -- of that statement in the unit, claimed or not
  distinct_values INTEGER NOT NULL,     -- among the claimed
  child_distinct_values INTEGER NOT NULL,  -- among all, without those that another related source claimed
  contained_values INTEGER NOT NULL,    -- of child_distinct_values: in this source, whoever claimed them
  parent_executions INTEGER NOT NULL,   -- that claimed at least one child
  parent_executions_claimed INTEGER NOT NULL,  -- of these: themselves children in the unit
  parent_executions_total INTEGER NOT NULL,    -- of the parent statement in the unit
  max_children_per_parent INTEGER NOT NULL,    -- of one parent execution
  max_distinct_per_parent INTEGER NOT NULL,    -- their distinct values
  max_children_per_ancestor INTEGER NOT NULL,  -- of parents that share one ancestor execution
  max_distinct_per_ancestor INTEGER NOT NULL,  -- their distinct values
  parent_rows INTEGER NOT NULL,         -- of the parent executions that claimed
  parent_distinct INTEGER NOT NULL,     -- distinct values in these
  values_as_often INTEGER NOT NULL,     -- distinct values that came once, or as often as in the parent's rows
  holes INTEGER NOT NULL,               -- unclaimed executions between the first and the last claimed
  order_tau REAL NOT NULL,              -- Kendall's tau of child order against parent row order
  order_values INTEGER NOT NULL,        -- values it was taken over
  order_log10_p REAL NOT NULL,          -- -log10 of its upper-tail p-value
  same_connection INTEGER NOT NULL,     -- children on the parent's connection
  same_process INTEGER NOT NULL,        -- children on another connection of the same client process
  same_transaction INTEGER NOT NULL,    -- children in the explicit transaction of their parent
  rejoined INTEGER NOT NULL,            -- children that only this claim brought into the unit
  from_outside INTEGER NOT NULL,        -- children whose parent merely echoed a parameter that nobody claimed
  untested INTEGER NOT NULL,            -- child executions that a sampled source could not judge
  values_hash INTEGER NOT NULL,         -- of the set of claimed values, whatever their order
  sink_domain INTEGER NOT NULL,         -- distinct values ever seen of the child's column, estimated
  pipelined INTEGER NOT NULL,           -- children sent without waiting
  first_child_delay_ns INTEGER NOT NULL,  -- from the parent's row to the first child
  gap_p90_ns INTEGER NOT NULL,          -- client time between children, 90th percentile
  child_median_ns INTEGER NOT NULL,     -- duration of a child, median
  child_ns INTEGER NOT NULL,            -- database time of the claimed children
  child_rows INTEGER NOT NULL,          -- rows of these
  child_bytes INTEGER NOT NULL,         -- bytes of these
  truncated INTEGER NOT NULL,           -- 1: a set of values was sampled or evicted
  first_child_no INTEGER NOT NULL,      -- execution
  last_child_no INTEGER NOT NULL,       -- execution
  parent_no INTEGER NOT NULL,           -- execution
  PRIMARY KEY (unit_id, parent_statement_id, parent_position, child_statement_id, child_comparison)
) WITHOUT ROWID;

CREATE TABLE repeat (              -- same statement, same values, same result, no write in between, in one unit
  unit_id INTEGER NOT NULL,             -- unit_of_work
  statement_id INTEGER NOT NULL,        -- statement
  parameters_hash INTEGER NOT NULL,     -- keyed, of all values
  executions INTEGER NOT NULL,          -- identical ones, the first included
  rows INTEGER NOT NULL,                -- of the repeats, the first not included
  bytes INTEGER NOT NULL,               -- of the repeats
  repeat_ns INTEGER NOT NULL,           -- database time of the repeats
  gap_median_ns INTEGER NOT NULL,       -- time between them, median
  regular_interval INTEGER NOT NULL,    -- 1: polling
  first_no INTEGER NOT NULL,            -- first execution
  last_no INTEGER NOT NULL,             -- last execution
  PRIMARY KEY (unit_id, statement_id, parameters_hash)
) WITHOUT ROWID;

CREATE TABLE execution_block (     -- the timeline, some hundred executions a row: a row each would cost twice the processor time
  first_no INTEGER PRIMARY KEY,         -- number of its first execution
  last_no INTEGER NOT NULL,             -- and of its last: blocks do not overlap
  sent_ns INTEGER NOT NULL,             -- what the executions' sent_ns count from
  executions TEXT NOT NULL              -- JSON array of arrays, in the order of view `execution`
);

CREATE VIEW execution AS          -- the timeline: one row per executed statement
  SELECT b.first_no + (e.value ->> 0) AS execution_no,  -- unique in the file, grows
         e.value ->> 1 AS session_id,       -- session
         e.value ->> 2 AS unit_id,          -- unit_of_work, 0: none
         e.value ->> 3 AS statement_id,     -- statement
         b.sent_ns + (e.value ->> 4) AS sent_ns,  -- after recording.begin_ns of the session's recording
         e.value ->> 5 AS first_ns,         -- first byte of the reply, after sent_ns; -1: no reply
         e.value ->> 6 AS duration_ns,      -- completion, after sent_ns
         e.value ->> 7 AS waited_ns,        -- of duration_ns: behind the execution before it; the rest is its share of the server's time
         e.value ->> 8 AS rows,             -- returned, or affected
         e.value ->> 9 AS bytes,            -- of result messages
         e.value ->> 10 AS flags,           -- bits, analyzer/trace/execution_flags.h
         e.value ->> 11 AS parameters_hash, -- keyed, of all values, low 48 bits; 0: none
         e.value ->> 12 AS result_hash,     -- keyed, of the result, low 48 bits; 0: none
         e.value ->> 13 AS sqlstate         -- NULL: no error
  FROM execution_block b, json_each(b.executions) e
  WHERE b.first_no + (e.value ->> 0) >= (SELECT ifnull(max(timeline_from_no), 0) FROM recording);

CREATE VIEW catalog_relation AS   -- tables and views of every snapshot
  SELECT recording_id, database_id, r.value ->> 'oid' AS table_oid, r.value ->> 'schema' AS schema, r.value ->> 'name' AS name,
         ifnull(r.value ->> 'kind', 'r') AS kind, ifnull(r.value ->> 'rows', -1) AS rows, ifnull(r.value ->> 'bytes', 0) AS bytes
  FROM catalog, json_each(snapshot, '$.relations') r;

CREATE VIEW catalog_column AS
  SELECT recording_id, database_id, r.value ->> 'oid' AS table_oid, r.value ->> 'schema' AS schema, r.value ->> 'name' AS relation,
         c.value ->> 'attnum' AS attnum, c.value ->> 'name' AS name, c.value ->> 'type' AS type,
         ifnull(c.value ->> 'not_null', 0) AS not_null, c.value ->> 'null_fraction' AS null_fraction, c.value ->> 'distinct' AS n_distinct
  FROM catalog, json_each(snapshot, '$.relations') r, json_each(r.value, '$.columns') c;

CREATE VIEW catalog_index AS
  SELECT recording_id, database_id, i.value ->> 'oid' AS index_oid, i.value ->> 'relation_oid' AS table_oid, i.value ->> 'name' AS name,
         i.value ->> 'definition' AS definition, ifnull(i.value ->> 'bytes', 0) AS bytes, i.value ->> 'scans' AS scans
  FROM catalog, json_each(snapshot, '$.indexes') i;

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

CREATE VIEW unit_tree AS          -- every unit with the unit that it belongs to in the end
  WITH RECURSIVE tree (unit_id, root_id) AS (
    SELECT unit_id, unit_id FROM unit_of_work WHERE joined_to IS NULL
    UNION ALL
    SELECT u.unit_id, t.root_id FROM tree t JOIN unit_of_work u ON u.joined_to = t.unit_id)
  SELECT unit_id, root_id FROM tree;

CREATE VIEW scope_queries AS      -- what each scope sent in its call
  SELECT s.name, s.outcome, u.phase, sum(u.statements) AS statements, sum(u.rows) AS rows, round(sum(u.database_ns) / 1e6, 3) AS database_ms
  FROM scope s LEFT JOIN unit_of_work u ON u.scope_id = s.scope_id AND u.phase = 'call'
  GROUP BY s.scope_id ORDER BY statements DESC;

CREATE VIEW slow_executions AS    -- of the timeline, in Unix time
  SELECT e.execution_no, datetime((r.wall_offset_ns + r.begin_ns + e.sent_ns) / 1e9, 'unixepoch') AS sent_at,
         round((e.duration_ns - e.waited_ns) / 1e6, 3) AS database_ms, e.rows, e.bytes, e.sqlstate, t.sql
  FROM execution e JOIN session s USING (session_id) JOIN recording r USING (recording_id)
                   JOIN statement t USING (statement_id)
  ORDER BY e.duration_ns - e.waited_ns DESC;
