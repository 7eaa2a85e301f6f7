import { useEffect, useRef } from 'preact/hooks';
import { Detail } from './detail.jsx';
import { duration } from './format.js';
import { priceOf } from './price.js';
import { grouped, itemOf, items, report } from './report.js';

export function Findings({ id, roundTripMs }) {
  const ranked = [...items].sort((a, b) => b.isNew - a.isNew || wastedOf(b, roundTripMs) - wastedOf(a, roundTripMs));
  const groups = grouped(ranked);
  const shown = groups.flatMap(([, members]) => members);
  const chosen = (id && itemOf(id)) || shown[0];
  const list = useRef(null);
  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  if (!chosen) {
    return <p class="nothing">{report.totals.executions === 0 ? 'No query was recorded.' : 'Nothing found.'}</p>;
  }
  const move = (event) => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = shown[Math.min(Math.max(shown.indexOf(chosen) + step, 0), shown.length - 1)];
    location.hash = `finding/${next.id}`;
    list.current.querySelector(`[data-id="${CSS.escape(next.id)}"]`)?.focus();
    event.preventDefault();
  };
  return (
    <div class="split">
      <nav ref={list} aria-label="Findings, by relation" onKeyDown={move}>
        {groups.map(([name, members]) => (
          <section>
            <h2>{name}</h2>
            {members.map((item) => (
              <Entry item={item} chosen={item === chosen} roundTripMs={roundTripMs} />
            ))}
          </section>
        ))}
      </nav>
      <Detail key={chosen.id} item={chosen} roundTripMs={roundTripMs} />
    </div>
  );
}

export const FindingsInFull = ({ roundTripMs }) => items.map((item) => <Detail item={item} roundTripMs={roundTripMs} printing />);

const wastedOf = (item, roundTripMs) => (item.finding ? priceOf(item.finding, roundTripMs).wasted : 0);

function Entry({ item, chosen, roundTripMs }) {
  const { finding, entry } = item;
  return (
    <a class="entry" href={`#finding/${item.id}`} data-id={item.id} aria-current={chosen ? 'true' : undefined}>
      <span class="top">
        <span class="rule">{item.label}</span>
        {entry && <span class="status">{entry.kind}</span>}
        {finding && <span class={`confidence ${finding.confidence}`}>{finding.confidence}</span>}
      </span>
      <span class="title">{item.title}</span>
      {finding && wastedOf(item, roundTripMs) > 0 && (
        <span class="price">{duration(wastedOf(item, roundTripMs))} to save</span>
      )}
    </a>
  );
}
