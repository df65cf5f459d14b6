/** Devices as the scheduler sees them: read from the caches once a pod with claims comes by, written when a node was chosen for one. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { AllocationResult, ResourceClaim as ResourceClaimType } from '../../../api/generated/resource-v1.ts';
import { isApiError } from '../../../api/errors.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { DELETE_PROTECTION, isReservedFor } from '../../../api/resource/claim-uses.ts';
import { DeviceClass } from '../../../api/resource/device-class.ts';
import { DeviceTaintRule } from '../../../api/resource/device-taint-rule.ts';
import { ResourceClaim } from '../../../api/resource/resource-claim.ts';
import { ResourceSlice } from '../../../api/resource/resource-slice.ts';
import { keyOf, type ModuleContext } from '../../../sdk/index.ts';
import type { DevicesView } from '../plugins/dynamic-resources.ts';
import { hasBindingConditions, untilBindable } from './binding.ts';
import { poolsOf, type Pool } from './pools.ts';

export interface Devices extends DevicesView {
  /** Told of every change, from the first look on. */
  changed: () => void;
}

/** As upstream's bindingTimeout. */
const BINDING_TIMEOUT_MS = 600_000;

export function openDevices({ caches, client, clock, events, kinds, log, signal }: ModuleContext): Devices {
  let state: 'closed' | 'opening' | 'open' = 'closed';
  let pools: readonly Pool[] | undefined;
  /** As they were written here, until the cache has heard of it: what was given must not be given twice. */
  const written = new Map<string, ResourceClaimType>();
  const looking = new Set<() => void>();
  const write = async (claim: Promise<ResourceClaimType>): Promise<ResourceClaimType> => {
    const now = await claim;
    const key = keyOf(now);
    const known = caches.of(ResourceClaim).get(key);
    if (known !== undefined && revisionOf(known) < revisionOf(now)) written.set(key, now);
    return now;
  };

  /** Other clusters serve them since 1.37. */
  const hasRules = (): boolean => kinds.find(DeviceTaintRule.group, DeviceTaintRule.kind) !== undefined;

  async function open(): Promise<void> {
    state = 'opening';
    await Promise.all([caches.of(ResourceClaim).ready(), caches.of(ResourceSlice).ready(), caches.of(DeviceClass).ready(), ...(hasRules() ? [caches.of(DeviceTaintRule).ready()] : [])]);
    if (signal.aborted) return;
    state = 'open';
    const tell = (): void => {
      for (const look of looking) look();
      devices.changed();
    };
    const poolsChanged = (): void => {
      pools = undefined;
      tell();
    };
    const stops = [caches.of(ResourceClaim).subscribe(({ type, key, object }) => {
      const ours = written.get(key);
      if (ours !== undefined && (type === 'deleted' || revisionOf(object) >= revisionOf(ours))) written.delete(key);
      tell();
    }), caches.of(DeviceClass).subscribe(tell), caches.of(ResourceSlice).subscribe(poolsChanged), ...(hasRules() ? [caches.of(DeviceTaintRule).subscribe(poolsChanged)] : [])];
    signal.addEventListener('abort', () => stops.forEach((stop) => stop()), { once: true });
    tell();
  }

  async function give(pod: Pod, claim: ResourceClaimType, allocation: AllocationResult | undefined): Promise<void> {
    if (isReservedFor(claim, pod)) return;
    let current = claim;
    const { name = '', uid = '' } = pod.metadata;
    if (allocation !== undefined && claim.metadata.finalizers?.includes(DELETE_PROTECTION) !== true) {
      current = await write(client.update(ResourceClaim, { ...claim, metadata: { ...claim.metadata, finalizers: [...(claim.metadata.finalizers ?? []), DELETE_PROTECTION] } }));
    }
    const given = allocation === undefined ? current.status?.allocation : { ...allocation, allocationTimestamp: rfc3339(clock.nowMs()) };
    const reservedFor = [...(current.status?.reservedFor ?? []), { resource: 'pods', name, uid }];
    await write(client.update(ResourceClaim, { ...current, status: { ...current.status, allocation: given, reservedFor } }, { subresource: 'status' }));
  }

  async function takeBack({ metadata: { uid } }: Pod, { metadata }: ResourceClaimType): Promise<void> {
    const now = await client.get(ResourceClaim, metadata.name ?? '', { namespace: metadata.namespace });
    const reservedFor = (now.status?.reservedFor ?? []).filter((each) => each.uid !== uid);
    // With nobody left the devices are free for others: the pod may find better ones.
    const { allocation, devices: told, ...others } = now.status ?? {};
    await write(client.update(ResourceClaim, { ...now, status: { ...others, ...(reservedFor.length > 0 ? { allocation, devices: told } : {}), reservedFor } }, { subresource: 'status' }));
  }

  const devices: Devices = {
    changed: () => {},
    ready() {
      if (kinds.find(ResourceClaim.group, ResourceClaim.kind) === undefined) return false;
      if (state === 'closed') void open().catch(() => { state = 'closed'; });
      return state === 'open';
    },
    claim: (namespace, name) => written.get(`${namespace}/${name}`) ?? caches.of(ResourceClaim).get(`${namespace}/${name}`),
    claims: () => (written.size === 0 ? caches.of(ResourceClaim).list() : caches.of(ResourceClaim).list().map((claim) => written.get(keyOf(claim)) ?? claim)),
    deviceClass: (name) => caches.of(DeviceClass).get(name),
    pools: () => (pools ??= poolsOf(caches.of(ResourceSlice).list(), hasRules() ? caches.of(DeviceTaintRule).list() : [])),
    async give(pod, claims, allocations) {
      for (const claim of claims) await give(pod, claim, allocations.get(claim.metadata.uid ?? ''));
    },
    async brought(pod, claims, { nodeName, signal: ending, timeoutMs = BINDING_TIMEOUT_MS }) {
      const now = ({ metadata: { namespace = '', name = '' } }: ResourceClaimType): ResourceClaimType | undefined => devices.claim(namespace, name);
      if (!claims.some((claim) => hasBindingConditions(now(claim) ?? claim))) return;
      events.event(pod, 'Normal', 'BindingConditionsPending', `waiting for binding conditions for device on node ${nodeName}`);
      await untilBindable(pod, claims, {
        now, signal: ending, timeoutMs,
        onChange(look) {
          looking.add(look);
          return () => looking.delete(look);
        },
      });
    },
    takeBack(pod, claims) {
      for (const claim of claims) {
        void takeBack(pod, claim).catch((error: unknown) => {
          if (!isApiError(error, 'NotFound', 'Conflict')) log.warn('a claim could not be taken back from a pod that has no node', { claim: `${claim.metadata.namespace}/${claim.metadata.name}`, error });
        });
      }
    },
  };
  return devices;
}

/** Of one object, so that they can be compared: llmos and etcd both count them up. */
function revisionOf({ metadata }: ResourceClaimType): number {
  return Number(metadata.resourceVersion ?? 0);
}
