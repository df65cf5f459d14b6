import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../api/errors.ts';
import type { ScaledJobSpec } from '../../api/keda/scaled-job.ts';
import { ScaledObject as ScaledObjectKind, type ScaledObject } from '../../api/keda/scaled-object.ts';
import { TriggerAuthentication } from '../../api/keda/trigger-authentication.ts';
import { usersOf } from './authentication-users.ts';
import { desiredAutoscaler } from './autoscaler.ts';
import { compositeOf } from './composite.ts';
import { fallbackReplicas, valueOf } from './fallback.ts';
import { isPending, jobsToStart } from './job-count.ts';
import { learned } from './learn.ts';
import { rivalOf } from './rivals.ts';
import { decideScale, isCoolingDown, type Situation } from './scale.ts';
import { statusOf, type Standing } from './scaled-object-status.ts';
import type { Source } from './sources.ts';
import { calendar } from './triggers/calendar.ts';
import { cron } from './triggers/cron.ts';
import { http } from './triggers/http.ts';
import { metricName, TriggerError } from './triggers/trigger.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const ago = (seconds: number): string => new Date(NOW - seconds * 1_000).toISOString();
const scaled = (spec: Partial<ScaledObject['spec']> = {}, more: { lastActive?: number; created?: number; annotations?: Record<string, string> } = {}): ScaledObject => ({
  apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', metadata: { name: 'web', namespace: 'default', uid: 'u', creationTimestamp: ago(more.created ?? 10_000), ...(more.annotations === undefined ? {} : { annotations: more.annotations }) },
  spec: { scaleTargetRef: { name: 'web' }, triggers: [], ...spec }, ...(more.lastActive === undefined ? {} : { status: { lastActiveTime: ago(more.lastActive) } }),
});

const cases: [what: string, object: ScaledObject, situation: Omit<Situation, 'nowMs' | 'complete'> & { complete?: boolean }, to: number | undefined][] = [
  ['nothing runs, nothing is to do', scaled(), { replicas: 0, active: false }, undefined],
  ['wakes', scaled(), { replicas: 0, active: true }, 1],
  ['wakes to the least', scaled({ minReplicaCount: 3 }), { replicas: 0, active: true }, 3],
  ['wakes from idle', scaled({ minReplicaCount: 3, idleReplicaCount: 1 }), { replicas: 1, active: true }, 3],
  ['leaves the rest to the autoscaler', scaled(), { replicas: 5, active: true }, undefined],
  ['cools down', scaled({}, { lastActive: 299 }), { replicas: 2, active: false }, undefined],
  ['sleeps', scaled({}, { lastActive: 300 }), { replicas: 2, active: false }, 0],
  ['waits for no time of a clock that was a day ahead', scaled({}, { lastActive: -86_400 }), { replicas: 2, active: false }, 0],
  ['sleeps at once where nothing was ever active', scaled(), { replicas: 2, active: false }, 0],
  ['but not before its first cooldown', scaled({ initialCooldownPeriod: 60 }, { created: 59 }), { replicas: 2, active: false }, undefined],
  ['wakes from between idle and the least', scaled({ minReplicaCount: 3, idleReplicaCount: 1 }), { replicas: 2, active: true }, 3],
  ['idles', scaled({ minReplicaCount: 3, idleReplicaCount: 1, cooldownPeriod: 10 }, { lastActive: 11 }), { replicas: 3, active: false }, 1],
  ['does not go below the least', scaled({ minReplicaCount: 2 }, { lastActive: 1_000 }), { replicas: 5, active: false }, undefined],
  ['comes up to the least', scaled({ minReplicaCount: 2 }), { replicas: 1, active: false }, 2],
  ['holds what it has when it does not know', scaled({}, { lastActive: 1_000 }), { replicas: 2, active: false, complete: false }, undefined],
  ['paused at a number', scaled({}, { annotations: { 'autoscaling.keda.sh/paused-replicas': '4' } }), { replicas: 1, active: true }, 4],
  ['may not fall', scaled({}, { annotations: { 'autoscaling.keda.sh/paused-scale-in': 'true' } }), { replicas: 2, active: false }, undefined],
  ['may not rise', scaled({}, { annotations: { 'autoscaling.keda.sh/paused-scale-out': 'true' } }), { replicas: 0, active: true }, undefined],
];
for (const [what, object, situation, to] of cases) test(`scale: ${what}`, () => assert.equal(decideScale(object, { nowMs: NOW, complete: true, ...situation })?.replicas, to));

