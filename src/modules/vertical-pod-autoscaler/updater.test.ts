/** The cases that upstream's updater and admission controller are tested with (pkg/updater, pkg/admission-controller), as facts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Deployment } from '../../api/apps/deployment.ts';
import { ReplicaSet } from '../../api/apps/replica-set.ts';
import type { VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod as PodKind } from '../../api/core/pod.ts';
import { ApiError } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/meta.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import { silentLog } from '../../base/log.ts';
import type { AdmissionRequest, ModuleContext } from '../../sdk/index.ts';
import { initialResources } from './admit.ts';
import { controlling, topmostController, type Candidate } from './controlling.ts';
import { configuredReplicas, groupOf } from './disruption.ts';
import { byPriority, priorityOf } from './priority.ts';
import { selectorOf, TargetError } from './targets.ts';
import { updatePods } from './update.ts';

const NOW = Date.parse('2026-11-01T12:00:00Z');
const ago = (seconds: number): string => new Date(NOW - seconds * 1_000).toISOString();
const DAY = 86_400;

type Spec = VerticalPodAutoscaler['spec'];
interface Recommended { name?: string; target: Record<string, string>; least?: Record<string, string>; most?: Record<string, string> }
interface Wanted extends Partial<Spec> { name?: string; created?: string; recommended?: readonly Recommended[]; target?: string }

function vpaOf({ name = 'v', created = ago(DAY), recommended = [], target = 'web', ...spec }: Wanted): VerticalPodAutoscaler {
  return {
    metadata: { name, namespace: 'default', creationTimestamp: created }, spec: { targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target }, ...spec },
    status: { recommendation: { containerRecommendations: recommended.map((each) => ({ containerName: each.name ?? 'main', target: each.target, lowerBound: each.least ?? {}, upperBound: each.most ?? {}, uncappedTarget: each.target })) } },
  };
}

interface State { requests?: Record<string, Record<string, string>>; phase?: string; age?: number; conditions?: object[]; statuses?: object[]; annotations?: Record<string, string>; owner?: string; resizePolicy?: object[] }

function podOf(name: string, { requests = { main: { cpu: '2' } }, phase = 'Running', age = DAY, conditions, statuses, annotations, owner = 'web-1', resizePolicy }: State = {}): Pod {
  return {
    metadata: { name, namespace: 'default', uid: name, labels: { app: 'web' }, ...(annotations && { annotations }), ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }] },
    spec: { containers: Object.entries(requests).map(([container, amounts]) => ({ name: container, image: 'x', resources: { requests: amounts }, ...(resizePolicy && { resizePolicy }) })) },
    status: { phase, startTime: ago(age), ...(conditions && { conditions }), ...(statuses && { containerStatuses: statuses }) },
  } as unknown as Pod;
}

const oom = (container: string, ran: number, endedAgo = 1): object => ({ name: container, lastState: { terminated: { reason: 'OOMKilled', startedAt: ago(endedAgo + ran), finishedAt: ago(endedAgo) } } });

describe('who is changed first, and who not', () => {
  const inRange = { least: { cpu: '1', memory: '1' }, most: { cpu: '1000', memory: '1000G' } };
  const priority = (state: State, more: Wanted): ReturnType<typeof priorityOf> => priorityOf(podOf('p', state), vpaOf(more), NOW);
  it('those that want more go first, and then those that are the furthest away', () => {
    const wanted = vpaOf({ recommended: [{ target: { cpu: '5' }, least: { cpu: '4' }, most: { cpu: '6' } }] });
    const order = Object.entries({ four: '3', one: '1', ten: '10', eight: '8' }).map(([name, cpu]) => ({ name, ...priorityOf(podOf(name, { requests: { main: { cpu } } }), wanted, NOW)! })).toSorted(byPriority).map(({ name }) => name);
    assert.deepEqual(order, ['one', 'four', 'ten', 'eight']);
  });
  it('what one container has too much of and another lacks is no difference', () => {
    const recommended = [{ target: { cpu: '1' }, ...inRange, least: { cpu: '500m' } }, { name: 'side', target: { cpu: '2' }, ...inRange }];
    assert.equal(priority({ requests: { main: { cpu: '2' }, side: { cpu: '1' } } }, { recommended }), undefined);
    assert.equal(priority({ requests: { main: { cpu: '2' }, side: { cpu: '2' } } }, { recommended })?.why, 'its requests are far from the target');
  });
  it('who lives for less than twelve hours and is within its bounds stays', () => {
    const recommended = [{ target: { cpu: '4' }, ...inRange }];
    assert.equal(priority({ age: 11 * 3_600 }, { recommended }), undefined);
    assert.ok(priority({ age: 12 * 3_600 }, { recommended }));
    assert.equal(priority({ age: 12 * 3_600 }, { recommended: [{ target: { cpu: '2100m' }, ...inRange }] }), undefined); // 5 %
  });
  const more = [{ target: { cpu: '4' }, ...inRange }];
  it('who ran out of memory soon after its start is changed at once', () => {
    assert.equal(priority({ age: 700, statuses: [oom('main', 599)] }, { recommended: more })?.why, 'main ran out of memory');
    assert.equal(priority({ age: 700, statuses: [oom('main', 600)] }, { recommended: more }), undefined);
    assert.equal(priority({ age: 3_600, statuses: [oom('main', 60, 3_000)] }, { recommended: more })?.why, 'main ran out of memory', 'however long ago');
    assert.equal(priority({ age: 7_200, statuses: [oom('main', 3_600)] }, { recommended: more }), undefined, 'a container that ran for an hour before');
  });
  it('but not where nothing would change, or nobody scales it', () => {
    assert.equal(priority({ age: 700, statuses: [oom('main', 60)] }, { recommended: [{ target: { cpu: '2' }, ...inRange }] }), undefined);
    assert.equal(priority({ age: 700, statuses: [oom('main', 60)] }, { recommended: more, resourcePolicy: { containerPolicies: [{ containerName: 'main', mode: 'Off' }] } }), undefined);
    assert.equal(priority({ age: 700, statuses: [oom('main', 60)], annotations: { vpaObservedContainers: 'other' } }, { recommended: more }), undefined);
  });
  it('how soon may be said', () => {
    const updatePolicy = { updateMode: 'Recreate' as const, evictAfterOOMSeconds: 30 };
    assert.equal(priority({ age: 700, statuses: [oom('main', 60)] }, { recommended: more, updatePolicy }), undefined);
    assert.ok(priority({ age: 700, statuses: [oom('main', 29)] }, { recommended: more, updatePolicy }));
  });
  it('a container that was put in later is not asked about', () => {
    const recommended = [{ target: { cpu: '5' }, least: { cpu: '4' } }];
    assert.equal(priority({ annotations: { vpaObservedContainers: 'other, third' } }, { recommended }), undefined);
    assert.ok(priority({ annotations: { vpaObservedContainers: 'main, other' } }, { recommended }));
    assert.ok(priority({ annotations: { vpaObservedContainers: 'main;x' } }, { recommended }), 'a note that makes no sense is none');
  });
  it('who does not ask for cpu or for memory meets every requirement', () => {
    const updatePolicy = { updateMode: 'Recreate' as const, evictionRequirements: [{ resources: ['cpu'], changeRequirement: 'TargetLowerThanRequests' }] };
    const recommended = [{ target: { cpu: '5' }, least: { cpu: '4' } }];
    assert.ok(priority({ requests: { main: { cpu: '2' } } }, { recommended, updatePolicy }));
    assert.equal(priority({ requests: { main: { cpu: '2', memory: '1G' } } }, { recommended, updatePolicy }), undefined);
  });
});

describe('how many pods of a controller go in a round', () => {
  const gone = (pods: readonly Pod[], configured: number): number => {
    const group = groupOf(pods, configured);
    let count = 0;
    for (; group.mayDisrupt(); count += 1) group.disrupted();
    return count;
  };
  const pods = (running: number, pending = 0): Pod[] => [...Array.from({ length: running }, (_, index) => podOf(`r${index}`)), ...Array.from({ length: pending }, (_, index) => podOf(`p${index}`, { phase: 'Pending' }))];
  for (const [running, pending, configured, expected] of [[5, 0, 5, 2], [4, 0, 4, 2], [3, 0, 3, 1], [2, 0, 2, 1], [1, 0, 1, 1], [0, 1, 1, 0], [2, 3, 5, 0], [4, 1, 5, 1], [5, 0, 10, 0]] as const) {
    it(`${running} running and ${pending} pending of ${configured}`, () => assert.equal(gone(pods(running, pending), configured), expected));
  }
  it('what there should be', () => {
    const of = (kind: string, object: object, there = 3): number | undefined => configuredReplicas({ kind }, object as KubeObject, there);
    assert.deepEqual([of('ReplicaSet', { spec: { replicas: 5 } }), of('ReplicaSet', { spec: { replicas: 0 } }), of('DaemonSet', { status: { numberReady: 2 } }), of('DaemonSet', { status: { numberReady: 0 } }), of('Job', { spec: {} })], [5, undefined, 2, undefined, 3]);
  });
});

const OWNERS: Readonly<Record<string, KubeObject>> = {
  'ReplicaSet/web-1': { metadata: { name: 'web-1', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'd', controller: true }] }, spec: { replicas: 4 } } as KubeObject,
  'Deployment/web': { metadata: { name: 'web' } },
};
const kinds = { list: () => [], find: (_: string, kind: string) => ({ Deployment, ReplicaSet, Pod: PodKind } as Record<string, unknown>)[kind], subscribe: () => () => {} };

/** What is done to the pods; `refuses` what may not be resized; `unread`: why no controller can be read. */
async function done(vpa: VerticalPodAutoscaler, pods: readonly Pod[], { refuses = false, asked = new Map<string, number>(), unread }: { refuses?: boolean; asked?: Map<string, number>; unread?: Error } = {}): Promise<string[]> {
  const steps: string[] = [];
  const client = {
    get: async ({ kind }: { kind: string }, name: string) => (unread === undefined ? undefined : Promise.reject(unread)) ?? OWNERS[`${kind}/${name}`] ?? Promise.reject(new ApiError('NotFound', name)),
    patch: async (_: unknown, name: string, __: unknown, { subresource }: { subresource?: string }) => (subresource === undefined ? undefined : refuses ? Promise.reject(new ApiError('Invalid', name)) : void steps.push(`resize ${name}`)),
    createSubresource: async (_: unknown, { name }: { name: string }) => void steps.push(`evict ${name}`),
  };
  await updatePods(vpa, pods, { asked, bounds: {} }, { client, clock: { nowMs: () => NOW }, events: { event: () => {} }, kinds, log: silentLog } as unknown as Pick<ModuleContext, 'client' | 'clock' | 'events' | 'kinds' | 'log'>);
  return steps;
}

