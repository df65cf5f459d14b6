/** Ages as kubectl shows them (apimachinery util/duration HumanDuration). */

/** `5s`, `3m20s`, `47h`, `12d`, `2y30d`; `<invalid>` for a time that lies ahead. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return both(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return both(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (hours < 24 * 8) return both(days, 'd', hours % 24, 'h');
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.trunc(days / 365);
  return hours < 24 * 365 * 8 ? both(years, 'y', days % 365, 'd') : `${years}y`;
}

/** How long ago an RFC 3339 time was; `<unknown>` for none. */
export function ageOf(time: string | undefined | null, nowMs: number): string {
  if (!time) return '<unknown>';
  const then = Date.parse(time);
  return Number.isNaN(then) ? '<unknown>' : humanDuration(nowMs - then);
}

function both(many: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${many}${unit}` : `${many}${unit}${rest}${restUnit}`;
}
