import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VerticalPodAutoscaler as VerticalPodAutoscalerKind, type VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { quantityMillis, quantityValue } from '../../api/quantity.ts';
import { changesFor, resourcesFor } from './apply.ts';
import { priorityOf } from './priority.ts';
import { boundsOf, withinRanges } from './limit-range.ts';
import { histogram } from './histogram.ts';
import { bumpOf, containerModel } from './model.ts';
import { isRecommendedElsewhere, recommend } from './recommend.ts';

const DAY_MS = 86_400_000;
const T0 = Date.parse('2026-11-01T00:00:00Z');
const shape = { firstBucket: 0.01, greatest: 1_000, halfLifeMs: DAY_MS };
const near = (value: number, wanted: number, part = 0.06): void => assert.ok(Math.abs(value - wanted) <= wanted * part, `${value} is not near ${wanted}`);

test('quantiles are those of the samples, rounded up to a bucket', () => {
  const one = histogram(shape);
  assert.deepEqual([one.quantile(0.5), one.isEmpty()], [0, true]);
  for (let value = 1; value <= 100; value += 1) one.add(value / 100, 1, T0);
  near(one.quantile(0.5), 0.5);
  near(one.quantile(0.9), 0.9);
  near(one.quantile(1), 1);
  assert.ok(one.quantile(0.9) >= 0.9);
});

test('an old sample weighs half as much a day later, and next to nothing after a month', () => {
  const one = histogram(shape);
  one.add(1, 1, T0);
  one.add(0.1, 1, T0 + DAY_MS);
  near(one.quantile(0.66), 0.1, 0.2); // small values lie in few buckets
  near(one.quantile(0.68), 1);
  for (let day = 2; day < 130; day += 1) one.add(0.1, 1, T0 + day * DAY_MS); // beyond where weights are made small again
  near(one.quantile(0.999), 0.1, 0.2);
});

test('a checkpoint brings back what was known, and a sample can be taken back', () => {
  const one = histogram(shape);
  for (let value = 1; value <= 50; value += 1) one.add(value / 10, 1, T0 + value * 60_000);
  const again = histogram(shape, JSON.parse(JSON.stringify(one.checkpoint())) as ReturnType<typeof one.checkpoint>);
  for (const part of [0.1, 0.5, 0.9]) assert.equal(again.quantile(part), one.quantile(part));
  one.add(900, 1, T0);
  one.subtract(900, 1, T0);
  near(one.quantile(1), 5);
});

const fed = (minutes: number, cpuCores: (minute: number) => number, memoryBytes: (minute: number) => number) => {
  const model = containerModel();
  for (let minute = 0; minute < minutes; minute += 1) model.add('p', { atMs: T0 + minute * 60_000, cpuCores: cpuCores(minute), memoryBytes: memoryBytes(minute), requestedCores: 0.5 });
  return model;
};

test('the target is the ninth tenth with a margin; memory is the peak of the day', () => {
  const { target, lowerBound, upperBound } = recommend(fed(3 * 1_440, (minute) => (minute % 10 === 0 ? 2 : 0.2), (minute) => (minute % 1_440 === 700 ? 2e9 : 5e8)), { name: 'main', containers: 1, policies: [] })!;
  near(quantityMillis(target['cpu']!), 0.2 * 1.15 * 1_000, 0.1);
  near(quantityValue(target['memory']!), 2e9 * 1.15, 0.1);
  assert.ok(quantityMillis(lowerBound['cpu']!) <= quantityMillis(target['cpu']!) && quantityMillis(upperBound['cpu']!) >= 2_000 * 1.15);
});

test('the less is known the further the bounds are apart', () => {
  const spread = (minutes: number): number => {
    const { lowerBound, upperBound } = recommend(fed(minutes, () => 0.5, () => 1e9), { name: 'main', containers: 1, policies: [] })!;
    return quantityMillis(upperBound['cpu']!) / quantityMillis(lowerBound['cpu']!);
  };
  assert.ok(spread(5) > 100 && spread(1_440) < 3 && spread(7 * 1_440) < 1.5, [spread(5), spread(1_440), spread(7 * 1_440)].join());
});

test('a container that ran out of memory gets more; NaN is no sample', () => {
  const model = fed(60, () => 0.1, () => 5e8);
  model.add('p', { atMs: T0, cpuCores: Number.NaN, memoryBytes: 1 });
  assert.equal(model.samples(), 60);
  model.ranOutOfMemory('p', 1e9, T0 + 3_600_000);
  near(quantityValue(recommend(model, { name: 'main', containers: 1, policies: [] })!.target['memory']!), 1.2e9 * 1.15, 0.1);
});