describe('what is done', () => {
  const recommended = [{ target: { cpu: '5' }, least: { cpu: '4' }, most: { cpu: '6' } }];
  const four = ['a', 'b', 'c', 'd'].map((name) => podOf(name));
  const mode = (updateMode: NonNullable<Spec['updatePolicy']>['updateMode'], more: object = {}): VerticalPodAutoscaler => vpaOf({ recommended, updatePolicy: { updateMode, ...more } });
  it('half of them are made anew', async () => assert.deepEqual(await done(mode('Recreate'), four), ['evict a', 'evict b']));
  it('fewer than the least stay', async () => {
    assert.deepEqual(await done(mode('Recreate'), four.slice(0, 1)), []);
    assert.deepEqual(await done(mode('Recreate', { minReplicas: 5 }), four), []);
  });
  it('none goes where nobody can say how many there should be', async () => {
    for (const unread of [new ApiError('Forbidden', 'web-1'), new Error('socket hang up')]) assert.deepEqual(await done(mode('Recreate'), four, { unread }), []);
    assert.deepEqual(await done(mode('Recreate'), four, { unread: new ApiError('NotFound', 'web-1') }), ['evict a', 'evict b']);
  });
  it('one that is pending goes in any case: it may wait for a node that has so much', async () => assert.deepEqual(await done(mode('Recreate'), [podOf('a', { phase: 'Pending' }), podOf('b', { phase: 'Pending' })]), ['evict a', 'evict b']));
  it('all are resized in place, since none restarts', async () => assert.deepEqual(await done(mode('InPlaceOrRecreate'), four), ['resize a', 'resize b', 'resize c', 'resize d']));
  it('where one restarts for it, half are', async () => assert.deepEqual(await done(mode('InPlaceOrRecreate'), four.map(({ metadata }) => podOf(metadata.name!, { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }))), ['resize a', 'resize b']));
  it('what cannot be resized is made anew, or left where that is not wanted', async () => {
    assert.deepEqual(await done(mode('InPlaceOrRecreate'), four, { refuses: true }), ['evict a', 'evict b']);
    assert.deepEqual(await done(mode('InPlace'), four, { refuses: true }), []);
  });
  it('a resize that will not come about is given up: at once, after 5 minutes, after an hour', async () => {
    const resizing = (condition: object): Pod[] => four.map((pod, index) => (index === 0 ? podOf('a', { conditions: [condition], statuses: [{ name: 'main', resources: { requests: { cpu: '2' } } }] }) : podOf(pod.metadata.name!, { requests: { main: { cpu: '5' } } })));
    const since = (seconds: number): { asked: Map<string, number> } => ({ asked: new Map([['a', NOW - seconds * 1_000]]) });
    const [deferred, infeasible, running, failed] = [{ type: 'PodResizePending', reason: 'Deferred' }, { type: 'PodResizePending', reason: 'Infeasible' }, { type: 'PodResizeInProgress' }, { type: 'PodResizeInProgress', reason: 'Error', message: 'x' }].map(resizing);
    const after = async (pods: Pod[] | undefined, seconds: number): Promise<string[]> => done(mode('InPlaceOrRecreate'), pods!, since(seconds));
    assert.deepEqual(await Promise.all([after(deferred, 299), after(deferred, 301), after(infeasible, 0), after(running, 3_599), after(running, 3_601), after(failed, 0)]), [[], ['evict a'], ['evict a'], [], ['evict a'], ['evict a']]);
    assert.deepEqual(await done(mode('InPlace'), infeasible!, since(9_999)), []);
  });
  it('in place alone, what a node could not give is asked for again when less is recommended; what it put off, when another amount is', async () => {
    const waiting = (reason: string): Pod[] => [podOf('a', { requests: { main: { cpu: '9' } }, conditions: [{ type: 'PodResizePending', reason }], statuses: [{ name: 'main', resources: { requests: { cpu: '2' } } }] })];
    const dearer = vpaOf({ recommended: [{ target: { cpu: '12' }, least: { cpu: '4' }, most: { cpu: '15' } }], updatePolicy: { updateMode: 'InPlace' } });
    assert.deepEqual(await done(mode('InPlace'), waiting('Infeasible')), ['resize a']);
    assert.deepEqual(await done(dearer, waiting('Infeasible')), []);
    assert.deepEqual(await done(dearer, waiting('Deferred')), ['resize a']);
    assert.deepEqual(await done(mode('InPlaceOrRecreate'), waiting('Deferred')), []);
  });
});

