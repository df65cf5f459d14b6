/** Times remember the zone in which they were written, as Go's do: `string()` writes them in it, and it makes no difference otherwise. */

/** Minutes ahead of UTC, of times that were not written in UTC. */
const offsets = new WeakMap<Date, number>();

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** What RFC 3339 has as a time, and a date alone; undefined for what is neither. */
export function timeOf(text: string): Date | undefined {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return undefined;
  const [, sign, hours, minutes] = TIME.exec(text) ?? [];
  return zoned(time, (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)));
}

/** Whether the text is a time as RFC 3339 has it. */
export function isTime(text: string): boolean {
  return TIME.test(text) && !Number.isNaN(Date.parse(text));
}

/** As Go writes it: RFC 3339, with as much of a second as there is. */
export function showTime(time: Date): string {
  const offset = offsets.get(time);
  if (offset === undefined) return withoutZeros(time.toISOString());
  const local = withoutZeros(new Date(time.getTime() + offset * 60_000).toISOString()).slice(0, -1);
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60].map((part) => String(part).padStart(2, '0'));
  return `${local}${offset < 0 ? '-' : '+'}${hours}:${minutes}`;
}

type Handle = (left: unknown, right: unknown, node: unknown, evaluator: unknown) => unknown;

/** Sums and differences of times keep the zone of the time. */
export function withZone(plain: Handle): Handle {
  return (left, right, node, evaluator) => {
    const result = plain(left, right, node, evaluator);
    if (result instanceof Date) for (const each of [left, right]) if (each instanceof Date) zoned(result, offsets.get(each) ?? 0);
    return result;
  };
}

function zoned(time: Date, offset: number): Date {
  if (offset !== 0) offsets.set(time, offset);
  return time;
}

function withoutZeros(text: string): string {
  return text.replace(/\.?0*Z$/, 'Z');
}
