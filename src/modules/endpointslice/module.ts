/** Endpoints of Services: which pods answer for them, in EndpointSlices and in Endpoints. Runs on any cluster. */
import { isDeepStrictEqual } from 'node:util';
import { Endpoints } from '../../api/core/endpoints.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { Service } from '../../api/core/service.ts';
import { zoneOf } from '../../api/core/zone.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { keyOf, splitKey, type Caches, type ObjectKey } from '../../sdk/cache.ts';
import { watching, type Controller, type ReconcileContext, type ReconcileResult } from '../../sdk/controller.ts';
import { defineModule } from '../../sdk/module.ts';
import { isMirrored, MAX_MIRRORED, MIRROR_MANAGER, planMirror } from './mirror.ts';
import { HEADLESS, MANAGED_BY, MANAGER, planSlices, SERVICE_NAME, type ServicePlan, type SlicePlan } from './plan.ts';
import { sharesByZone, zoneShares } from './zone-shares.ts';
import { subsetsOf } from './subsets.ts';
import { createTriggerTimes, LAST_CHANGE, stamped } from './trigger-time.ts';

const ENDPOINTS_MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const ENDPOINTS_MANAGER = 'endpoint-controller';
/** Says that not all endpoints are named. */
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';

/** Services whose selector takes the pod in. */
function servicesOf(pod: Pod, caches: Caches): ObjectKey[] {
  return caches.of(Service).list(pod.metadata.namespace ?? '').filter((service) => selects(service, pod)).map(keyOf);
}

/** Services of the pods of a node whose zone is not what their slices say, none while that is the same, as with every beat of the node; and those that are shared by zone. */
function servicesOnNode(node: Node, caches: Caches): ObjectKey[] {
  const name = node.metadata.name ?? '';
  const stale = caches.of(EndpointSlice).list().filter((slice) => slice.endpoints?.some((each) => each.nodeName === name && each.zone !== zoneOf(node)));
  return [...stale.map(({ metadata }) => `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME] ?? ''}`), ...sharedByZone(caches).map(keyOf)];
}

function sharedByZone(caches: Caches): readonly Service[] {
  const services = caches.of(Service);
  services.addIndex('shared-by-zone', (service) => (sharesByZone(service) ? ['yes'] : []));
  return services.byIndex('shared-by-zone', 'yes');
}

function selects(service: Service, pod: Pod): boolean {
  const selector = service.spec?.selector;
  return selector !== undefined && Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value);
}

function hasEndpoints(service: Service | undefined): service is Service {
  return service !== undefined && service.spec?.selector !== undefined && service.spec.type !== 'ExternalName';
}

