import { useMemo, useState } from 'preact/hooks';
import { count } from './format.js';

const FIRST_ROWS = 100; // so that a page with a thousand statements opens at once

// columns: {key, label, value(row), show(row), text: true for what sorts as text}. A row opens `details` below it.
export function Table({ caption, columns, rows, first, textOf, details, openId }) {
  const [order, setOrder] = useState({ key: first, down: true });
  const [filter, setFilter] = useState('');
  const [all, setAll] = useState(false);
  const [open, setOpen] = useState(openId || null);
  const [asked, setAsked] = useState(openId);
  if (asked !== openId) {
    setAsked(openId);
    setOpen(openId || null);
  }

  const sorted = useMemo(() => {
    const column = columns.find((candidate) => candidate.key === order.key);
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = rows.filter((row) => {
      const text = textOf(row).toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const compare = column.text
      ? (a, b) => column.value(a).localeCompare(column.value(b))
      : (a, b) => column.value(a) - column.value(b);
    return kept.sort((a, b) => (order.down ? compare(b, a) : compare(a, b)));
  }, [rows, columns, order, filter]);
  const opened = sorted.findIndex((row) => row.id === open);
  const shown = all ? sorted : sorted.slice(0, Math.max(FIRST_ROWS, opened + 1));

  return (
    <div class="table">
      <label class="filter">
        <span>Filter</span>
        <input
          type="search"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
          placeholder="words that must occur"
          spellcheck={false}
        />
        <span class="quiet" aria-live="polite">
          {count(sorted.length)} of {count(rows.length)}
        </span>
      </label>
      <div class="scroll">
        <table>
          <caption>{caption}</caption>
          <thead>
            <tr>
              {columns.map((column) => (
                <Heading column={column} order={order} setOrder={setOrder} />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <Row row={row} columns={columns} open={row.id === open} details={details} toggle={() => setOpen(row.id === open ? null : row.id)} />
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < sorted.length && (
        <button type="button" onClick={() => setAll(true)}>
          show {count(sorted.length - shown.length)} more
        </button>
      )}
    </div>
  );
}

function Heading({ column, order, setOrder }) {
  const current = order.key === column.key;
  return (
    <th scope="col" class={column.text ? 'text' : ''} aria-sort={current ? (order.down ? 'descending' : 'ascending') : undefined}>
      <button type="button" onClick={() => setOrder({ key: column.key, down: current ? !order.down : !column.text })}>
        {column.label}
        <span aria-hidden="true">{current ? (order.down ? ' ↓' : ' ↑') : ''}</span>
      </button>
    </th>
  );
}

function Row({ row, columns, open, details, toggle }) {
  return (
    <>
      <tr class={open ? 'open' : ''}>
        {columns.map((column, index) => (
          <td class={column.text ? 'text' : ''}>
            {index === 0 && details ? (
              <button type="button" aria-expanded={open} onClick={toggle}>
                {column.show(row)}
              </button>
            ) : (
              column.show(row)
            )}
          </td>
        ))}
      </tr>
      {open && details && (
        <tr class="details">
          <td colSpan={columns.length}>{details(row)}</td>
        </tr>
      )}
    </>
  );
}