test('who keeps replicas since a trigger was active says so', () => {
  const cools = (object: ScaledObject, situation: Partial<Situation> = {}): boolean => isCoolingDown(object, { nowMs: NOW, complete: true, active: false, replicas: 2, ...situation });
  const recent = scaled({}, { lastActive: 10 });
  assert.deepEqual([cools(recent), cools(recent, { replicas: 0 }), cools(recent, { active: true }), cools(recent, { complete: false }), cools(scaled({}, { lastActive: 301 }))], [true, false, false, false, false]);
  assert.deepEqual([cools(scaled({ initialCooldownPeriod: 60 }, { created: 59 })), cools(scaled({ minReplicaCount: 2 }, { lastActive: 10 })), cools(scaled({ minReplicaCount: 3, idleReplicaCount: 1 }, { lastActive: 10 }))], [true, false, true]);
});

test('who uses an authentication', () => {
  const user = (name: string, more: object, ...references: object[]) => ({ metadata: { name, namespace: 'default', ...more }, spec: { triggers: references.map((authenticationRef) => ({ type: 'redis', metadata: {}, authenticationRef })) } }) as ScaledObject;
  assert.deepEqual([...usersOf([user('b', {}, { name: 'secret' }, { name: 'secret' }), user('a', {}, { name: 'secret' }, { name: 'secret', kind: 'ClusterTriggerAuthentication' }), user('gone', { deletionTimestamp: ago(1) }, { name: 'secret' }), user('other', { namespace: 'other' }, { name: 'secret', kind: 'TriggerAuthentication' })])],
    [['TriggerAuthentication/default/secret', 'a,b'], ['ClusterTriggerAuthentication//secret', 'a'], ['TriggerAuthentication/other/secret', 'other']]);
});

