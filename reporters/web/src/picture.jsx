import { count, counted } from './format.js';

// Parent → child: a box each, the columns on the arrow; deeper levels follow to the right, or below on a narrow page.
export function Picture({ finding }) {
  if (!finding.statement) return null; // a finding about the schema alone
  const boxes = [];
  if (finding.parent) {
    boxes.push({ text: finding.parent, head: finding.parent.rows > 0 ? `returned ${counted(finding.parent.rows, 'row')}` : 'ran first' });
  }
  const edges = (finding.title.includes(' <- ') ? [edgeOf(finding.title)] : [{ from: finding.parent?.column ?? '', to: '' }]).slice(0, boxes.length);
  boxes.push({ text: finding.statement, head: `ran ${count(finding.executions)} ×`, repeated: true });
  for (const step of finding.steps) {
    edges.push(edgeOf(step.edge));
    boxes.push({ text: step, head: `ran ${count(step.executions)} ×`, repeated: true });
  }
  return (
    <figure class="picture">
      {boxes.map((box, index) => (
        <>
          {index > 0 && <Arrow edge={edges[index - 1] ?? { from: '', to: '' }} />}
          <a class={box.repeated ? 'box repeated' : 'box'} href={`#statements/${box.text.statement_id}`}>
            <span class="head">{box.head}</span>
            <code>{box.text.sql}</code>
          </a>
        </>
      ))}
    </figure>
  );
}

function edgeOf(text) {
  const [to, from = ''] = text.split(' <- ');
  return { from, to };
}

function Arrow({ edge }) {
  return (
    <span class="arrow">
      <span>{edge.from}</span>
      <svg viewBox="0 0 64 12" width="64" height="12" aria-hidden="true">
        <path d="M0 6h58M53 1l6 5-6 5" fill="none" stroke="currentColor" stroke-width="1.5" />
      </svg>
      <span>{edge.to}</span>
    </span>
  );
}
