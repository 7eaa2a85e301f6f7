import { useState } from 'preact/hooks';
import { bytes, count, counted, percent } from './format.js';
import { report } from './report.js';

const FIRST_COLUMNS = 40;

// All results together, by column of the table it came from.
function allColumns() {
  const sums = new Map();
  for (const statement of report.statements) {
    for (const column of statement.columns) {
      const name = nameOf(column);
      const sum = sums.get(name) ?? { name, bytes: 0, cells: 0, nulls: 0, statements: new Set() };
      sum.bytes += column.bytes;
      sum.cells += column.cells;
      sum.nulls += column.nulls;
      sum.statements.add(statement.id);
      sums.set(name, sum);
    }
  }
  return [...sums.values()].sort((a, b) => b.bytes - a.bytes);
}

const nameOf = (column) => (column.relation ? `${column.relation}.${column.column || column.name}` : column.name);

export function Columns() {
  const [all, setAll] = useState(false);
  const columns = allColumns();
  if (columns.length === 0) return <p class="nothing">No result column was recorded.</p>;
  const shown = all ? columns : columns.slice(0, FIRST_COLUMNS);
  const total = columns.reduce((sum, column) => sum + column.bytes, 0);
  return (
    <>
      <p class="quiet">
        {bytes(total)} of values in {counted(columns.length, 'column')} of results
      </p>
      <Bars rows={shown} total={total} most={columns[0].bytes} />
      {shown.length < columns.length && (
        <button type="button" onClick={() => setAll(true)}>
          show {count(columns.length - shown.length)} more
        </button>
      )}
    </>
  );
}

export function ColumnBars({ columns }) {
  const rows = columns.map((column) => ({ ...column, name: nameOf(column) })).sort((a, b) => b.bytes - a.bytes);
  const total = rows.reduce((sum, row) => sum + row.bytes, 0);
  return <Bars rows={rows.slice(0, 12)} total={total} most={rows[0].bytes} />;
}

function Bars({ rows, total, most }) {
  return (
    <ul class="columns">
      {rows.map((row) => (
        <li>
          <code>{row.name}</code>
          <span class="bar">
            <i class="database" style={{ width: `${(row.bytes / (most || 1)) * 100}%` }} />
          </span>
          <span class="number">
            {bytes(row.bytes)} · {percent(total ? row.bytes / total : 0)}
          </span>
          <span class="quiet">
            {row.nulls > 0 && `${percent(row.nulls / row.cells)} null`}
            {row.statements && row.statements.size > 1 && ` ${counted(row.statements.size, 'statement')}`}
          </span>
        </li>
      ))}
    </ul>
  );
}
