import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../../../api/meta.ts';
import type { ResourceClaim } from '../../../api/generated/resource-v1.ts';
import { hasBindingConditions, isBindable, untilBindable } from './binding.ts';

const device = { request: 'r', driver: 'd', pool: 'p', device: 'far' };
const told = (type: string, status: string): Condition => ({ type, status, reason: 'Said', message: `so "it" is`, lastTransitionTime: '2026-11-22T10:00:00Z' }) as Condition;
const claim = (conditions?: Condition[], bindingConditions: string[] | undefined = ['Attached', 'Ready']): ResourceClaim => ({
  metadata: { name: 'c', namespace: 'default', uid: 'c' }, spec: {},
  status: {
    reservedFor: [{ resource: 'pods', name: 'p', uid: 'p' }], allocation: { devices: { results: [{ ...device, bindingConditions, bindingFailureConditions: ['Broken'] }] } },
    ...(conditions !== undefined && { devices: [{ driver: 'd', pool: 'p', device: 'other', conditions: [told('Attached', 'True'), told('Ready', 'True')] }, { driver: 'd', pool: 'p', device: 'far', conditions }] }),
  },
});

test('all conditions must hold, and none of failure', () => {
  for (const [wanted, conditions] of [[false, undefined], [false, []], [false, [told('Attached', 'True')]], [false, [told('Attached', 'True'), told('Ready', 'False')]], [true, [told('Attached', 'True'), told('Ready', 'True'), told('Broken', 'False')]]] as const) {
    assert.equal(isBindable(claim(conditions && [...conditions])), wanted, JSON.stringify(conditions));
  }
  assert.throws(() => isBindable(claim([told('Attached', 'True'), told('Ready', 'True'), told('Broken', 'True')])), new Error('claim c binding failed: reason=Said, message="so \\"it\\" is"'));
  assert.deepEqual([hasBindingConditions(claim()), hasBindingConditions(claim([], [])), isBindable(claim([], []))], [true, false, true]);
});

test('what is waited for comes, fails, is taken away, or takes too long', async () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default', uid: 'p' } };
  const waiting = (timeoutMs = 1e6) => {
    let [now, look] = [claim() as ResourceClaim | undefined, (): void => {}];
    const [stop, left] = [new AbortController(), { looks: 0 }];
    const ended = untilBindable(pod, [claim()], { now: () => now, onChange: (each) => ((look = each), () => void left.looks++), signal: stop.signal, timeoutMs });
    return { ended, left, stop, tell: (next: ResourceClaim | undefined) => ((now = next), look()) };
  };
  const [comes, fails, taken, late, stopped] = [waiting(), waiting(), waiting(), waiting(1), waiting()];
  comes.tell(claim([told('Attached', 'True')]));
  assert.equal(comes.left.looks, 0, 'it still looks');
  comes.tell(claim([told('Attached', 'True'), told('Ready', 'True')]));
  await comes.ended;
  assert.ok(comes.left.looks > 0, 'and does not any more');
  const rejected = [assert.rejects(fails.ended, /binding failed: reason=Said/), assert.rejects(taken.ended, /taken from the pod/), assert.rejects(late.ended, /device binding timeout/), assert.rejects(stopped.ended, /the scheduler stops/)];
  fails.tell(claim([told('Broken', 'True')]));
  taken.tell({ ...claim(), status: {} });
  stopped.stop.abort();
  // The timers of the scheduler keep no process alive.
  const alive = setInterval(() => {}, 1_000);
  await Promise.all(rejected);
  clearInterval(alive);
});
