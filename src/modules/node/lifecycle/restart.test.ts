import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDuration, isAhead, mostRestartDelayMs, restartDelay, shouldRestart } from './restart.ts';

for (const [policy, role, code, again] of [
  ['Always', 'app', 0, true], ['Always', 'app', 1, true], ['OnFailure', 'app', 0, false], ['OnFailure', 'app', 1, true], ['Never', 'app', 1, false],
  ['Always', 'init', 0, false], ['Always', 'init', 1, true], ['Never', 'init', 1, false], ['Never', 'sidecar', 0, true], ['Always', 'ephemeral', 1, false],
] as const) {
  test(`${policy} ${role} code ${code}`, () => assert.equal(shouldRestart({ containers: [], restartPolicy: policy }, { name: 'a' }, role, code), again));
}

for (const [what, policy, operator, values, code, again] of [
  ['a code of the list', 'Never', 'In', [42], 42, true], ['another code', 'Never', 'In', [42], 1, false], ['a code that is not of the list', 'Never', 'NotIn', [0, 42], 1, true],
  ['a success that is of the list', 'OnFailure', 'In', [0], 0, true], ['what the policy says besides', 'OnFailure', 'In', [42], 1, true],
] as const) {
  test(`rules: ${what}`, () => assert.equal(shouldRestart({ containers: [], restartPolicy: 'Never' }, { name: 'a', restartPolicy: policy, restartPolicyRules: [{ action: 'Restart', exitCodes: { operator, values: [...values] } }] }, 'app', code), again));
}

test('delays: at once, then 10 s, doubling to 5 minutes', () => {
  const delays: number[] = [];
  let current = 0;
  for (let turn = 0; turn < 9; turn++) {
    const { delayMs, nextMs } = restartDelay(current, 1_000);
    delays.push(delayMs / 1_000);
    current = nextMs;
  }
  assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
  assert.equal(restartDelay(300_000, 600_000).delayMs, 0);
  assert.deepEqual([restartDelay(0, 1_000, 2_000), restartDelay(2_000, 1_000, 2_000)], [{ delayMs: 0, nextMs: 2_000 }, { delayMs: 2_000, nextMs: 2_000 }]);
  assert.deepEqual([{}, { crashLoopBackOff: { maxContainerRestartPeriod: '100s' } }].map(mostRestartDelayMs), [300_000, 100_000]);
  for (const maxContainerRestartPeriod of ['0s', '301s', 5, 'x']) assert.throws(() => mostRestartDelayMs({ crashLoopBackOff: { maxContainerRestartPeriod } }), /maxContainerRestartPeriod must be/);
});
test('durations', () => assert.deepEqual([10_000, 80_000, 300_000].map(goDuration), ['10s', '1m20s', '5m0s']));

test('a back-off that was named before the clock was set back is over', () => {
  assert.deepEqual([isAhead(1_000, 999), isAhead(1_000, 1_000), isAhead(3_600_000, 0), isAhead(300_000, 0)], [true, false, false, true]);
});
