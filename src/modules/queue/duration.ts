/** Spans of time as people write them: `90`, `90s`, `15m`, `2h30m`, `1d`. */

/** Only the last number may lack its unit: where each may, a run of digits could be split in so many ways that a text of 32 takes minutes to be refused. */
const SPAN = /^(?:\d+(?:\.\d+)?(?:ms|[smhd]))*(?:\d+(?:\.\d+)?)?$/;
const UNITS: Readonly<Record<string, number>> = { '': 1, ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds; undefined when the text is no span of time above zero. */
export function durationSeconds(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 32 || !SPAN.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])?/g)) seconds += Number(amount) * UNITS[unit ?? '']!;
  return seconds > 0 && Number.isFinite(seconds) ? seconds : undefined;
}
