// Numbers as the terminal report writes them.
export function count(number) {
  return Math.round(number)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

export function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function duration(ms) {
  if (ms >= 120_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  if (ms >= 1000) return `${short(ms / 1000)} s`;
  if (ms >= 1) return `${short(ms)} ms`;
  if (ms > 0) return `${short(ms * 1000)} µs`;
  return '0 ms';
}

export function bytes(number) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? number : number.toFixed(1)} ${units[unit]}`;
}

export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '<0.1 %';
  return `${value >= 10 ? Math.round(value) : Math.round(value * 10) / 10} %`;
}

export const arrows = (text) => text.replaceAll(' <- ', ' ← ');

function short(number) {
  return number >= 10 ? Math.round(number).toString() : (Math.round(number * 10) / 10).toString();
}
