/** When certificates are made anew. */
import { X509Certificate } from 'node:crypto';

const DAY_MS = 24 * 3_600_000;
const RENEW_MS = 30 * DAY_MS;
/** A timer is set no further ahead than this, as they cannot be set for more than 24 days, and clocks are put right. */
const FURTHEST_MS = DAY_MS;
const NEXT_MS = 1_000;

/** 30 days before its end, or when a third of its time is left where that is less: there are servers that give a certificate for a day. Throws for what is none; ms. Pure. */
export function renewAtMs(certificatePem: string | Buffer): number {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  const endMs = Date.parse(validTo);
  return endMs - Math.min(RENEW_MS, (endMs - Date.parse(validFrom)) / 3);
}

export interface Alarm {
  /** Rings at that time, and no more at one that was said before. Infinity: never. */
  set(atMs: number): void;
}

export function createAlarm({ nowMs, signal }: { nowMs: () => number; signal: AbortSignal }, ring: () => void): Alarm {
  let timer: NodeJS.Timeout | undefined;
  const set = (atMs: number): void => {
    clearTimeout(timer);
    if (atMs === Infinity || signal.aborted) return;
    const wait = Math.min(FURTHEST_MS, Math.max(NEXT_MS, atMs - nowMs()));
    timer = setTimeout(() => (nowMs() < atMs ? set(atMs) : ring()), wait).unref();
  };
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  return { set };
}
