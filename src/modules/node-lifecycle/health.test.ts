import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, NodeCondition, Pod, Taint, Toleration } from '../../api/generated/core-v1.ts';
import { rfc3339 } from '../../base/clock.ts';
import { collectable } from './collect-pods.ts';
import { evictionOf, type Eviction } from './eviction.ts';
import { isSilent, signOf, silentConditions, wantedTaints } from './health.ts';
import { settingsOf } from './module.ts';

const NOW_MS = Date.parse('2026-11-21T22:00:00Z');
const ready = (status: string): NodeCondition => ({ type: 'Ready', status, lastHeartbeatTime: rfc3339(NOW_MS) });
const node = (conditions: NodeCondition[] = [ready('True')], taints?: Taint[], unschedulable?: boolean): Node => ({ metadata: { name: 'n' }, spec: { taints, unschedulable }, status: { conditions } });
const lease = (renewTime: string) => ({ metadata: { name: 'n' }, spec: { renewTime } });

test('a node is silent when what it writes does not change for the grace period', () => {
  const first = signOf(node(), lease('1'), undefined, NOW_MS);
  assert.equal(isSilent(node(), signOf(node(), lease('1'), first, NOW_MS + 49_000), NOW_MS + 49_000), false);
  assert.equal(isSilent(node(), signOf(node(), lease('1'), first, NOW_MS + 51_000), NOW_MS + 51_000), true);
  assert.equal(isSilent(node(), signOf(node(), lease('2'), first, NOW_MS + 51_000), NOW_MS + 51_000), false);
  assert.equal(isSilent(node(), first, NOW_MS + 9_000, 8_000), true, 'as the configuration says');
  assert.equal(isSilent(node([]), first, NOW_MS + 55_000), false, 'a new node may take longer');
});

test('of a silent node nothing is known', () => {
  const conditions = silentConditions(node([ready('True'), { type: 'Custom', status: 'True' }]), NOW_MS);
  assert.deepEqual(conditions.map(({ type, status, reason }) => [type, status, reason]), [
    ['Ready', 'Unknown', 'NodeStatusUnknown'], ['Custom', 'True', undefined], ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated'], ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated'], ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated'],
  ]);
  assert.deepEqual(silentConditions({ ...node(), status: { conditions } }, NOW_MS + 1e6), conditions, 'saying it again changes nothing');
});

test('conditions become taints, and those of others stay', () => {
  const own: Taint = { key: 'gpu', effect: 'NoSchedule' };
  const table: [string, Node, string[] | undefined][] = [
    ['fine', node([ready('True')], [own]), undefined],
    ['not ready', node([ready('False')], [own]), ['gpu:NoSchedule', 'node.kubernetes.io/not-ready:NoSchedule', 'node.kubernetes.io/not-ready:NoExecute']],
    ['unreachable', node([ready('Unknown')]), ['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute']],
    ['pressure', node([ready('True'), { type: 'DiskPressure', status: 'True' }]), ['node.kubernetes.io/disk-pressure:NoSchedule']],
    ['cordoned', node([ready('True')], undefined, true), ['node.kubernetes.io/unschedulable:NoSchedule']],
    ['back again', node([ready('True')], [own, { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }]), ['gpu:NoSchedule']],
  ];
  for (const [name, each, expected] of table) assert.deepEqual(wantedTaints(each, each.status?.conditions ?? [], NOW_MS)?.map(({ key, effect }) => `${key}:${effect}`), expected, name);
});

