import { count, duration } from './format.js';

const WIDTH = 480;
const HEIGHT = 90;
const SHORTEST_MS = 0.001; // answers that came with the one before took no time of their own

// Counts over a logarithmic axis of time, two bars per doubling; marks at the median and at 95 %.
export function Distribution({ statement }) {
  const octave = (ms) => Math.log2(Math.max(ms, SHORTEST_MS));
  const half = (ms) => Math.floor(octave(ms)) + (ms >= 1.5 * 2 ** Math.floor(octave(ms)) ? 0.5 : 0);
  const bars = statement.durations.map(([ms, calls]) => ({ at: half(ms), ms, calls }));
  const from = bars[0].at;
  const span = Math.max(bars.at(-1).at + 0.5 - from, 2);
  const most = Math.max(...bars.map((bar) => bar.calls));
  const x = (at) => ((at - from) / span) * WIDTH;
  const marks = [
    ['median', statement.p50_ms],
    ['95 %', statement.p95_ms],
  ].map(([name, ms]) => ({ name, ms, x: Math.min(Math.max(x(octave(ms)), 0), WIDTH) }));
  const label = marks.map((mark) => `${mark.name} ${duration(mark.ms)}`).join(', ');
  return (
    <figure>
      <svg class="distribution" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Durations: ${label}`}>
        {bars.map((bar) => {
          const height = Math.max((bar.calls / most) * (HEIGHT - 4), 1.5);
          return (
            <rect x={x(bar.at) + 0.5} y={HEIGHT - height} width={Math.max(WIDTH / span / 2 - 1, 1)} height={height}>
              <title>{`from ${duration(bar.ms)}: ${count(bar.calls)}`}</title>
            </rect>
          );
        })}
        {marks.map((mark) => (
          <line x1={mark.x} x2={mark.x} y1="0" y2={HEIGHT} />
        ))}
      </svg>
      <figcaption class="axis">
        <span>{duration(bars[0].ms)}</span>
        <span>{label}</span>
        <span>{duration(statement.max_ms)}</span>
      </figcaption>
    </figure>
  );
}
