import assert from 'node:assert/strict';
import { it } from 'node:test';
import { QuotaRoom, type QuotaJob } from './quota-room.ts';
import { QuotaNode } from './quota-tree.ts';

/** Two flavors, of which the root, a cohort below it, and the queue have so much. */
function roomOf(root: number[], cohort: number[], own: number[]): QuotaRoom {
  const limits = { borrowingLimit: [Infinity, Infinity], lendingLimit: [Infinity, Infinity] };
  const top = new QuotaNode({ name: 'root', nominal: root, ...limits });
  const middle = new QuotaNode({ name: 'cohort', parent: top, nominal: cohort, ...limits });
  const node = new QuotaNode({ name: 'queue', parent: middle, nominal: own, ...limits });
  return new QuotaRoom({ node, groups: [{ resources: ['cpu'], flavors: ['far', 'near'] }], indexOf: (flavor) => (flavor === 'far' ? 0 : 1), triesNextBeforeBorrowing: true });
}
const flavorOf = (room: QuotaRoom, cpu: number): string | undefined => room.place({ demand: [{ name: 'main', count: 1, perPod: new Map([['cpu', cpu]]) }] } as unknown as QuotaJob, room.free)?.sets[0]?.flavors.get('cpu');

it('what is borrowed is borrowed of the nearest that has it', () => {
  assert.equal(flavorOf(roomOf([4, 0], [0, 4], [0, 0]), 4), 'near');
  assert.equal(flavorOf(roomOf([4, 4], [0, 0], [0, 0]), 4), 'far', 'of equals the first');
  assert.equal(flavorOf(roomOf([4, 0], [0, 4], [4, 0]), 4), 'far', 'and nothing, where it need not be');
  assert.equal(flavorOf(roomOf([0, 4], [4, 2], [0, 0]), 5), 'near', 'of further up what the nearer one lacks');
});
