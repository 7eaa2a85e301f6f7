import { useState } from 'preact/hooks';
import { arrows, bytes, count, counted, duration } from './format.js';
import { Picture } from './picture.jsx';
import { Plans } from './plan.jsx';
import { priceOf } from './price.js';
import { statementOf } from './report.js';
import { Waterfall } from './waterfall.jsx';

// One finding, whole; or what else the gate says.
export function Detail({ item, roundTripMs, printing }) {
  const { finding, entry } = item;
  return (
    <article id={item.id} aria-label={item.title}>
      <p class="kicker">
        <span class="rule">{item.label}</span>
        {entry && <span class="status">{entry.kind}</span>}
        {finding && <span class={`confidence ${finding.confidence}`}>{finding.confidence}</span>}
        {finding && <span>{finding.severity}</span>}
        <a class="link" href={`#finding/${item.id}`} title="A link to this finding">
          {finding?.short_id ?? 'link'}
        </a>
      </p>
      <h2>{item.title}</h2>
      <p class="summary">{arrows(entry?.sentence || finding?.summary || '')}</p>
      {entry && <Judged entry={entry} />}
      {finding && <Body finding={finding} roundTripMs={roundTripMs} printing={printing} />}
    </article>
  );
}

function Judged({ entry }) {
  const facts = [
    ...entry.changes.map((change) => `${change.what} ${count(change.from)} → ${count(change.to)}`),
    ...entry.new_places.map((place) => `now also in ${place}`),
    ...entry.explained.map(
      ({ scope, statement, change }) => `explains ${statement}: ${change.what} ${count(change.from)} → ${count(change.to)} in ${scope}`,
    ),
    ...(entry.reason ? [`accepted: ${entry.reason} (${[entry.owner, entry.expires].filter(Boolean).join(', until ')})`] : []),
    ...(entry.site ? [entry.site] : []),
  ];
  return (
    <ul class="facts">
      {facts.map((fact) => (
        <li>{fact}</li>
      ))}
    </ul>
  );
}

function Body({ finding, roundTripMs, printing }) {
  return (
    <>
      <Picture finding={finding} />
      {finding.executions > 0 && <Price finding={finding} roundTripMs={roundTripMs} />}
      {finding.evidence.length > 0 && (
        <section>
          <h3>Evidence</h3>
          <ul class="facts">
            {finding.evidence.map((evidence) => (
              <li>{arrows(evidence.text)}</li>
            ))}
          </ul>
        </section>
      )}
      <Fix fix={finding.fix} />
      {finding.timeline.length > 0 && (
        <section>
          <h3>One unit of work, as it ran</h3>
          <Waterfall blocks={finding.timeline} finding={finding} />
        </section>
      )}
      <Plans plans={statementOf(finding.statement?.statement_id)?.plans ?? []} printing={printing} />
      <Where finding={finding} />
    </>
  );
}

function Price({ finding, roundTripMs }) {
  const price = priceOf(finding, roundTripMs);
  if (finding.round_trips_saved === 0) {
    return (
      <section>
        <h3>Price</h3>
        <p>
          {duration(finding.database_ms)} in the database over {counted(finding.executions, 'execution')}
          {finding.wasted_bytes > 0 && `; ${bytes(finding.wasted_bytes)} need not be sent`}
        </p>
      </section>
    );
  }
  const most = price.now.database + price.now.network || 1;
  return (
    <section>
      <h3>Price at {duration(roundTripMs)} a round trip</h3>
      <div class="bars">
        <Bar name="now" part={price.now} trips={price.executions} most={most} />
        <Bar name="fixed" part={price.then} trips={price.left} most={most} />
        <p class="key">
          <i class="database" /> database <i class="network" /> network
        </p>
      </div>
    </section>
  );
}

function Bar({ name, part, trips, most }) {
  const width = (ms) => ({ width: `${(ms / most) * 100}%` });
  return (
    <>
      <span>{name}</span>
      <span class="bar">
        <i class="database" style={width(part.database)} />
        <i class="network" style={width(part.network)} />
      </span>
      <span class="number">
        <b>{duration(part.database + part.network)}</b> {counted(trips, 'round trip')}
      </span>
    </>
  );
}

function Fix({ fix }) {
  const idioms = Object.entries(fix.orm);
  if (!fix.advice && !fix.sql && idioms.length === 0) return null;
  return (
    <section>
      <h3>Fix</h3>
      {fix.advice && <p>{fix.advice}</p>}
      {fix.sql && <Code text={fix.sql} />}
      {idioms.map(([orm, idiom]) => (
        <Code text={idiom} label={orm} />
      ))}
    </section>
  );
}

function Code({ text, label }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    setCopied(await copyText(text));
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div class="code">
      {label && <span class="label">{label}</span>}
      <pre>{text}</pre>
      <button type="button" onClick={copy} aria-live="polite">
        {copied ? 'copied' : 'copy'}
      </button>
    </div>
  );
}

// A page opened from disk may not have the clipboard's interface: then by a selection.
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

function Where({ finding }) {
  const command = finding.trace ? `pgassay show ${finding.trace} ${finding.short_id}` : '';
  return (
    <section class="where">
      <h3>Where</h3>
      <ul class="facts">
        {finding.scopes.map((scope) => (
          <li>{scope}</li>
        ))}
        {finding.sites.map((site) => (
          <li>
            <code>{site}</code>
          </li>
        ))}
        <li class="quiet">
          {counted(finding.units, 'unit')} of work
          {command && (
            <>
              {' '}
              · <code>{command}</code>
            </>
          )}
        </li>
      </ul>
    </section>
  );
}