test('conditions, in upstream\'s words', () => {
  const standing: Standing = { all: [], metrics: [], isComposite: false, amiss: undefined, active: false, paused: false, partlyPaused: false, forced: false, cooling: false, pausedReplicas: undefined, scaling: undefined, resourceOnly: false };
  const said = (more: Partial<Standing>, type: string): string => statusOf(scaled(), { ...standing, ...more }, { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', replicas: 1 }, NOW).conditions!.filter((each) => each.type === type).map(({ status, reason, message }) => `${status} ${reason}: ${message}`).join();
  assert.equal(said({ cooling: true }, 'Active'), 'False ScalerCooldown: Scaler cooling down because triggers are not active');
  assert.equal(said({ active: true, forced: true }, 'Active'), 'True ScalerActive: Scaling is performed because activation is being forced by annotation');
  assert.equal(said({ partlyPaused: true }, 'Paused'), 'True ScaledObjectPaused: ScaledObject is paused');
  assert.equal(said({}, 'Fallback'), 'False NoFallbackFound: No fallbacks are active on this scaled object');
  // Of an autoscaler that has not said anything yet, or cannot be seen, nothing is said; one whose target sleeps is well.
  assert.equal(said({}, 'HPAActive'), '');
  assert.equal(said({ scaling: { status: 'True', reason: 'ValidMetricFound' } }, 'HPAActive'), 'True HPAActive: ');
  assert.equal(said({ scaling: { status: 'False', reason: 'ScalingDisabled', message: 'scaling is disabled since the replica count of the target is zero' } }, 'HPAActive'), 'True HPAScalingDisabled: scaling is disabled since the replica count of the target is zero');
  assert.equal(said({ scaling: { status: 'False', reason: 'FailedGetExternalMetric', message: 'metrics not available' } }, 'HPAActive'), 'False HPAMetricsUnavailable: FailedGetExternalMetric: metrics not available');
  assert.equal(said({ scaling: { status: 'False', reason: 'FailedGetExternalMetric', message: '' } }, 'HPAActive'), 'False HPAMetricsUnavailable: FailedGetExternalMetric');
});

test('one workload, and one autoscaler, has one scaler', () => {
  const named = (name: string, target: string, autoscaler?: string, annotations = {}): ScaledObject => ({ ...scaled({ scaleTargetRef: { name: target }, ...(autoscaler !== undefined && { advanced: { horizontalPodAutoscalerConfig: { name: autoscaler } } }) }), metadata: { name, annotations } });
  assert.equal(rivalOf(named('b', 'api', 'shared'), [named('a', 'web', 'shared')], []), "the HPA 'shared' is already managed by the ScaledObject 'a'");
  assert.equal(rivalOf(named('b', 'api', 'keda-hpa-a'), [named('a', 'web')], []), "the HPA 'keda-hpa-a' is already managed by the ScaledObject 'a'");
  assert.equal(rivalOf(named('b', 'api'), [named('a', 'web')], []), undefined);
  const hand = { metadata: { name: 'by-hand' }, spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'api' }, maxReplicas: 2 } };
  assert.match(rivalOf(named('b', 'api'), [], [hand])!, /already managed by the hpa 'by-hand'/);
  assert.equal(rivalOf(named('b', 'api', undefined, { 'scaledobject.keda.sh/transfer-hpa-ownership': 'true' }), [], [hand]), "the existing hpa 'by-hand' for workload 'api' of type 'apps/v1.Deployment' must be specified by name in advanced settings to enable ownership transfer");
  assert.equal(rivalOf(named('b', 'api', 'by-hand', { 'scaledobject.keda.sh/transfer-hpa-ownership': 'true' }), [], [hand]), undefined);
});

test('bounds of replicas, as upstream has them', () => {
  const errors = (spec: object): string[] => ScaledObjectKind.rules.validate!({ metadata: { name: 'web' }, spec: { scaleTargetRef: { name: 'web' }, triggers: [{ type: 'redis', metadata: {} }], ...spec } } as never, undefined as never).map(({ message }) => message);
  assert.deepEqual([errors({}), errors({ minReplicaCount: 0, idleReplicaCount: 0 }), errors({ minReplicaCount: 2, maxReplicaCount: 2 })], [[], [], []]);
  for (const [spec, words] of [[{ idleReplicaCount: 0 }, /IdleReplicaCount=0 must be less than MinReplicaCount=0/], [{ minReplicaCount: 0, maxReplicaCount: 0 }, /MinReplicaCount=1 must be less than MaxReplicaCount=0/], [{ minReplicaCount: 2, idleReplicaCount: 2 }, /IdleReplicaCount=2/]] as const) assert.match(errors(spec).join(), words);
});

test('where tokens are asked for has to be an address', () => {
  const errors = (tokenUrl: string, clientId = 'me'): string[] => TriggerAuthentication.rules.validate!({ metadata: { name: 'a' }, spec: { oauth2: { type: 'clientCredentials', clientId, tokenUrl, clientSecret: {} } } } as never, undefined as never).map(({ message }) => message);
  assert.deepEqual(errors('https://login.example.com/token'), []);
  for (const wrong of ['login.example.com/token', 'ftp://login.example.com', 'https://']) assert.match(errors(wrong).join(), /must be a valid http or https URL/);
  assert.match(errors('').join(), /oauth2.tokenUrl is required/);
  assert.match(errors('http://a', '').join(), /oauth2.clientId is required/);
});

