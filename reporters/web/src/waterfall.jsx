import { count, duration } from './format.js';
import { sqlOf } from './report.js';

const MOST_BLOCKS = 60; // a timeline beyond that is read in the trace

// A unit's executions from the first sent to the last done; what repeats is one line with "× 48".
export function Waterfall({ blocks, finding }) {
  const shown = blocks.slice(0, MOST_BLOCKS);
  const steps = shown.flatMap((block) => block.steps.map((step, index) => ({ ...step, times: block.times, first: index === 0, of: block.steps.length })));
  const end = Math.max(...steps.map((step) => step.until_ms), 0.001);
  const concerned = new Set([finding.statement?.statement_id, ...finding.steps.map((step) => step.statement_id)]);
  return (
    <>
      <ol class="waterfall">
        {steps.map((step) => (
          <li class={concerned.has(step.statement_id) ? 'concerned' : ''}>
            <span class="times">
              {step.executions > 1 && `× ${count(step.executions)}`}
            </span>
            <a href={`#statements/${step.statement_id}`} title={sqlOf(step.statement_id)}>
              {sqlOf(step.statement_id)}
            </a>
            <svg class="lane" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
              <rect
                x={(step.from_ms / end) * 1000}
                width={Math.max(((step.until_ms - step.from_ms) / end) * 1000, 3)}
                y={step.executions > 1 ? 1 : 2}
                height={step.executions > 1 ? 8 : 6}
                rx="1"
              />
            </svg>
            <span class="number">
              {duration(step.database_ms)}
              {step.errors > 0 && ` · ${count(step.errors)} failed`}
            </span>
          </li>
        ))}
      </ol>
      <p class="axis">
        <span>0</span>
        <span>{duration(end)}</span>
      </p>
      {blocks.length > shown.length && <p class="quiet">{count(blocks.length - shown.length)} more steps in the trace.</p>}
    </>
  );
}
