import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { podStatus } from './pod-status.ts';
import type { ContainerView, PodView } from './view.ts';

const pod = (restartPolicy: 'Always' | 'OnFailure' | 'Never' = 'Always', more: Partial<Pod['spec']> = {}): Pod => ({ metadata: { name: 'p', namespace: 'd', uid: 'u' }, spec: { restartPolicy, containers: [{ name: 'a' }], ...more } });
const container = (change: Partial<ContainerView>): ContainerView => ({ name: 'a', role: 'app', image: 'i', imageId: '', restartCount: 0, ready: false, started: false, state: { waiting: { reason: 'ContainerCreating' } }, ...change });
const view = (...containers: ContainerView[]): PodView => ({ containers, sandboxReady: true, podIps: ['10.0.0.2'], hostIp: '192.0.2.1', startTimeMs: 0, nowMs: 1_000 });
const ended = (exitCode: number): ContainerView => container({ state: { terminated: { exitCode } }, containerId: 'x' });
const running = container({ state: { running: {} }, ready: true, started: true, containerId: 'x' });

for (const [name, policy, views, phase] of [
  ['not yet started', 'Always', [container({})], 'Pending'],
  ['running', 'Always', [running], 'Running'],
  ['one of two still waits', 'Always', [running, container({ name: 'b' })], 'Pending'],
  ['crashed and waiting', 'Always', [container({ state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 1 } } })], 'Running'],
  ['done', 'OnFailure', [ended(0)], 'Succeeded'],
  ['failed, to be restarted', 'OnFailure', [ended(1)], 'Running'],
  ['failed for good', 'Never', [ended(0), ended(3)], 'Failed'],
  ['init runs', 'Always', [container({ name: 'i', role: 'init', state: { running: {} } }), container({})], 'Pending'],
  ['init failed', 'Never', [container({ name: 'i', role: 'init', state: { terminated: { exitCode: 1 } } }), container({})], 'Failed'],
  ['failed, but a rule restarts it', 'Never', [container({ state: { terminated: { exitCode: 42 } }, containerId: 'x', restarts: true })], 'Running'],
  ['ended for good although the others may restart', 'Always', [container({ state: { terminated: { exitCode: 0 } }, containerId: 'x', restarts: false })], 'Succeeded'],
  ['init done', 'Always', [container({ name: 'i', role: 'init', state: { terminated: { exitCode: 0 } } }), running], 'Running'],
] as const) {
  test(`phase: ${name}`, () => assert.equal(podStatus(pod(policy), view(...views)).phase, phase));
}

test('a pod ends in the end, not while anything of it runs', () => {
  const before = { ...pod(), status: { phase: 'Running' as const } };
  const failed = { reason: 'Evicted', message: 'the node was low', disruption: 'the node was low' };
  const ending = podStatus(before, { ...view({ ...running, alive: true }), failed });
  assert.deepEqual([ending.phase, ending.reason, ending.message, condition(ending, 'Ready'), ending.conditions!.some(({ type }) => type === 'DisruptionTarget')], ['Running', undefined, undefined, 'False PodFailed', false]);
  const over = podStatus({ ...pod(), status: ending }, { ...view(ended(137)), failed });
  assert.deepEqual([over.phase, over.reason, condition(over, 'DisruptionTarget')], ['Failed', 'Evicted', 'True TerminationByKubelet the node was low']);
  assert.equal(podStatus({ ...pod('Never', { initContainers: [{ name: 's', restartPolicy: 'Always' }] }), status: { phase: 'Running' } }, view(ended(0), { ...running, name: 's', role: 'sidecar', alive: true })).phase, 'Running', 'sidecars end first');
});

test('a pod that was deleted ends for good, whatever its policy', () => {
  const initDone = container({ name: 'i', role: 'init', state: { terminated: { exitCode: 0 } } });
  const table: [string, ContainerView[], string, number | undefined][] = [
    ['well', [ended(0)], 'Succeeded', 0],
    ['badly', [ended(0), ended(143)], 'Failed', 0],
    ['between two runs', [container({ state: { terminated: { exitCode: 1 } }, containerId: 'x' })], 'Failed', 1],
    ['before it ran', [container({})], 'Failed', 137],
    ['before all of it ran', [container({}), ended(0)], 'Failed', 137],
    ['while init ran', [container({ name: 'i', role: 'init', state: { terminated: { exitCode: 143 } } }), container({})], 'Failed', undefined],
    ['after init', [initDone, container({})], 'Failed', 137],
  ];
  for (const [why, views, phase, exitCode] of table) {
    const status = podStatus({ ...pod(), status: { phase: 'Running' } }, { ...view(...views), over: true });
    assert.deepEqual([status.phase, status.containerStatuses?.[0]?.state?.terminated?.exitCode], [phase, exitCode], why);
  }
});