test('the autoscaler has a metric for each trigger', () => {
  const long = desiredAutoscaler({ ...scaled(), metadata: { name: `${'a'.repeat(53)}-bcd`, labels: { 'app.kubernetes.io/managed-by': 'helm' }, annotations: { team: 'a', 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'llmos.dev/learned-events': '{}' } } }, []);
  assert.deepEqual([long.metadata.labels?.['app.kubernetes.io/name'], long.metadata.labels?.['app.kubernetes.io/managed-by'], long.metadata.annotations], [`keda-hpa-${'a'.repeat(53)}`, 'helm', { team: 'a' }]);
  const { spec, metadata } = desiredAutoscaler(scaled({ maxReplicaCount: 7, triggers: [{ type: 'redis', metadata: {} }, { type: 'cpu', metricType: 'Utilization', metadata: { value: '60' } }, { type: 'memory', metadata: { type: 'AverageValue', value: '1Gi', containerName: 'main' } }] }), [{ name: 's0-redis-jobs', target: 2.5, type: 'AverageValue' }]);
  assert.equal(metadata.labels?.['app.kubernetes.io/managed-by'], 'keda-operator');
  assert.deepEqual([metadata.name, spec!.minReplicas, spec!.maxReplicas, spec!.scaleTargetRef], ['keda-hpa-web', 1, 7, { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }]);
  assert.deepEqual(spec!.metrics, [
    { type: 'External', external: { metric: { name: 's0-redis-jobs', selector: { matchLabels: { 'scaledobject.keda.sh/name': 'web' } } }, target: { type: 'AverageValue', averageValue: '2500m' } } },
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } },
    { type: 'ContainerResource', containerResource: { name: 'memory', container: 'main', target: { type: 'AverageValue', averageValue: '1Gi' } } },
  ]);
});

test('what is paused one way alone does not go that way by its autoscaler either', () => {
  const { spec } = desiredAutoscaler(scaled({ advanced: { horizontalPodAutoscalerConfig: { behavior: { scaleDown: { stabilizationWindowSeconds: 7 } } } } }, { annotations: { 'autoscaling.keda.sh/paused-scale-in': 'true' } }), []);
  assert.deepEqual(spec!.behavior, { scaleDown: { stabilizationWindowSeconds: 7, selectPolicy: 'Disabled' } });
});

test('labels that are excluded stay behind', () => {
  const object = scaled({}, { annotations: { 'scaledobject.keda.sh/hpa-excluded-labels': 'team, cost.example.com/of' } });
  const { metadata } = desiredAutoscaler({ ...object, metadata: { ...object.metadata, labels: { team: 'a', 'cost.example.com/of': 'b', app: 'web' } } }, []);
  assert.deepEqual([metadata.labels!['app'], metadata.labels!['team'], metadata.labels!['cost.example.com/of']], ['web', undefined, undefined]);
});

test('a formula makes one metric of all triggers', () => {
  const of = (scalingModifiers: object, names = ['one', 'two']): ReturnType<typeof compositeOf> => compositeOf({ advanced: { scalingModifiers }, triggers: [...names.map((name) => ({ type: 'redis', name, metadata: {} })), { type: 'cpu', metadata: {} }] });
  const source = (name: string, value: number, failures = 0): Source => ({ name: `s-${name}`, spec: { type: 'redis', name, metadata: {} }, target: 5, type: 'AverageValue', reading: { value, active: true }, readAtMs: value, failures, ...(failures > 0 && { error: 'gone' }) });
  const composite = of({ formula: 'one + two > 10 ? one : 0', target: '2', activationTarget: '6' })!;
  assert.deepEqual(composite([source('one', 7), source('two', 4)]), { name: 'composite-metric', spec: { type: 'composite-metric', metadata: {} }, target: 2, type: 'AverageValue', readAtMs: 4, failures: 0, reading: { value: 7, active: true } });
  assert.deepEqual(composite([source('one', 6), source('two', 6)]).reading, { value: 6, active: false });
  assert.deepEqual([composite([source('one', 7), source('two', 4, 3)])].map(({ failures, error, reading }) => [failures, error, reading]), [[3, 'gone', undefined]]);
  assert.equal(valueOf(composite([source('one', 7), source('two', 4, 3)]), { failureThreshold: 2, replicas: 4 }, { replicas: 1, ready: 1 }), 8);
  assert.match(of({ formula: 'one / (two - two)', target: '2' })!([source('one', 7), source('two', 4)]).error ?? '', /the formula cannot be evaluated: the result of the formula is no number/);
  assert.equal(of({}), undefined);
  assert.throws(() => of({ formula: 'one' }), /target must be a number above 0/);
  assert.throws(() => of({ formula: 'one > two', target: '1' }), /the result of the formula is no number: false/, 'told before it is run');
  assert.throws(() => of({ formula: 'three', target: '1' }), /scalingModifiers: the formula cannot be read: 'three' is the name of no trigger/);
  assert.throws(() => of({ target: '2' }), /formula is mandatory/);
  const without = of({ formula: 'one', target: '1' }, ['one', ''])!; // whom the formula does not ask for needs no name
  assert.equal(without([source('one', 7), { ...source('', 4), spec: { type: 'redis', metadata: {} } }]).reading?.value, 7);
  assert.throws(() => of({ formula: 'one + two', target: '1' }, ['one', '']), /'two' is the name of no trigger/);
});

