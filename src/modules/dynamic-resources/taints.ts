/** Pods leave devices that are tainted with NoExecute, as soon as their claims do not bear it any more (upstream: device taint eviction controller). */
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { Int64 } from '../../api/int64.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { evictionMs, taintsOf } from '../../api/resource/device-taints.ts';
import { DeviceTaintRule } from '../../api/resource/device-taint-rule.ts';
import { ResourceClaim } from '../../api/resource/resource-claim.ts';
import { ResourceSlice } from '../../api/resource/resource-slice.ts';
import type { Device, DeviceRequestAllocationResult } from '../../api/generated/resource-v1.ts';
import { rfc3339 } from '../../base/clock.ts';
import { keyOf, watching, type Caches, type Controller, type ReconcileContext } from '../../sdk/index.ts';

const given = ({ status }: ResourceClaim): readonly DeviceRequestAllocationResult[] => status?.allocation?.devices?.results ?? [];
const hasNoExecute = (devices: readonly Device[] | undefined): boolean => (devices ?? []).some(({ taints }) => taints?.some(({ effect }) => effect === 'NoExecute') === true);

export const deviceTaintEviction: Controller<ResourceClaim> = {
  name: 'device-taint-eviction',
  eventSource: 'device-taint-eviction',
  for: ResourceClaim,
  watches: [
    watching(ResourceSlice, ({ spec }, caches) => (hasNoExecute(spec.devices) ? claimsOf(spec, caches) : [])),
    watching(DeviceTaintRule, ({ spec }, caches) => (spec.taint.effect === 'NoExecute' ? claimsOf({ driver: spec.deviceSelector?.driver, pool: spec.deviceSelector?.pool === undefined ? undefined : { name: spec.deviceSelector.pool } }, caches) : [])),
  ],
  writes: [Pod],
  async reconcile(_key, claim, context) {
    if (claim === undefined || given(claim).length === 0) return;
    const atMs = Math.min(...given(claim).map((result) => mustLeaveMs(result, context.caches)));
    if (atMs === Infinity) return;
    const delayMs = atMs - context.clock.nowMs();
    if (delayMs > 0) return { requeueAfterMs: delayMs };
    for (const { apiGroup = '', resource, name, uid } of claim.status?.reservedFor ?? []) if (apiGroup === '' && resource === Pod.plural) await evict({ name, uid, namespace: claim.metadata.namespace ?? '' }, context);
  },
};

function claimsOf({ driver, pool }: { driver?: string; pool?: { name: string } }, caches: Caches): string[] {
  return caches.of(ResourceClaim).list().filter((claim) => given(claim).some((result) => (driver ?? result.driver) === result.driver && (pool?.name ?? result.pool) === result.pool)).map(keyOf);
}

/** Infinity where it may stay. A device that no slice tells of any more has the taints of rules only. */
function mustLeaveMs({ driver, pool, device, tolerations = [], adminAccess }: DeviceRequestAllocationResult, caches: Caches): number {
  if (adminAccess === true) return Infinity;
  const slices = caches.of(ResourceSlice).list().filter(({ spec }) => spec.driver === driver && spec.pool.name === pool);
  const newest = slices.reduce<Int64>((most, { spec: { pool: { generation } } }) => (generation > most ? generation : most), 0);
  const found = slices.filter(({ spec }) => spec.pool.generation === newest).flatMap(({ spec }) => spec.devices ?? []).find(({ name }) => name === device);
  return evictionMs(taintsOf(found ?? {}, { driver, pool, device }, caches.of(DeviceTaintRule).list()), tolerations) ?? Infinity;
}

async function evict({ name, namespace, uid }: { name: string; namespace: string; uid: string }, { client, caches, clock, events }: ReconcileContext): Promise<void> {
  const pod = caches.of(Pod).get(`${namespace}/${name}`);
  if (pod?.metadata.uid !== uid || pod.metadata.deletionTimestamp !== undefined || isPodTerminal(pod)) return;
  events.event(pod, 'Normal', 'DeviceTaintManagerEviction', 'Marking for deletion');
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByDeviceTaintManager', message: 'Device Taint manager: deleting due to NoExecute taint', lastTransitionTime: rfc3339(clock.nowMs()) };
  try {
    await client.patch(Pod, name, { type: 'strategic', body: { status: { conditions: [condition] } } }, { namespace, subresource: 'status' });
    await client.delete(Pod, name, { namespace, preconditions: { uid } });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  }
}