/** Of what ends nothing new is made, which the garbage collector would have to take at once; and what ends is left alone (upstream: endpointslice, finalize). */
function isToStay({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp === undefined;
}

function podsOf(service: Service, caches: Caches): Pod[] {
  return caches.of(Pod).list(service.metadata.namespace ?? '').filter((pod) => selects(service, pod));
}

/** How long the cache may take to show a slice that was created; until then planning again would create it twice. */
const SEEN_WITHIN_MS = 5_000;
const AGAIN_MS = 20;

/** Carries plans out, and knows when the cache is behind. */
function createCarrier(): (key: ObjectKey, own: readonly EndpointSlice[], plan: () => SlicePlan, context: ReconcileContext) => Promise<ReconcileResult | undefined> {
  const unseen = new Map<ObjectKey, Map<string, number>>();
  const isBehind = (key: ObjectKey, own: readonly EndpointSlice[], nowMs: number): boolean => {
    const names = unseen.get(key);
    for (const [name, untilMs] of names ?? []) if (untilMs < nowMs || own.some((each) => each.metadata.name === name)) names?.delete(name);
    if (names?.size === 0) unseen.delete(key);
    return unseen.has(key);
  };
  return async (key, own, plan, { client, clock }) => {
    if (isBehind(key, own, clock.nowMs())) return { requeueAfterMs: AGAIN_MS };
    const wanted = plan();
    for (const each of wanted.create) {
      const created = await client.create(EndpointSlice, each);
      const names = unseen.get(key) ?? new Map<string, number>();
      unseen.set(key, names.set(created.metadata.name ?? '', clock.nowMs() + SEEN_WITHIN_MS));
    }
    for (const each of wanted.update) await client.update(EndpointSlice, each);
    for (const each of wanted.delete) await remove(EndpointSlice, each, client);
    return undefined;
  };
}

/** What was told of Services that are shared by zone: by family why there are no hints, '' where there are. */
type Told = Map<ObjectKey, ReadonlyMap<string, string>>;

/** Says once that endpoints of a Service are shared by zone now, or are not, and why (upstream: topologycache/event.go). */
function tell(told: Told, key: ObjectKey, service: Service, { shared }: ServicePlan, events: ReconcileContext['events']): void {
  const before = told.get(key);
  const disabled = (why: string, family: string): void => events.event(service, 'Warning', 'TopologyAwareHintsDisabled', `${why}, addressType: ${family}`);
  if (shared.size === 0) {
    for (const [family, why] of before ?? []) if (why === '') disabled('Topology Aware Hints has been disabled', family);
    return void told.delete(key);
  }
  told.set(key, new Map([...shared].map(([family, { why = '' }]) => [family, why])));
  for (const [family, { why = '' }] of shared) {
    if (before?.get(family) === why) continue;
    if (why === '') events.event(service, 'Normal', 'TopologyAwareHintsEnabled', `Topology Aware Hints has been enabled, addressType: ${family}`);
    else disabled(why, family);
  }
}

function sliceController(): Controller<Service> {
  const carryOut = createCarrier();
  const told: Told = new Map();
  const times = createTriggerTimes();
  return {
    name: 'endpointslice', for: Service, owns: [EndpointSlice], watches: [watching(Pod, servicesOf), watching(Node, servicesOnNode)],
    async reconcile(key, service, context) {
      const own = slicesOf(key, context.caches);
      if (hasEndpoints(service)) {
        return carryOut(key, own, () => {
          const nodes = context.caches.of(Node);
          const pods = podsOf(service, context.caches);
          const plan = planSlices(service, pods, own.filter(isToStay), { zoneOf: (node) => zoneOf(nodes.get(node)), shares: sharesByZone(service) ? zoneShares(nodes.list()) : undefined });
          tell(told, key, service, plan, context.events);
          const time = times.look(key, service, pods);
          return { create: isToStay(service) ? plan.create.map((each) => stamped(each, time)) : [], update: plan.update.map((each) => stamped(each, time)), delete: plan.delete };
        }, context);
      }
      told.delete(key);
      times.forget(key);
      // Without a selector the slices are the user's; those made while there was one are his now too (as upstream leaves them).
      if (service === undefined) await Promise.all(own.map((each) => remove(EndpointSlice, each, context.client)));
      return undefined;
    },
  };
}

/** Endpoints that a user keeps by hand, for a Service without a selector, as slices (upstream: endpointslicemirroring). */
function mirrorController(): Controller<Endpoints> {
  const carryOut = createCarrier();
  return {
    name: 'endpointslice-mirroring', for: Endpoints, owns: [EndpointSlice], watches: [watching(Service, (each) => [keyOf(each)])],
    async reconcile(key, endpointsObject, context) {
      const own = slicesOf(key, context.caches, MIRROR_MANAGER);
      const service = context.caches.of(Service).get(key);
      const wanted = service !== undefined && service.spec?.selector === undefined && endpointsObject !== undefined && isMirrored(endpointsObject);
      if (wanted) {
        return carryOut(key, own, () => {
          const plan = planMirror(endpointsObject, own.filter(isToStay));
          if (plan.skipped > 0) context.events.event(endpointsObject, 'Warning', 'TooManyAddressesToMirror', `A max of ${MAX_MIRRORED} addresses can be mirrored to EndpointSlices per Endpoints subset. ${plan.skipped} addresses were skipped`);
          return isToStay(endpointsObject) ? plan : { ...plan, create: [] };
        }, context);
      }
      await Promise.all(own.map((each) => remove(EndpointSlice, each, context.client)));
      return undefined;
    },
  };
}

/** The slices that the manager made for the Service, or Endpoints, of that key. */
function slicesOf(key: ObjectKey, caches: Caches, manager: string = MANAGER): readonly EndpointSlice[] {
  const cache = caches.of(EndpointSlice);
  cache.addIndex('managed-by-service', (slice) => {
    const { labels, namespace } = slice.metadata;
    return labels?.[SERVICE_NAME] === undefined ? [] : [`${labels[MANAGED_BY] ?? ''}|${namespace}/${labels[SERVICE_NAME]}`];
  });
  return cache.byIndex('managed-by-service', `${manager}|${key}`);
}

/** It, and none that came in its place. */
async function remove<T extends KubeObject>(kind: Kind<T>, object: T, client: ReconcileContext['client']): Promise<void> {
  const { namespace, name = '', uid } = object.metadata;
  try {
    await client.delete(kind, name, { namespace, preconditions: uid === undefined ? undefined : { uid } });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  }
}

function endpointsController(): Controller<Service> {
  const times = createTriggerTimes();
  const known = new Set<ObjectKey>();
  return {
    name: 'endpoints', for: Service, watches: [watching(Pod, servicesOf), watching(Endpoints, (each) => [keyOf(each)])], writes: [Endpoints],
    async reconcile(key, service, { client, caches }) {
      const { namespace, name } = splitKey(key);
      const current = caches.of(Endpoints).get(key);
      if (!hasEndpoints(service)) times.forget(key);
      if (service === undefined) {
        // They go with their Service, also those that a user kept for it.
        if (current !== undefined && (known.delete(key) || current.metadata.labels?.[ENDPOINTS_MANAGED_BY] === ENDPOINTS_MANAGER)) await remove(Endpoints, current, client);
        return;
      }
      known.add(key);
      if (!hasEndpoints(service)) return;
      const pods = podsOf(service, caches);
      const time = times.look(key, service, pods);
      const { subsets, isTruncated } = subsetsOf(service, pods);
      const { [OVER_CAPACITY]: before, [LAST_CHANGE]: _time, ...others } = current?.metadata.annotations ?? {};
      const annotations: Record<string, string> = isTruncated ? { ...others, [OVER_CAPACITY]: 'truncated' } : others;
      const labels: Record<string, string> = { ...service.metadata.labels, [ENDPOINTS_MANAGED_BY]: ENDPOINTS_MANAGER };
      delete labels[HEADLESS];
      if (service.spec?.clusterIP === 'None') labels[HEADLESS] = '';
      if (current === undefined) {
        if (!isToStay(service)) return;
        await client.create(Endpoints, stamped({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace, labels, annotations }, ...(subsets.length > 0 ? { subsets } : {}) }, time));
      } else if (!isDeepStrictEqual(current.subsets ?? [], subsets) || !isDeepStrictEqual({ ...current.metadata.labels }, labels) || before !== annotations[OVER_CAPACITY]) {
        await client.update(Endpoints, stamped({ ...current, metadata: { ...current.metadata, labels, annotations }, subsets }, time));
      }
    },
  };
}

export default defineModule({
  name: 'endpointslice',
  description: 'Names the pods that answer for each Service, in EndpointSlices and Endpoints',
  needs: [Service, Pod, EndpointSlice, Endpoints],
  controllers: [sliceController(), endpointsController(), mirrorController()],
  portable: true,
});