test('triggerScoped: a formula goes on without what has failed for too long', () => {
  const source = (name: string, value: number, failures = 0): Source => ({ name: `s-${name}`, spec: { type: 'redis', name, metadata: {} }, target: 5, type: 'AverageValue', readAtMs: 0, failures, ...(failures === 0 ? { reading: { value, active: true } } : { error: 'gone' }) });
  const fallback = { failureThreshold: 3, replicas: 4, behavior: 'triggerScoped' } as const;
  const composite = compositeOf({ fallback, advanced: { scalingModifiers: { formula: 'primary ?? secondary ?? 8', target: '2' } }, triggers: ['primary', 'secondary'].map((name) => ({ type: 'redis', name, metadata: {} })) })!;
  const told = (...failures: [primary: number, secondary: number]): (number | undefined)[] => {
    const made = composite([source('primary', 16, failures[0]), source('secondary', 12, failures[1])]);
    return [made.failures, valueOf(made, fallback, { replicas: 1, ready: 1 })];
  };
  assert.deepEqual([told(0, 0), told(4, 0), told(4, 4), told(0, 4)], [[0, 16], [0, 12], [0, 8], [0, 16]]);
  assert.deepEqual([told(3, 0), told(4, 2)], [[3, undefined], [2, undefined]], 'what has not failed for so long holds what there is');
  assert.equal(valueOf(source('alone', 1, 9), fallback, { replicas: 1, ready: 1 }), undefined, 'without a formula too');
});

test('a fallback stands in after so many failures, never for what was read', () => {
  const source = (failures: number, type: 'AverageValue' | 'Value' = 'AverageValue') => ({ name: 's0', spec: { type: 'redis', metadata: {} }, target: 5, type, reading: { value: 12, active: true }, readAtMs: 0, failures });
  const fallback = { failureThreshold: 3, replicas: 4 };
  const there = { replicas: 2, ready: 2 };
  assert.deepEqual([valueOf(source(0), fallback, there), valueOf(source(3), fallback, there), valueOf(source(4), fallback, there), valueOf(source(4), undefined, there)], [12, undefined, 20, undefined]);
  assert.deepEqual([valueOf(source(4, 'Value'), fallback, there), valueOf(source(4, 'Value'), fallback, { replicas: 2, ready: 0 })], [10, undefined]); // 2 ready times 10 over 5
  assert.deepEqual((['static', 'currentReplicas', 'currentReplicasIfHigher', 'currentReplicasIfLower'] as const).map((behavior) => fallbackReplicas({ ...fallback, behavior }, 9)), [4, 9, 9, 4]);
});

