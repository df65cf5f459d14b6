/** More cpu at the start: the cases that upstream's admission controller and updater are tested with (TestCalculatePatches_StartupBoost, TestIsPodReadyAndStartupBoostDurationPassed, TestValidateVPA), as facts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VerticalPodAutoscaler as Kind, type ContainerResourcePolicy, type StartupBoost, type VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import type { Pod, ResourceRequirements } from '../../api/generated/core-v1.ts';
import { changesFor } from './apply.ts';
import type { LimitBounds } from './limit-range.ts';
import { settingsOf } from './settings.ts';
import { BOOSTED, boosted, boosts, endingOf } from './startup-boost.ts';

const NOW = Date.parse('2026-11-01T12:00:00Z');
const factor = (times: number, durationSeconds = 10): StartupBoost => ({ cpu: { type: 'Factor', factor: times, durationSeconds } });
const quantity = (more: string): StartupBoost => ({ cpu: { type: 'Quantity', quantity: more } });
const cpu = (request: string, limit?: string): ResourceRequirements => ({ requests: { cpu: request }, ...(limit !== undefined && { limits: { cpu: limit } }) });

interface Wanted { boost?: StartupBoost; policies?: ContainerResourcePolicy[]; target?: string; mode?: 'Off' | 'Auto' | 'Initial' }

function vpaOf({ boost, policies = [], target, mode = 'Auto' }: Wanted): VerticalPodAutoscaler {
  const each = (containerName: string): object => ({ containerName, target: { cpu: target }, lowerBound: {}, upperBound: {}, uncappedTarget: {} });
  return {
    metadata: { name: 'name' }, spec: { updatePolicy: { updateMode: mode }, resourcePolicy: { containerPolicies: policies }, ...(boost && { startupBoost: boost }) },
    status: { recommendation: { containerRecommendations: target === undefined ? [] : ['c1', 'c2'].map(each) } },
  } as VerticalPodAutoscaler;
}

function podOf(containers: Readonly<Record<string, ResourceRequirements>>, { readyForSeconds, note }: { readyForSeconds?: number; note?: object } = {}): Pod {
  return {
    metadata: { name: 'p', ...(note && { annotations: { [BOOSTED]: JSON.stringify(note) } }) },
    spec: { containers: Object.entries(containers).map(([name, resources]) => ({ name, resources })) },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: readyForSeconds === undefined ? 'False' : 'True', lastTransitionTime: new Date(NOW - (readyForSeconds ?? 0) * 1_000).toISOString() }] },
  } as unknown as Pod;
}

/** What `c1` gets, and what is noted of it. */
function first(resources: ResourceRequirements, wanted: Wanted, { bounds = {}, most }: { bounds?: LimitBounds; most?: number } = {}): { now?: ResourceRequirements; noted: unknown } {
  const pod = podOf({ c1: resources });
  const vpa = vpaOf(wanted);
  const given = new Map((wanted.mode === 'Off' ? [] : changesFor(pod, vpa, bounds)).map((each) => [each.name, each.resources]));
  const { containers, original } = boosted(pod, vpa, given, { bounds, ...(most !== undefined && { mostCpuMillis: most }) });
  return { now: containers[0]?.resources, noted: JSON.parse(original) as unknown };
}

