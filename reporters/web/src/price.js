// What a finding costs at a distance: database time, and a round trip for each execution. The same sum as the terminal's.
export const allExecutions = (finding) => finding.executions + finding.steps.reduce((sum, step) => sum + step.executions, 0);

export function priceOf(finding, roundTripMs) {
  const executions = allExecutions(finding);
  const saved = Math.min(finding.round_trips_saved, executions);
  return {
    executions,
    left: executions - saved,
    now: { database: finding.database_ms, network: executions * roundTripMs },
    then: {
      database: Math.max(finding.database_ms - finding.wasted_database_ms, 0),
      network: (executions - saved) * roundTripMs,
    },
    wasted: finding.wasted_database_ms + saved * roundTripMs,
  };
}

// The slider is logarithmic: 0.05 ms (the same machine) to 100 ms (another continent).
const LEAST = 0.05;
const MOST = 100;
export const STEPS = 200;
export const roundTripAt = (step) => {
  const ms = LEAST * (MOST / LEAST) ** (step / STEPS);
  const digits = ms < 1 ? 100 : ms < 10 ? 10 : 1;
  return Math.round(ms * digits) / digits;
};
export const stepOf = (ms) =>
  Math.round((STEPS * Math.log(Math.min(Math.max(ms, LEAST), MOST) / LEAST)) / Math.log(MOST / LEAST));