const jobs: [what: string, spec: Partial<ScaledJobSpec>, sources: [value: number, target: number][], running: number, pending: number, count: number][] = [
  ['one for each', {}, [[5, 1]], 0, 0, 5],
  ['one for so many', {}, [[10, 3]], 0, 0, 4],
  ['less those that run', {}, [[5, 1]], 3, 0, 2],
  ['never more than the most', { maxReplicaCount: 4 }, [[50, 1]], 1, 0, 3],
  ['nothing waits', {}, [[0, 1]], 0, 0, 0],
  ['the least run always', { minReplicaCount: 2 }, [[0, 1]], 0, 0, 2],
  ['the least beside the work', { minReplicaCount: 2 }, [[3, 1]], 2, 0, 3],
  ['accurate: what runs has been taken away already', { scalingStrategy: { strategy: 'accurate' } }, [[5, 1]], 3, 0, 5],
  ['accurate: what is pending has not', { scalingStrategy: { strategy: 'accurate' } }, [[5, 1]], 3, 2, 3],
  ['eager: all at once', { maxReplicaCount: 10, scalingStrategy: { strategy: 'eager' } }, [[5, 1]], 3, 0, 5],
  ['custom', { scalingStrategy: { strategy: 'custom', customScalingQueueLengthDeduction: 1, customScalingRunningJobPercentage: '0.5' } }, [[10, 1]], 4, 0, 7],
  ['custom, with a percentage that is none, is the default', { scalingStrategy: { strategy: 'custom', customScalingQueueLengthDeduction: 1, customScalingRunningJobPercentage: 'half' } }, [[10, 1]], 4, 0, 6],
  ['a strategy that nobody knows is the default', { scalingStrategy: { strategy: 'lazy' } }, [[10, 1]], 4, 0, 6],
  ['a strategy that only objects know is, too', { scalingStrategy: { strategy: 'constructor' } }, [[10, 1]], 4, 0, 6],
  ['several: the greatest', {}, [[5, 1], [8, 1]], 0, 0, 8],
  ['several: what the one asks for in which the most waits', {}, [[10, 10], [5, 1]], 0, 0, 1],
  ['several: what the one asks for in which the least waits', { scalingStrategy: { multipleScalersCalculation: 'min' } }, [[10, 1], [5, 5]], 0, 0, 1],
  ['several: the average', { scalingStrategy: { multipleScalersCalculation: 'avg' } }, [[10, 1], [5, 5]], 0, 0, 6],
  ['several: their sum is no more than the most', { maxReplicaCount: 10, scalingStrategy: { multipleScalersCalculation: 'sum' } }, [[8, 1], [8, 1]], 7, 0, 3],
  ['eager: what one is for may be less than one', { maxReplicaCount: 10, scalingStrategy: { strategy: 'eager' } }, [[3, 0.5]], 0, 0, 6],
  ['several: the sum', { scalingStrategy: { multipleScalersCalculation: 'sum' } }, [[5, 1], [8, 1]], 0, 0, 13],
];
for (const [what, spec, sources, running, pending, count] of jobs) {
  test(`jobs: ${what}`, () => assert.equal(jobsToStart({ jobTargetRef: { template: {} as never }, triggers: [], ...spec }, { sources: sources.map(([value, target]) => ({ value, target, active: value > 0 })), running, pending }), count));
}

test('jobs: pending until a pod runs, or until pods have what is asked for', () => {
  const pod = (phase: string, ...types: string[]) => ({ metadata: {}, status: { phase, conditions: types.map((type) => ({ type, status: type.startsWith('!') ? 'False' : 'True' })) } }) as unknown as Parameters<typeof isPending>[0][number];
  assert.deepEqual([isPending([]), isPending([pod('Pending')]), isPending([pod('Pending'), pod('Running')]), isPending([pod('Succeeded')])], [true, true, false, false]);
  const asked = ['Ready', 'PodScheduled'];
  assert.deepEqual([isPending([pod('Running', 'PodScheduled')], asked), isPending([pod('Pending', 'PodScheduled', 'Ready')], asked), isPending([], asked)], [true, false, true]);
  assert.equal(isPending([pod('Running', 'PodScheduled'), pod('Pending', 'Ready')], asked), true, 'two pods with one each');
});

