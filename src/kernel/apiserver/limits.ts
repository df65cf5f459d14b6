/** Limits of the door: what strangers and floods may take of the machine at most. */
export interface Limits {
  /** Open connections, over all and of one address. Further ones are closed at once. */
  maxConnections: number;
  maxConnectionsPerAddress: number;
  /** Requests under way at once, watches left out: each may hold a body in memory. Further ones are answered 429; so is one user from three quarters on. */
  maxRequestsInFlight: number;
  /** Watches at once; one user may have three quarters. Further ones are answered 429. */
  maxWatches: number;
  /** How long a new connection may take to send its first request; ms. */
  firstRequestMs: number;
  /** How long the body of a request may take to arrive; ms. */
  bodyMs: number;
  /** How long a connection stays open without a request; longer than what clients keep idle ones for, so that we are not the one who closes under a request; ms. */
  idleMs: number;
  /** After so much silence a connection is asked whether there is still somebody, ten times a second apart (TCP keep-alive): who vanished without a word, and with him his watches, is let go; ms. */
  probeAfterMs: number;
  /** How long a client may acknowledge nothing of what is sent to it again and again: who vanished with bytes under way is let go, where TCP itself would try for a quarter of an hour; ms. */
  unacknowledgedMs: number;
  /** How long a watch may be unable to send what waits because its client does not read; ms. */
  stalledMs: number;
}

export const DEFAULT_LIMITS: Limits = { maxConnections: 10_000, maxConnectionsPerAddress: 5_000, maxRequestsInFlight: 1_000, maxWatches: 10_000, firstRequestMs: 30_000, bodyMs: 60_000, idleMs: 120_000, probeAfterMs: 30_000, unacknowledgedMs: 30_000, stalledMs: 60_000 };

/** What one user may have of all. */
export function shareOf(all: number): number {
  return Math.max(1, Math.floor((all * 3) / 4));
}
