import { useLayoutEffect, useState } from 'preact/hooks';
import { Columns } from './columns.jsx';
import { Findings, FindingsInFull } from './findings.jsx';
import { arrows, count, counted, duration } from './format.js';
import { items, report } from './report.js';
import { roundTripAt, STEPS, stepOf } from './price.js';
import { Scopes } from './scopes.jsx';
import { Statements } from './statements.jsx';

const TABS = [
  ['findings', 'Findings', () => items.length],
  ['statements', 'Statements', () => report.statements_in_all],
  ['scopes', 'Scopes', () => report.scopes.filter((scope) => scope.label).length],
  ['columns', 'Bytes per column', () => null],
];

// #finding/7c1e…, #statements/s12, #scopes, …: what can be pasted into a chat.
function usePlace() {
  const read = () => {
    const [tab, id = ''] = decodeURIComponent(location.hash.slice(1)).split('/');
    if (tab === 'finding') return { tab: 'findings', id };
    return { tab: TABS.some(([name]) => name === tab) ? tab : 'findings', id };
  };
  const [place, setPlace] = useState(read);
  // Not useEffect: an address that changes before the first frame would be missed.
  useLayoutEffect(() => {
    const follow = () => setPlace(read());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return place;
}

export function App({ printing }) {
  const place = usePlace();
  const [roundTripMs, setRoundTripMs] = useState(report.round_trip_ms);
  return (
    <>
      <Head roundTripMs={roundTripMs} setRoundTripMs={setRoundTripMs} />
      {printing ? (
        <main class="print">
          <FindingsInFull roundTripMs={roundTripMs} />
        </main>
      ) : (
        <>
          <Tabs current={place.tab} />
          <main id="panel" role="tabpanel" aria-labelledby={`tab-${place.tab}`}>
            {place.tab === 'findings' && <Findings id={place.id} roundTripMs={roundTripMs} />}
            {place.tab === 'statements' && <Statements id={place.id} roundTripMs={roundTripMs} />}
            {place.tab === 'scopes' && <Scopes roundTripMs={roundTripMs} />}
            {place.tab === 'columns' && <Columns />}
          </main>
        </>
      )}
      <footer>
        <p>{report.accounting}</p>
        <p>
          pgassay {report.tool.version} · {report.trace.paths.join(' · ')}
        </p>
      </footer>
    </>
  );
}

function Head({ roundTripMs, setRoundTripMs }) {
  const { totals, verdict } = report;
  const outcome = verdict?.outcome;
  return (
    <header>
      <div class="verdict">
        <span class="wordmark">pgassay</span>
        <h1>
          {outcome && <span class={`outcome ${outcome}`}>{outcome}</span>}
          {outcome ? report.headline.slice(outcome.length + 2) : report.headline}
        </h1>
      </div>
      <dl class="totals">
        <Figure name="queries" value={count(totals.executions)} />
        <Figure name="units of work" value={count(totals.units)} />
        <Figure name="sessions" value={count(totals.sessions)} />
        <Figure name="in the database" value={duration(totals.database_ms)} />
        <Figure name={`${counted(totals.round_trips, 'round trip')} at this distance`} value={duration(totals.round_trips * roundTripMs)} />
        <label class="distance">
          <span>
            one round trip: <output>{duration(roundTripMs)}</output>
          </span>
          <input
            type="range"
            min="0"
            max={STEPS}
            value={stepOf(roundTripMs)}
            aria-label="Round-trip time between application and database"
            aria-valuetext={duration(roundTripMs)}
            onInput={(event) => setRoundTripMs(roundTripAt(Number(event.currentTarget.value)))}
          />
        </label>
      </dl>
      {(report.warnings.length > 0 || verdict?.reasons.length > 0) && (
        <ul class="warnings">
          {[...new Set([...(verdict?.reasons ?? []), ...report.warnings])].map((warning) => (
            <li>{warning}</li>
          ))}
        </ul>
      )}
      {verdict && <Changes verdict={verdict} />}
    </header>
  );
}

// What got better, and what nothing can be said of.
function Changes({ verdict }) {
  const of = (kind) => verdict.entries.filter((entry) => entry.kind === kind);
  const fixed = of('fixed');
  const absent = of('not-exercised');
  if (fixed.length + absent.length === 0) return null;
  return (
    <ul class="changes">
      {fixed.map((entry) => (
        <li>
          <b>fixed</b> {arrows(entry.title)}
        </li>
      ))}
      {absent.map((entry) => (
        <li>
          <b>not exercised</b> {arrows(entry.sentence)}
        </li>
      ))}
    </ul>
  );
}

function Figure({ name, value }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Tabs({ current }) {
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = TABS.findIndex(([name]) => name === current);
    const [next] = TABS[(at + step + TABS.length) % TABS.length];
    location.hash = next;
    document.getElementById(`tab-${next}`).focus();
    event.preventDefault();
  };
  return (
    <div role="tablist" aria-label="Parts of the report" onKeyDown={move}>
      {TABS.map(([name, label, size]) => (
        <a
          role="tab"
          id={`tab-${name}`}
          href={`#${name}`}
          aria-selected={name === current}
          aria-controls="panel"
          tabIndex={name === current ? 0 : -1}
        >
          {label}
          {size() !== null && <span class="size">{count(size())}</span>}
        </a>
      ))}
    </div>
  );
}
