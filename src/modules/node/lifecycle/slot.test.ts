import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { podStatus } from '../status/pod-status.ts';
import type { ContainerRecord } from './record.ts';
import { slotsOf, viewOf } from './slot.ts';

const SPEC: Pod['spec'] = { restartPolicy: 'Never', initContainers: [{ name: 'first', image: 'x' }], containers: [{ name: 'main', image: 'x' }] };

/** How far a pod had come when it was deleted: the exit of its init container, and of its main one. */
function deleted(...exits: (ContainerRecord['exit'] | undefined)[]): ReturnType<typeof podStatus> {
  const slots = slotsOf(SPEC!).map((slot, at) => ({ ...slot, ...(exits[at] === undefined ? {} : { record: { id: 'c', image: 'x', imageId: 'y', startedMs: exits[at].givenUp ? undefined : 1_000, exit: exits[at] } as ContainerRecord }) }));
  const initializing = slots[0]!.record?.exit?.exitCode !== 0;
  const containers = slots.map((slot) => viewOf(slot, { initializing, spec: SPEC }));
  return podStatus({ metadata: {}, spec: SPEC }, { containers, sandboxReady: false, podIps: [], hostIp: '10.0.0.1', startTimeMs: 0, nowMs: 2_000, over: true });
}

const GIVEN_UP = { exitCode: 128, finishedMs: 2_000, reason: 'StartError', message: 'given up', givenUp: true } as const;
const DONE = { exitCode: 0, finishedMs: 2_000, reason: 'Completed' };

test('a container that was being made when its pod was deleted never ran, and has no end of its own', () => {
  const early = deleted(GIVEN_UP);
  assert.equal(early.phase, 'Failed');
  assert.deepEqual(early.initContainerStatuses?.[0]?.state, { waiting: { reason: 'PodInitializing' } });
  assert.equal(early.initContainerStatuses?.[0]?.containerID, undefined);
  const late = deleted(DONE, GIVEN_UP);
  assert.equal(late.phase, 'Failed');
  const { exitCode, reason, startedAt, finishedAt } = late.containerStatuses![0]!.state!.terminated!;
  assert.deepEqual([exitCode, reason, startedAt, finishedAt], [137, 'ContainerStatusUnknown', undefined, undefined]);
});

test('what ended starts again when all do, but for those that debug', () => {
  const slots = slotsOf({ ...SPEC!, ephemeralContainers: [{ name: 'debug', image: 'x' }] }).map((slot) => ({ ...slot, record: { id: 'c', image: 'x', imageId: 'y', startedMs: 1_000, exit: DONE } as ContainerRecord }));
  const restarts = (allAgain: boolean): unknown[] => slots.map((slot) => viewOf(slot, { initializing: false, spec: SPEC, allAgain }).restarts);
  assert.deepEqual([restarts(false), restarts(true)], [[false, false, false], [true, true, false]]);
});