test('memory that ran out, as upstream reckons it', () => {
  const MIB = 2 ** 20;
  /** What one pod's memory counts as after all of that: `oom` with what it had, `used` with what it used, so many hours after the first. */
  const counts = (...steps: [hour: number, what: 'oom' | 'used', mib: number][]): number => {
    const model = containerModel();
    for (const [hour, what, mib] of steps) {
      const atMs = T0 + hour * 3_600_000;
      if (what === 'oom') model.ranOutOfMemory('p', mib * MIB, atMs);
      else model.add('p', { atMs, cpuCores: 0, memoryBytes: mib * MIB });
    }
    return model.memory.quantile(1) / MIB;
  };
  near(counts([0, 'oom', 1_000]), 1_200);
  near(counts([0, 'oom', 1]), 101, 0.1);
  near(counts([0, 'oom', 1_000], [0, 'oom', 999], [0, 'oom', 999]), 1_200); // no fifth more each time
  near(counts([0, 'oom', 1_000], [0, 'oom', 2_000]), 2_400);
  near(counts([0, 'used', 3_000], [0, 'oom', 1_000]), 3_600); // it had used more than it asked for
  near(counts([0, 'used', 1_000], [-30, 'oom', 2_000]), 1_000); // of a day that is over
  near(counts([0, 'used', 2_000], [48, 'oom', 1_000]), 1_200 * (2_000 / 1_200), 0.3);
});

test('how much more memory there is after it ran out may be said', () => {
  const model = containerModel();
  model.ranOutOfMemory('p', 1_000 * 2 ** 20, T0, bumpOf({ oomBumpUpRatio: '1.5', oomMinBumpUp: 1_000 }));
  near(model.memory.quantile(1) / 2 ** 20, 1_500);
  assert.deepEqual([bumpOf({ oomBumpUpRatio: 2 }), bumpOf({ oomMinBumpUp: '0' })], [{ ratio: 2, leastBytes: 100 * 2 ** 20 }, { ratio: 1.2, leastBytes: 0 }]);
});

test('amounts are whole at every step, as upstream cuts them off', () => {
  const model = containerModel();
  model.add('p', { atMs: T0, cpuCores: 0.001, memoryBytes: 1 });
  const { target } = recommend(model, { name: 'main', containers: 3, policies: [] })!;
  assert.deepEqual(target, { cpu: '11m', memory: '87381333' }); // a bucket of 10m and a margin of 1m; a third of 250 MiB
});

test('a peak is of a day that follows on the first of the pod', () => {
  const model = containerModel();
  for (const [hour, memoryBytes] of [[0, 5e8], [12, 1e9], [24, 2e8], [47, 3e8], [49, 4e8]] as const) model.add('p', { atMs: T0 + hour * 3_600_000, cpuCores: 0, memoryBytes });
  const { bucketWeights = {} } = model.checkpoint(T0).memoryHistogram ?? {};
  assert.deepEqual(Object.values(bucketWeights), [5_000, 10_000, 2_500].toSorted((one, other) => Object.values(bucketWeights).indexOf(one) - Object.values(bucketWeights).indexOf(other))); // half as much a day earlier
});

test('a checkpoint of more samples than a number counts exactly is read, and written', () => {
  const model = containerModel({ totalSamplesCount: 9_223_372_036_854_775_807n });
  model.add('p', { atMs: T0, cpuCores: 1, memoryBytes: 1e9 });
  assert.equal(Number(model.checkpoint(T0).totalSamplesCount), 2 ** 63);
});

test('policies bound, leave out, and switch off', () => {
  const model = fed(60, () => 1, () => 1e9);
  const of = (...policies: Parameters<typeof recommend>[1]['policies']) => recommend(model, { name: 'main', containers: 1, policies });
  assert.equal(of({ containerName: '*', maxAllowed: { cpu: '200m' } })!.target['cpu'], '200m');
  assert.ok(quantityMillis(of({ containerName: '*', maxAllowed: { cpu: '200m' } })!.uncappedTarget['cpu']!) > 1_000);
  assert.equal(of({ containerName: '*', maxAllowed: { cpu: '0' } })!.target['cpu'], of()!.target['cpu']); // none at all is no bound
  assert.deepEqual(Object.keys(of({ controlledResources: ['memory'] })!.target), ['memory']);
  assert.equal(of({ containerName: 'main', mode: 'Off' }, { containerName: '*' }), undefined);
  assert.equal(recommend(containerModel(), { name: 'main', containers: 1, policies: [] }), undefined);
});