describe('what a new container gets', () => {
  const cases: readonly [name: string, given: ResourceRequirements, wanted: Wanted, now: ResourceRequirements | undefined, more?: { most?: number; bounds?: LimitBounds }][] = [
    ['a factor of what is recommended', cpu('1m', '1m'), { boost: factor(2), target: '100m' }, cpu('200m', '200m')],
    ['a factor without a duration', cpu('1m', '1m'), { boost: factor(2, 0), target: '100m' }, cpu('200m', '200m')],
    ['an amount more', cpu('1m', '1m'), { boost: quantity('500m'), target: '100m' }, cpu('600m', '600m')],
    ['an amount that is less than the request', cpu('400m', '400m'), { boost: quantity('200m'), target: '500m' }, cpu('700m', '700m')],
    ['no more than the configuration allows', cpu('1m', '1m'), { boost: factor(3), target: '20m' }, cpu('40m', '40m'), { most: 40 }],
    ['nothing, where that is less than it has', cpu('50m'), { boost: factor(3) }, undefined, { most: 40 }],
    ['nothing, where nobody scales it', cpu('100m'), { boost: factor(2), target: '1', policies: [{ containerName: 'c1', mode: 'Off' }] }, undefined],
    ['a factor of its own request, where nothing is recommended', cpu('100m', '100m'), { boost: factor(2) }, cpu('200m', '200m')],
    ['the same, where recommendations are for reading only', cpu('100m', '300m'), { boost: factor(2), target: '5', mode: 'Off' }, cpu('200m', '600m')],
    ['its request alone', cpu('100m', '300m'), { boost: factor(2), target: '100m', policies: [{ containerName: 'c1', controlledValues: 'RequestsOnly' }] }, cpu('200m', '300m')],
    ['its request alone, below its limit, as the quality of service stays', cpu('100m', '150m'), { boost: factor(2), target: '100m', policies: [{ containerName: 'c1', controlledValues: 'RequestsOnly' }] }, cpu('149m', '150m')],
    ['its limit in proportion', cpu('100m', '300m'), { boost: factor(2), target: '150m' }, cpu('300m', '900m')],
    ['no limit where it has none', cpu('100m'), { boost: factor(2), target: '150m' }, cpu('300m')],
    ['what its own policy says', cpu('1m', '1m'), { boost: factor(2), target: '100m', policies: [{ containerName: 'c1', startupBoost: factor(3) }] }, cpu('300m', '300m')],
    ['more than may be recommended', cpu('100m'), { boost: factor(3), policies: [{ containerName: '*', maxAllowed: { cpu: '150m' }, controlledResources: ['memory'] }] }, cpu('300m')],
    ['nothing, where it asks for none', { limits: { memory: '1Gi' } }, { boost: quantity('1') }, undefined],
    ['no more than the LimitRange allows', cpu('100m', '200m'), { boost: factor(10) }, cpu('500m', '1'), { bounds: { container: { min: {}, max: { cpu: 1_000 }, default: {} } } }],
  ];
  for (const [name, given, wanted, now, more] of cases) it(name, () => assert.deepEqual(first(given, wanted, more), { now, noted: now === undefined ? {} : { c1: given } }));
  it('memory as it is recommended', () => {
    const pod = podOf({ c1: { requests: { cpu: '1', memory: '1Gi' } } });
    const { containers } = boosted(pod, vpaOf({ boost: factor(2) }), new Map([['c1', { requests: { cpu: '1', memory: '3Gi' } }]]), { bounds: {} });
    assert.deepEqual(containers, [{ name: 'c1', resources: { requests: { cpu: '2', memory: '3Gi' } } }]);
  });
  it('some containers only', () => {
    const { containers, original } = boosted(podOf({ c1: cpu('1'), c2: cpu('2') }), vpaOf({ policies: [{ containerName: 'c2', startupBoost: factor(2) }] }), new Map(), { bounds: {} });
    assert.deepEqual([containers, original], [[{ name: 'c2', resources: cpu('4') }], '{"c2":{"requests":{"cpu":"2"}}}']);
  });
  it('who boosts none at all', () => assert.deepEqual([{}, { boost: factor(2) }, { policies: [{ containerName: 'a', startupBoost: factor(2) }] }, { policies: [{ containerName: 'a' }] }].map((each) => boosts(vpaOf(each))), [false, true, true, false]));
});