test('when pods leave', () => {
  const taint: Taint = { key: 'k', effect: 'NoExecute', timeAdded: rfc3339(NOW_MS - 10_000) };
  const timeless: Taint = { key: 'k', effect: 'NoExecute' };
  const at = (ms: number): Eviction => ({ atMs: NOW_MS + ms });
  const table: [string, Toleration[], Taint[], Eviction, Partial<Pod>?][] = [
    ['no taints', [], [], 'stay'], ['not tolerated', [], [taint], 'now'], ['tolerated for ever', [{ key: 'k', operator: 'Exists' }], [taint], 'stay'],
    ['for a while', [{ key: 'k', operator: 'Exists', tolerationSeconds: 30 }], [taint], at(20_000)], ['the while is over', [{ operator: 'Exists', tolerationSeconds: 5 }], [taint], at(-5_000)],
    ['a taint without a time', [{ key: 'k', operator: 'Exists', tolerationSeconds: 5 }], [timeless], at(1_000)],
    ['for no time', [{ key: 'k', operator: 'Exists', tolerationSeconds: -1 }], [taint], 'now'],
    ['the first toleration of a taint counts', [{ key: 'k', operator: 'Exists' }, { operator: 'Exists', tolerationSeconds: 5 }], [taint], 'stay'],
    ['all taints must be tolerated', [{ key: 'k', operator: 'Exists', tolerationSeconds: 30 }], [taint, { key: 'other', effect: 'NoExecute' }], 'now'],
    ['who was placed under the taint has its own time', [{ key: 'k', operator: 'Exists', tolerationSeconds: 30 }], [{ ...taint, timeAdded: rfc3339(NOW_MS - 3_600_000) }], at(26_000), { status: { conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: rfc3339(NOW_MS - 4_000) }] } }],
    ['who has ended goes too', [], [taint], 'now', { status: { phase: 'Succeeded' } }],
    ['NoSchedule moves nobody', [], [{ key: 'k', effect: 'NoSchedule' }], 'stay'],
  ];
  for (const [name, tolerations, taints, expected, more] of table) assert.deepEqual(evictionOf({ metadata: {}, ...more, spec: { containers: [], tolerations } }, taints, { seenMs: NOW_MS - 4_000 }), expected, name);
});

test('which pods nobody will end', () => {
  const deleted = { deletionTimestamp: rfc3339(NOW_MS) };
  const of = (name: string, change: Partial<Node['spec'] & object> = {}, status = 'True'): Node => ({ metadata: { name }, spec: change, status: { conditions: [ready(status)] } });
  const off = [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' as const }];
  const pod = (name: string, nodeName: string | undefined, more: Partial<Pod['metadata']> = {}, status: Pod['status'] = {}): Pod => ({ metadata: { name, ...more }, spec: { containers: [], nodeName }, status });
  const pods = [
    pod('fine', 'n'), pod('ends', 'n', deleted), pod('lost', 'gone'), pod('waiting', undefined), pod('dropped', undefined, deleted),
    pod('given up', 'off', deleted), pod('not deleted', 'off'), pod('on its way', 'silent', deleted), pod('back again', 'on', deleted),
  ];
  const nodes = [of('n'), of('off', { taints: off }, 'Unknown'), of('silent', {}, 'Unknown'), of('on', { taints: off })];
  const absentSince = new Map<string, number>();
  const names = (nowMs: number, more: Node[] = []): string[] => collectable(pods, [...nodes, ...more], absentSince, nowMs).map((each) => each.pod.metadata.name ?? '');
  assert.deepEqual(names(NOW_MS), ['dropped', 'given up']);
  assert.deepEqual(names(NOW_MS + 41_000), ['lost', 'dropped', 'given up']);
  assert.deepEqual(names(NOW_MS + 42_000, [of('gone')]), ['dropped', 'given up'], 'the node came back');
  const at = (name: string, second: number, status: Pod['status']): Pod => pod(name, 'n', { creationTimestamp: rfc3339(NOW_MS + second * 1_000) }, status);
  const ended = [at('newest', 3, { phase: 'Failed' }), at('old', 1, { phase: 'Succeeded' }), at('evicted', 2, { phase: 'Failed', reason: 'Evicted' }), at('runs', 0, { phase: 'Running' })];
  assert.deepEqual(collectable(ended, nodes, absentSince, NOW_MS, 1).map((each) => each.pod.metadata.name), ['evicted', 'old'], 'evicted ones go first');
});

test('how long a node may be silent is configured as upstream has it', () => {
  assert.deepEqual(settingsOf({}), { graceMs: 50_000, periodMs: 5_000 });
  assert.deepEqual(settingsOf({ nodeMonitorGracePeriod: '1m20s', nodeMonitorPeriod: '500ms' }), { graceMs: 80_000, periodMs: 500 });
  assert.throws(() => settingsOf({ nodeMonitorGracePeriod: 50 }), /nodeMonitorGracePeriod 50 is no duration; write it like 50s/);
  assert.throws(() => settingsOf({ nodeMonitorGracePeriod: '1s' }), /too seldom/);
});
