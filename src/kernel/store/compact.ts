/** Compaction: what the past has replaced is forgotten, in steps so short that nobody notices. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { RevisionLog } from './revision-log.ts';
import { isStoreError } from './store.ts';
import type { Writer } from './writer.ts';

const FIRST_STEP_REVISIONS = 100;
const SMALLEST_STEP_REVISIONS = 5;
const STEP_TARGET_MS = 1;
const LOOK_EVERY_MS = 30_000;

/** Forgets step by step up to a revision that is on the disk; the steps grow and shrink with the time that they take. */
export async function compactTo(target: number, parts: { revisions: RevisionLog; writer: Writer; signal: AbortSignal }): Promise<void> {
  const { revisions, writer, signal } = parts;
  let step = FIRST_STEP_REVISIONS;
  /** To forget is to write too: a disk without room may have some for a smaller step. */
  const forget = (upTo: number): boolean => {
    try {
      revisions.forget(upTo);
      return true;
    } catch (error) {
      if (!isStoreError(error, 'full') || step <= SMALLEST_STEP_REVISIONS) throw error;
      step = SMALLEST_STEP_REVISIONS;
      return false;
    }
  };
  while (revisions.compactedRevision < target && !signal.aborted) {
    await writer.between(() => {
      const beforeMs = performance.now();
      // A second compaction may have been faster.
      if (revisions.compactedRevision >= target) return;
      if (!forget(Math.min(target, revisions.compactedRevision + step))) return;
      const tookMs = performance.now() - beforeMs;
      step = Math.max(20, Math.min(5_000, Math.round((step * STEP_TARGET_MS) / Math.max(tookMs, STEP_TARGET_MS / 2))));
    });
  }
}

/** Keeps the history at least `keepMs` long, but for no more than `keepRevisions`. Settles when the signal aborts. */
export async function compactByAge(options: {
  keepMs: number; keepRevisions: number; clock: Clock; log: Log; signal: AbortSignal;
  revision(): number; compact(toRevision: number): Promise<void>;
}): Promise<void> {
  const { clock, log, signal } = options;
  const marks: { timeMs: number; revision: number }[] = [];
  while (!signal.aborted) {
    marks.push({ timeMs: clock.nowMs(), revision: options.revision() });
    await clock.sleep(Math.min(LOOK_EVERY_MS, options.keepMs), signal);
    if (signal.aborted) return;
    const horizonMs = clock.nowMs() - options.keepMs;
    let target = options.revision() - options.keepRevisions;
    while (marks[0] !== undefined && marks[0].timeMs <= horizonMs) target = Math.max(target, (marks.shift() as { revision: number }).revision);
    if (target > 0) await options.compact(target).catch((error: unknown) => signal.aborted || log.warn('the history could not be compacted', { error }));
  }
}