test('limits keep their proportion to requests', () => {
  assert.deepEqual(resourcesFor({ resources: { requests: { cpu: '100m', memory: '100Mi' }, limits: { cpu: '400m' } } }, { cpu: '250m', memory: '300Mi' }), { requests: { cpu: '250m', memory: '300Mi' }, limits: { cpu: '1' } });
  assert.deepEqual(resourcesFor({ resources: { limits: { cpu: '400m' } } }, { cpu: '500m' }, 'RequestsOnly'), { limits: { cpu: '400m' }, requests: { cpu: '400m' } });
});

const vpa = (more: Partial<VerticalPodAutoscaler['spec']> = {}): VerticalPodAutoscaler => ({
  metadata: { name: 'v' }, spec: { targetRef: { kind: 'Deployment', name: 'web' }, ...more },
  status: { recommendation: { containerRecommendations: [{ containerName: 'main', target: { cpu: '200m', memory: '300Mi' }, lowerBound: { cpu: '100m', memory: '200Mi' }, upperBound: { cpu: '400m', memory: '600Mi' }, uncappedTarget: {} }] } },
});
const pod = (requests: Record<string, string> | undefined, startedAgoMs = 0): Pod => ({ metadata: { name: 'p' }, spec: { containers: [{ name: 'main', ...(requests === undefined ? {} : { resources: { requests } }) }, { name: 'other' }] }, status: { startTime: new Date(T0 - startedAgoMs).toISOString() } }) as Pod;

test('which pods are changed, and why', () => {
  const why = (requests: Record<string, string> | undefined, startedAgoMs?: number, more?: Partial<VerticalPodAutoscaler['spec']>) => priorityOf(pod(requests, startedAgoMs), vpa(more), T0)?.why;
  assert.equal(why(undefined), 'main asks for no cpu');
  assert.equal(why({ cpu: '50m', memory: '300Mi' }), 'main asks for 50m cpu, less than 100m');
  assert.equal(why({ cpu: '200m', memory: '1Gi' }), 'main asks for 1Gi memory, more than 600Mi');
  assert.equal(why({ cpu: '150m', memory: '300Mi' }), undefined);
  assert.equal(why({ cpu: '150m', memory: '300Mi' }, 13 * 3_600_000), 'its requests are far from the target');
  assert.equal(why({ cpu: '200m', memory: '1Gi' }, 0, { updatePolicy: { evictionRequirements: [{ resources: ['memory'], changeRequirement: 'TargetHigherThanRequests' }] } }), undefined);
  const wanting = (resources: string[], changeRequirement: string) => ({ updatePolicy: { evictionRequirements: [{ resources, changeRequirement }] } });
  assert.match(why({ cpu: '50m', memory: '1Gi' }, 0, wanting(['cpu', 'memory'], 'TargetHigherThanRequests'))!, /less than 100m/); // one of the resources will do
  assert.equal(why({ cpu: '50m', memory: '300Mi' }, 0, wanting(['cpu'], 'TargetLowerThanRequests')), undefined);
  assert.deepEqual(changesFor(pod({ cpu: '50m' }), vpa()).map(({ name, resources }) => [name, resources.requests]), [['main', { cpu: '200m', memory: '300Mi' }]]);
});

test('what is recommended keeps to LimitRanges, in proportion to limits', () => {
  const ranges = (...limits: object[]) => boundsOf([{ metadata: { name: 'r' }, spec: { limits } } as never]);
  const container = (name: string, requests: object, limits?: object) => ({ name, resources: { requests, ...(limits !== undefined && { limits }) } });
  const recommended = (containerName: string, cpu: string, memory: string) => ({ containerName, target: { cpu, memory }, lowerBound: { cpu, memory }, upperBound: { cpu, memory }, uncappedTarget: {} });
  const targets = (bounds: ReturnType<typeof ranges>, recommendations: object[], ...containers: object[]) => withinRanges(recommendations as never, containers as never, bounds).map(({ target }) => [target['cpu'], quantityValue(target['memory']!) / 2 ** 20]);
  const one = recommended('main', '2', '1Gi');
  // Twice the request: a request of half of what a limit may be.
  assert.deepEqual(targets(ranges({ type: 'Container', max: { cpu: '3' } }), [one], container('main', { cpu: '1' }, { cpu: '2' })), [['1500m', 1024]]);
  // Where there is no limit there is no bound above; the least is of requests too.
  assert.deepEqual(targets(ranges({ type: 'Container', max: { cpu: '1' }, min: { memory: '2Gi' } }), [one], container('main', { cpu: '1' })), [['2', 2048]]);
  assert.deepEqual(targets(ranges({ type: 'Container', max: { cpu: '1' }, default: { cpu: '500m' } }), [one], container('main', { cpu: '500m' })), [['1', 1024]]);
  // Of two ranges the tighter.
  assert.deepEqual(targets(ranges({ type: 'Container', max: { cpu: '3' } }, { type: 'Container', max: { cpu: '1', memory: '512Mi' } }), [one], container('main', {}, { cpu: '1', memory: '1Gi' })), [['1', 512]]);
  // All containers of a pod by the same factor.
  const pair = [recommended('main', '2', '1Gi'), recommended('side', '1', '1Gi')];
  assert.deepEqual(targets(ranges({ type: 'Pod', max: { cpu: '1500m' } }), pair, container('main', { cpu: '1' }, { cpu: '1' }), container('side', { cpu: '1' }, { cpu: '1' })), [['1', 1024], ['500m', 1024]]);
  assert.deepEqual(targets(ranges({ type: 'Pod', min: { memory: '4Gi' } }), pair, container('main', {}), container('side', {})), [['2', 2048], ['1', 2048]]);
  assert.deepEqual(targets(ranges(), [one], container('other', {})), []);
  // The limit that follows is within the range, whatever is rounded.
  const [odd] = changesFor({ spec: { containers: [container('main', { memory: '300Mi' }, { memory: '700Mi' })] } } as never, vpa(), ranges({ type: 'Container', max: { memory: '600Mi' } }));
  assert.ok(quantityValue(odd!.resources.limits!['memory']!) <= 600 * 2 ** 20, JSON.stringify(odd));
});

