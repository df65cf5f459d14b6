import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FairRule } from './cohort-share.ts';
import { fairVictims } from './fair-victims.ts';
import { entryOf } from './job.ts';
import { QuotaRoom, type QuotaJob } from './quota-room.ts';
import { QuotaNode } from './quota-tree.ts';

/** Six are lent by one queue; of two that borrow, the heavy one has jobs of these sizes. Who is stopped for a job of so many of the light one. */
function stoppedFor(wanted: number, sizes: readonly number[], rules: readonly FairRule[]): string[] | undefined {
  const limits = { borrowingLimit: [Infinity], lendingLimit: [Infinity] };
  const cohort = new QuotaNode({ name: 'cohort', nominal: [0], ...limits });
  const room = (name: string, nominal: number): QuotaRoom => new QuotaRoom({ node: new QuotaNode({ name, nominal: [nominal], parent: cohort, ...limits }), groups: [{ resources: ['cpu'], flavors: ['f'] }], indexOf: () => 0, triesNextBeforeBorrowing: false });
  const [, heavy, light] = [room('lender', 6), room('heavy', 0), room('light', 0)];
  const job = (id: string, cpu: number): QuotaJob => ({ id, submittedAt: 0, request: [cpu], tenant: '', priority: 0, likeness: [], demand: [{ name: 'main', count: 1, perPod: new Map([['cpu', cpu]]) }] });
  const running = sizes.map((size, index) => {
    const entry = entryOf(job(`heavy-${index}`, size), index, 1);
    entry.placement = heavy.place(entry.job as QuotaJob, heavy.capacity)!;
    heavy.take(entry.placement);
    return { room: heavy, entry };
  });
  const victims = fairVictims(light, light.place(job('light', wanted), light.capacity)!, running, { indexes: [[0]], rules }, [0]);
  assert.deepEqual(heavy.free, [6 - sizes.reduce((sum, size) => sum + size, 0)], 'rooms are as before');
  return victims?.map(({ entry }) => entry.job.id);
}

const CASES: readonly [string, number, readonly number[], readonly FairRule[], string[] | undefined][] = [
  ['as few as leave the other no less than it', 3, [1, 1, 1, 1, 1, 1], ['final'], ['heavy-0', 'heavy-1', 'heavy-2']],
  ['never so many that it would have more', 4, [1, 1, 1, 1, 1, 1], ['final', 'initial'], undefined],
  ['a job as large as all stays where shares after it count', 2, [6], ['final'], undefined],
  ['and goes where shares before it count', 2, [6], ['initial'], ['heavy-0']],
  ['the second rule is for what the first does not give', 2, [6], ['final', 'initial'], ['heavy-0']],
];
for (const [what, wanted, sizes, rules, expected] of CASES) it(what, () => assert.deepEqual(stoppedFor(wanted, sizes, rules), expected));