const condition = (status: ReturnType<typeof podStatus>, type: string): string => {
  const found = status.conditions!.find((each) => each.type === type)!;
  return [found.status, found.reason, found.message].filter(Boolean).join(' ');
};

test('conditions of a running pod', () => {
  const status = podStatus(pod(), view(running));
  for (const type of ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready', 'PodReadyToStartContainers']) assert.equal(condition(status, type), 'True', type);
});
test('an unready container is named', () => assert.equal(condition(podStatus(pod(), view(container({}))), 'Ready'), 'False ContainersNotReady containers with unready status: [a]'));
test('a readiness gate holds back Ready only', () => {
  const status = podStatus(pod('Always', { readinessGates: [{ conditionType: 'x/y' }] }), view(running));
  assert.match(condition(status, 'Ready'), /^False ReadinessGatesNotReady/);
  assert.equal(condition(status, 'ContainersReady'), 'True');
});
test('the time of a condition stays while it does not change', () => {
  const first = podStatus(pod(), view(running));
  const again = podStatus({ ...pod(), status: first }, { ...view(running), nowMs: 99_000 });
  assert.deepEqual(again, first);
});
test('qos classes', () => {
  const of = (resources: object): string | undefined => podStatus({ ...pod(), spec: { containers: [{ name: 'a', resources }] } }, view(running)).qosClass;
  assert.equal(of({}), 'BestEffort');
  assert.equal(of({ requests: { cpu: '1' } }), 'Burstable');
  assert.equal(of({ limits: { cpu: '1', memory: '1Gi' } }), 'Guaranteed');
  assert.equal(of({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }), 'Burstable');
});
test('of a pod that was never taken no container is told, so that its reason is what clients show', () => {
  const status = podStatus(pod(), { ...view(container({})), failed: { reason: 'OutOfcpu', message: 'Pod was rejected: full', rejected: true } });
  assert.deepEqual([status.phase, status.reason, status.containerStatuses], ['Failed', 'OutOfcpu', undefined]);
});
test('a pod has begun for good when one of its containers has', () => {
  const of = (policy: 'Always' | 'Never', ...views: ContainerView[]): string => condition(podStatus(pod(policy), view(...views)), 'Initialized');
  const sidecar = (change: Partial<ContainerView>): ContainerView => container({ name: 's', role: 'sidecar', containerId: 's', ...change });
  assert.match(of('Always', sidecar({ state: { running: {} } }), container({})), /^False ContainersNotInitialized .*\[s\]/);
  assert.equal(of('Always', sidecar({ state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 1 } } }), running), 'True');
  assert.equal(of('Never', sidecar({ state: { terminated: { exitCode: 7 } } }), ended(0)), 'True PodCompleted');
  assert.match(of('Always', sidecar({}), container({ state: { waiting: { reason: 'PodInitializing' } }, lastState: { terminated: { exitCode: 42 } } })), /^False/, 'all of it begins again');
});
test('termination messages have their share of 12 KiB', () => {
  const views = Array.from({ length: 6 }, (_, index) => container({ name: `c${index}`, containerId: 'x', state: { terminated: { exitCode: 0, message: 'x'.repeat(4_096) } } }));
  assert.deepEqual(podStatus(pod('Never'), view(...views)).containerStatuses!.map(({ state }) => state?.terminated?.message?.length), Array.from({ length: 6 }, () => 2_048));
  assert.equal(podStatus(pod('Never'), view(views[0]!)).containerStatuses![0]!.state!.terminated!.message!.length, 4_096);
});

test('what waits to be made waits for the pod to be initialized, where there are init containers', () => {
  const view: PodView = { containers: [container({ name: 'i', role: 'init' }), container({})], sandboxReady: true, podIps: [], hostIp: '1.2.3.4', startTimeMs: 0, nowMs: 0 };
  const reasons = (spec: Pod['spec']): (string | undefined)[] => {
    const { initContainerStatuses = [], containerStatuses = [] } = podStatus({ metadata: { name: 'p' }, spec }, view);
    return [...initContainerStatuses, ...containerStatuses].map(({ state }) => state?.waiting?.reason);
  };
  const each = { name: 'a', image: 'i' };
  assert.deepEqual(reasons({ containers: [each], initContainers: [{ ...each, name: 'i' }] }), ['PodInitializing', 'PodInitializing']);
  assert.deepEqual(reasons({ containers: [each] }), ['ContainerCreating', 'ContainerCreating']);
});
