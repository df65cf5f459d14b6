/** Signals by the names that images and pods have for them (`STOPSIGNAL` of a Dockerfile, core/v1 Signal). */
import { constants } from 'node:os';

/** Node knows no signals of real time; glibc begins with 34, since it keeps the first two for itself. */
const [FIRST, LAST] = [34, 64];
const OLD_NAMES: Readonly<Record<string, string>> = { SIGCLD: 'SIGCHLD' };

/** `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`, `RTMAX-1`; undefined for what is none. */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= LAST ? Number(text) : undefined;
  const name = text.toUpperCase().replace(/^(SIG)?/, 'SIG');
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime === null) return (constants.signals as Record<string, number>)[OLD_NAMES[name] ?? name];
  const number = (realTime[1] === 'MIN' ? FIRST : LAST) + Number(`${realTime[2] ?? ''}${realTime[3] ?? 0}`);
  return number >= FIRST && number <= LAST ? number : undefined;
}