describe('which of several has a pod', () => {
  const candidate = (more: Wanted): Candidate => ({ vpa: vpaOf(more), matcher: matcherOfSelector({ matchLabels: { app: 'web' } }) });
  const client = { get: async ({ kind }: { kind: string }, name: string) => OWNERS[`${kind}/${name}`] ?? Promise.reject(new ApiError('NotFound', name)) };
  const reading = { client, kinds } as unknown as ModuleContext;
  it('the topmost controller is found', async () => {
    assert.deepEqual(await topmostController(podOf('a'), reading), { kind: 'Deployment', name: 'web' });
    assert.deepEqual(await topmostController(podOf('a', { owner: 'gone' }), reading), { kind: 'ReplicaSet', name: 'gone' });
    assert.equal(await topmostController({ metadata: { name: 'bare' } }, reading), undefined);
  });
  it('pods of a kind of others are those that its scale selects', async () => {
    const Game = { kind: 'Game', group: 'example.com', plural: 'games', namespaced: true, subresources: { scale: {} } };
    const known = { ...kinds, find: (_: string, kind: string) => (kind === 'Game' ? Game : kinds.find('', kind)) };
    const answers = (selector: string): ModuleContext => ({ kinds: known, client: { get: async (_: unknown, name: string, { subresource }: { subresource?: string } = {}) => (subresource === 'scale' ? { spec: { replicas: 1 }, status: { replicas: 1, selector } } : { metadata: { name }, spec: { selector: { matchLabels: { app: 'other' } } } }) } }) as unknown as ModuleContext;
    const game = { ...vpaOf({}), spec: { targetRef: { apiVersion: 'example.com/v1', kind: 'Game', name: 'chess' } } };
    const matcher = await selectorOf(game, answers('app=chess'));
    assert.deepEqual([{ app: 'chess' }, { app: 'other' }].map((labels) => matcher.matches(labels)), [true, false]);
    await assert.rejects(selectorOf(game, answers('')), TargetError);
  });
  it('the oldest, and of one age the first by name; never one for another target', () => {
    const of = (...all: Wanted[]): string | undefined => controlling({ app: 'web' }, { kind: 'Deployment', name: 'web' }, all.map(candidate))?.vpa.metadata.name;
    assert.equal(of({ name: 'young', created: ago(10) }, { name: 'old', created: ago(20) }), 'old');
    assert.equal(of({ name: 'b' }, { name: 'a' }), 'a');
    assert.equal(of({ name: 'other', target: 'shop' }), undefined);
  });
  it('a new pod gets what that one recommends, and says what was done', async () => {
    const created = async (pod: Pod, ...all: Wanted[]): Promise<Pod> => {
      const object = structuredClone(pod);
      await initialResources({ candidatesIn: () => all.map(candidate), boundsIn: () => ({}) }).admit!({ object, namespace: 'default', operation: 'CREATE', kind: PodKind } as unknown as AdmissionRequest, reading);
      return object;
    };
    const two = podOf('a', { requests: { main: { cpu: '1' }, side: { cpu: '1' } } });
    two.spec!.containers[1]!.resources!.limits = { cpu: '2' };
    const recommended: Recommended[] = [{ target: { cpu: '5', memory: '1Gi' } }, { name: 'side', target: { cpu: '3' } }];
    const { metadata, spec } = await created(two, { recommended });
    assert.equal(metadata.labels?.['vpa-autoscaler.k8s.io/managed'], 'true');
    assert.deepEqual(metadata.annotations, { vpaObservedContainers: 'main, side', vpaUpdates: 'Pod resources updated by v: container 0: cpu request, memory request; container 1: cpu request, cpu limit' });
    assert.deepEqual(spec?.containers.map(({ resources }) => resources), [{ requests: { cpu: '5', memory: '1Gi' } }, { requests: { cpu: '3' }, limits: { cpu: '6' } }]);
    assert.deepEqual((await created(two, {})).metadata.annotations, { vpaObservedContainers: 'main, side' });
    const bare = podOf('bare');
    delete bare.metadata.ownerReferences;
    assert.deepEqual(await created(bare, { recommended }), bare);
    assert.deepEqual(await created(two, { recommended, target: 'shop' }), two);
  });
});
