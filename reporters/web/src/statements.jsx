import { ColumnBars } from './columns.jsx';
import { Distribution } from './distribution.jsx';
import { arrows, bytes, count, duration } from './format.js';
import { Plans } from './plan.jsx';
import { report } from './report.js';
import { Table } from './table.jsx';

export function Statements({ id, roundTripMs }) {
  const figures = [
    ['calls', 'calls', count],
    ['rows', 'rows', count],
    ['bytes', 'bytes', bytes],
    ['database_ms', 'database', duration],
    ['p50_ms', 'median', duration],
    ['p95_ms', 'p95', duration],
    ['max_ms', 'slowest', duration],
    ['errors', 'errors', count],
  ].map(([key, label, show]) => ({ key, label, value: (row) => row[key], show: (row) => show(row[key]) }));
  const columns = [
    { key: 'sql', label: 'statement', text: true, value: (row) => row.sql, show: (row) => <code>{row.sql}</code> },
    ...figures.slice(0, 4),
    {
      key: 'far',
      label: 'with the network',
      value: (row) => row.database_ms + row.calls * roundTripMs,
      show: (row) => duration(row.database_ms + row.calls * roundTripMs),
    },
    ...figures.slice(4),
  ];
  const left = report.statements_in_all - report.statements.length;
  return (
    <>
      <Table
        caption="Statements"
        columns={columns}
        rows={report.statements}
        first="database_ms"
        textOf={(row) => `${row.id} ${row.sql} ${row.operation} ${row.relations.join(' ')}`}
        details={(row) => <Details statement={row} />}
        openId={id}
      />
      {left > 0 && <p class="quiet">{count(left)} cheaper statements are not on this page: pgassay queries lists them.</p>}
    </>
  );
}

function Details({ statement }) {
  const concerned = report.findings.filter((finding) =>
    [finding.statement, finding.parent, ...finding.steps].some((text) => text?.statement_id === statement.id),
  );
  return (
    <>
      <pre>{statement.sql}</pre>
      <p class="quiet">
        {statement.id} · {statement.operation} · {statement.relations.join(', ') || 'no relation'}
        {statement.fingerprint && ` · fingerprint ${statement.fingerprint}`}
      </p>
      {concerned.map((finding) => (
        <p>
          <a href={`#finding/${finding.id}`}>
            {finding.rule_name} {arrows(finding.title)}
          </a>
        </p>
      ))}
      <div class="pair">
        {statement.durations.length > 0 && (
          <section>
            <h3>Durations</h3>
            <Distribution statement={statement} />
          </section>
        )}
        {statement.columns.length > 0 && (
          <section>
            <h3>Bytes per column</h3>
            <ColumnBars columns={statement.columns} />
          </section>
        )}
      </div>
      <Plans plans={statement.plans} />
    </>
  );
}
