import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Clock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { compactByAge } from './compact.ts';

/** Runs the policy over so many looks, each 30 s apart, while the revision grows by `perLook`; gives the targets of its compactions. */
async function targets(options: { looks: number; perLook: number; keepRevisions: number; keepMs: number }): Promise<[number, number][]> {
  const compactions: [number, number][] = [];
  const ending = new AbortController();
  let nowMs = 0;
  let revision = 1;
  let looks = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    async sleep(delayMs) {
      nowMs += delayMs;
      revision += options.perLook;
      if (++looks > options.looks) ending.abort();
    },
  };
  await compactByAge({ ...options, clock, log: silentLog, signal: ending.signal, revision: () => revision, compact: async (target) => void compactions.push([nowMs / 1_000, target]) });
  return compactions;
}

it('keeps what is younger than asked', async () => {
  assert.deepEqual(await targets({ looks: 5, perLook: 10, keepMs: 60_000, keepRevisions: 1_000 }), [[60, 1], [90, 11], [120, 21], [150, 31]]);
});

it('keeps no more revisions than asked, young as they may be', async () => {
  assert.deepEqual(await targets({ looks: 3, perLook: 100, keepMs: 300_000, keepRevisions: 150 }), [[60, 51], [90, 151]]);
});