const input = (metadata: Record<string, string>, nowMs: number) => ({ metadata, auth: {}, env: {}, namespace: 'default', owner: 'web', context: { clock: { nowMs: () => nowMs } } as never });
const at = (time: string): number => Date.parse(time);

test('cron: within from the start to the end, in its zone', async () => {
  const office = { timezone: 'Europe/Berlin', start: '0 8 * * 1-5', end: '0 18 * * 1-5', desiredReplicas: '10' };
  const read = async (time: string) => (await cron(input(office, at(time)))).read(AbortSignal.timeout(1));
  assert.deepEqual(await read('2026-11-20T07:00:00Z'), { value: 10, active: true }); // 8:00 on a Friday in winter
  assert.equal((await read('2026-11-20T06:59:00Z')).active, false);
  assert.equal((await read('2026-11-20T17:30:00Z')).active, false);
  assert.equal((await read('2026-11-22T12:00:00Z')).active, false); // a Sunday
  for (const wrong of [{ timezone: 'Mars/Base' }, { start: 'soon' }, { end: office.start }, { desiredReplicas: 'many' }]) assert.throws(() => cron(input({ ...office, ...wrong }, NOW)), TriggerError);
});

test('calendar: an event has what is expected, or what it needed the last time', async () => {
  const sale = { event: 'sale', start: '2026-11-27T00:00:00Z', end: '2026-11-28T00:00:00Z' };
  const read = async (more: Record<string, string>, time: string) => (await calendar(input({ ...sale, ...more }, at(time)))).read(AbortSignal.timeout(1));
  assert.deepEqual(await read({ desiredReplicas: '8' }, '2026-11-27T12:00:00Z'), { value: 8, active: true });
  assert.equal((await read({ desiredReplicas: '8', leadSeconds: '600' }, '2026-11-26T23:55:00Z')).active, true);
  assert.equal((await read({}, '2026-11-27T12:00:00Z')).active, false);
  const { spec } = scaled({ triggers: [{ type: 'calendar', metadata: sale }] });
  const known = learned({ spec }, {}, 6, at('2026-11-27T12:00:00Z'));
  assert.deepEqual(known, { sale: 6 });
  assert.equal(learned({ spec }, known!, 5, at('2026-11-27T13:00:00Z')), undefined);
  assert.equal(learned({ spec }, {}, 6, at('2026-11-29T12:00:00Z')), undefined);
  assert.deepEqual(await read({ learned: JSON.stringify(known) }, '2026-11-27T12:00:00Z'), { value: 6, active: true });
  assert.throws(() => calendar(input({ ...sale, end: sale.start }, NOW)), TriggerError);
});

test('names of metrics', () => assert.equal(metricName('s0-redis', 'Jobs_1/High:prio!'), 's0-redis-Jobs_1-High-prio-'));

test('http: the requests of a route, by what the gateway counts', async () => {
  const items = [{ kind: 'HTTPRoute', namespace: 'default', name: 'web', requestsPerSecond: 12 }, { kind: 'HTTPRoute', namespace: 'other', name: 'web', requestsPerSecond: 99 }, { kind: 'Ingress', namespace: 'default', name: 'web', requestsPerSecond: 3 }];
  const read = async (metadata: Record<string, string>, answer: () => Promise<string>) => (await http({ metadata, auth: {}, env: {}, namespace: 'default', owner: 'web', context: { readPath: answer } as never })).read(AbortSignal.timeout(1));
  const gateway = () => Promise.resolve(JSON.stringify({ items }));
  assert.deepEqual(await read({ route: 'web', targetValue: '10' }, gateway), { value: 15, active: true });
  assert.deepEqual(await read({ route: 'web', routeKind: 'Ingress', targetValue: '10', activationTargetValue: '3' }, gateway), { value: 3, active: false });
  assert.deepEqual(await read({ route: 'web', targetValue: '10' }, () => Promise.reject(new ApiError('NotFound', 'no gateway yet'))), { value: 0, active: false });
  await assert.rejects(read({ route: 'web', targetValue: '10' }, () => Promise.reject(new Error('gone'))), /gone/);
});