test('a request that may not be more than its limit is not asked for again and again', () => {
  const stays = vpa({ resourcePolicy: { containerPolicies: [{ containerName: '*', controlledValues: 'RequestsOnly' }] } });
  const limited = { ...pod({ cpu: '50m', memory: '300Mi' }), spec: { containers: [{ name: 'main', resources: { requests: { cpu: '50m', memory: '300Mi' }, limits: { cpu: '50m' } } }] } } as Pod;
  assert.equal(priorityOf(limited, stays, T0)?.why, undefined);
  assert.match(priorityOf(limited, vpa(), T0)!.why, /asks for 50m cpu, less than 100m/);
  const bounds = boundsOf([{ metadata: { name: 'r' }, spec: { limits: [{ type: 'Container', max: { cpu: '50m' } }] } } as never]);
  assert.equal(priorityOf(limited, vpa(), T0, bounds)?.why, undefined);
});

test('what another recommender says is not written over', () => assert.deepEqual([{}, { recommenders: [] }, { recommenders: [{ name: 'default' }] }, { recommenders: [{ name: 'other' }] }].map((spec) => isRecommendedElsewhere(spec)), [false, false, false, true]));

test('what makes no sense is refused', () => {
  const errors = (spec: object): string[] => VerticalPodAutoscalerKind.rules.validate!({ metadata: { name: 'v' }, spec: { targetRef: { kind: 'Deployment', name: 'web' }, ...spec } } as never, undefined as never).map(({ message }) => message);
  const policy = (more: object): object => ({ resourcePolicy: { containerPolicies: [{ containerName: '*', ...more }] } });
  assert.deepEqual(errors({}), []);
  assert.deepEqual(errors({ updatePolicy: { updateMode: 'InPlace', evictAfterOOMSeconds: 60 }, resourcePolicy: { containerPolicies: [{ containerName: '*', oomBumpUpRatio: '1.5', oomMinBumpUp: '50Mi' }] } }), []);
  for (const [spec, words] of [
    [{ updatePolicy: { minReplicas: 3 } }, /updateMode is required if UpdatePolicy is used/], [{ updatePolicy: { updateMode: 'Auto', evictAfterOOMSeconds: 0 } }, /greater than or equal to 1/], [policy({ oomBumpUpRatio: '0.9' }), /greater than or equal to 1/], [policy({ oomMinBumpUp: '-1' }), /greater than or equal to 0/],
    [{ updatePolicy: { updateMode: 'Never' } }, /supported values|Unsupported/i], [{ updatePolicy: { minReplicas: 0 } }, /MinReplicas has to be positive, got 0/], [{ resourcePolicy: { containerPolicies: [{ mode: 'Off' }] } }, /ContainerName is required/],
    [policy({ minAllowed: { cpu: '2' }, maxAllowed: { cpu: '1' } }), /max resource for cpu is lower than min/], [policy({ minAllowed: { cpu: '0.0001' } }), /whole number of milli CPUs/], [policy({ maxAllowed: { memory: '100m' } }), /whole number of bytes/], [policy({ minAllowed: { cpu: 'much' }, maxAllowed: { cpu: '1' } }), /Invalid value: "much": quantities must match/],
    [policy({ mode: 'Off', controlledValues: 'RequestsAndLimits' }), /ControlledValues shouldn't be specified/], [{ recommenders: [{ name: 'a' }, { name: 'b' }] }, /more than one recommenders/],
  ] as const) assert.match(errors(spec).join(), words);
});