describe('when it ends', () => {
  const note = { c1: cpu('100m', '200m') };
  const has = { c1: cpu('200m', '400m') };
  const ending = (readyForSeconds: number | undefined, wanted: Wanted | undefined): ReturnType<typeof endingOf> => endingOf(podOf(has, { note, ...(readyForSeconds !== undefined && { readyForSeconds }) }), wanted === undefined ? undefined : vpaOf(wanted), { nowMs: NOW, bounds: {} });
  const over = { containers: [{ name: 'c1', resources: cpu('100m', '200m') }], left: null };
  it('not before the pod is ready', () => assert.deepEqual(ending(undefined, { boost: factor(2, 0) }), { containers: [], left: JSON.stringify(note) }));
  it('at once, where no time is said', () => assert.deepEqual(ending(0, { boost: { cpu: { type: 'Factor', factor: 2 } } }), over));
  it('after its time, and not before', () => {
    assert.deepEqual(ending(120, { boost: factor(2, 60) }), over);
    assert.deepEqual(ending(50, { boost: factor(2, 60) }), { nextMs: 10_000, containers: [], left: JSON.stringify(note) });
  });
  it('goes back to what is recommended by now, with the proportion from before', () => {
    assert.deepEqual(ending(120, { boost: factor(2, 60), target: '150m' }), { containers: [{ name: 'c1', resources: cpu('150m', '300m') }], left: null });
    assert.deepEqual(ending(120, { boost: factor(2, 60), target: '150m', mode: 'Off' }), over);
    assert.deepEqual(ending(120, { boost: factor(2, 60), target: '150m', policies: [{ containerName: 'c1', mode: 'Off' }] }), over);
  });
  it('where nobody boosts it, or has it, any more', () => {
    assert.deepEqual(ending(0, {}), over);
    assert.deepEqual(ending(0, undefined), over);
  });
  it('each container in its own time', () => {
    const two = podOf({ c1: cpu('2'), c2: cpu('4') }, { readyForSeconds: 100, note: { c1: cpu('1'), c2: cpu('2') } });
    const wanted = vpaOf({ boost: factor(2, 300), policies: [{ containerName: 'c2', startupBoost: factor(2, 60) }] });
    assert.deepEqual(endingOf(two, wanted, { nowMs: NOW, bounds: {} }), { nextMs: 200_000, containers: [{ name: 'c2', resources: cpu('2') }], left: '{"c1":{"requests":{"cpu":"1"}}}' });
  });
  it('a note that makes no sense, or of other containers, changes nothing and goes', () => {
    for (const noted of [{}, { other: cpu('1') }, { c1: null }, [1], 'x']) {
      assert.deepEqual(endingOf(podOf(has, { readyForSeconds: 1, note: noted as object }), vpaOf({ boost: factor(2) }), { nowMs: NOW, bounds: {} }), { containers: [], left: null }, JSON.stringify(noted));
    }
  });
});

describe('what is refused', () => {
  const errors = (boost: object): string[] => {
    const of = (spec: object): string[] => Kind.rules.validate!({ metadata: { name: 'v' }, spec: { targetRef: { kind: 'Deployment', name: 'a' }, ...spec } } as never, undefined).map(({ field, message }) => `${field}: ${message}`);
    const [own, each] = [of({ startupBoost: { cpu: boost } }), of({ resourcePolicy: { containerPolicies: [{ containerName: 'loot', startupBoost: { cpu: boost } }] } })];
    assert.deepEqual(each, own.map((message) => message.replace('spec.startupBoost', 'spec.resourcePolicy.containerPolicies[0].startupBoost')));
    return own;
  };
  const cases: readonly [object, RegExp | undefined][] = [
    [{ type: 'Factor', factor: 2 }, undefined], [{ type: 'Quantity', quantity: '100m' }, undefined], [{ type: 'Factor', factor: 1, durationSeconds: 0 }, undefined],
    [{ type: 'Factor', factor: 0 }, /cpu\.factor: Invalid value: 0: must be >= 1 for type Factor/], [{ type: 'Factor' }, /cpu\.factor: Required value/],
    [{ type: 'Quantity', quantity: '187500u' }, /cpu\.quantity: .*must be a whole number of milli CPUs/], [{ type: 'Quantity' }, /cpu\.quantity: Required value/],
    [{ type: 'bad' }, /cpu\.type: Unsupported value: "bad": supported values: "Factor", "Quantity"/], [{}, /cpu\.type: Required value: must be either Factor or Quantity/], [{ type: 'Factor', factor: 2, durationSeconds: -1 }, /durationSeconds: .*greater than or equal to 0/],
  ];
  for (const [boost, expected] of cases) {
    it(JSON.stringify(boost), () => {
      const [only, ...others] = errors(boost);
      assert.deepEqual(others, []);
      if (expected === undefined) assert.equal(only, undefined);
      else assert.match(only ?? '', expected);
    });
  }
  it('a bound of the configuration that is no amount', () => {
    assert.deepEqual(settingsOf({ maxAllowedCpuBoost: '1500m' }), { everySeconds: 60, mostBoostedCpuMillis: 1_500 });
    for (const most of ['a', '0', -1, []]) assert.throws(() => settingsOf({ maxAllowedCpuBoost: most }), /maxAllowedCpuBoost must be an amount of cpu above 0/);
  });
});
