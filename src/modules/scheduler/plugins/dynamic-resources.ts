/** DynamicResources: a pod goes where the devices are that its claims ask for, or have; what is found is written to the claims before the pod is bound. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { compileTerm } from '../../../api/node-selection.ts';
import { claimReferences, foreignClaim, isReservedFor } from '../../../api/resource/claim-uses.ts';
import type { DeviceClass } from '../../../api/resource/device-class.ts';
import type { ResourceClaim } from '../../../api/resource/resource-claim.ts';
import { allocate, AllocationFailure, scoreOf, type Allocations } from '../devices/allocate.ts';
import type { Pool } from '../devices/pools.ts';
import { takenBy } from '../devices/room.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { rejection, type Plugin, type PreFilterResult, type Rejection } from '../framework/plugin.ts';
import { normalizeUp } from './normalize.ts';

/** What the plugin knows of devices; without I/O but for `give` and `takeBack`. */
export interface DevicesView {
  /** Looks at devices from the first call on; false until all of them were read. */
  ready(): boolean;
  claim(namespace: string, name: string): ResourceClaim | undefined;
  claims(): readonly ResourceClaim[];
  deviceClass(name: string): DeviceClass | undefined;
  pools(): readonly Pool[];
  /** Writes what a pod's claims were given, and that it uses them; rejects when others were quicker. */
  give(pod: Pod, claims: readonly ResourceClaim[], allocations: Allocations): Promise<void>;
  /** Waits for devices of the pod's claims that have to be brought to the node; rejects when one does not come. */
  brought(pod: Pod, claims: readonly ResourceClaim[], options: { nodeName: string; signal: AbortSignal; timeoutMs?: number }): Promise<void>;
  /** That the pod does not use them after all. */
  takeBack(pod: Pod, claims: readonly ResourceClaim[]): void;
}

const NAME = 'DynamicResources';
const UNREAD = rejection(NAME, 'the objects of dynamic resources are not read yet', { unresolvable: true });
const NONE = rejection(NAME, 'cannot allocate all claims', { unresolvable: true });
const ELSEWHERE = rejection(NAME, 'resourceclaim not available on the node', { unresolvable: true });
const MOST_CONSUMERS = 256;

/** How long devices may take to come to their node, in seconds; default 600. Source: DynamicResourcesArgs, bindingTimeout. */
export interface DevicesOptions { bindingTimeoutSeconds?: number }

export function dynamicResources(devices: DevicesView, { bindingTimeoutSeconds }: DevicesOptions = {}): Plugin {
  /** Given to claims that do not say so yet, by uid of the claim. */
  const assumed = new Map<string, Allocations>();
  const chosen = new Map<string, { claims: ResourceClaim[]; allocations: Allocations }>();

  const takenNow = (): ReturnType<typeof takenBy> => takenBy([
    ...devices.claims().flatMap(({ metadata, status }) => (status?.allocation === undefined || assumed.has(metadata.uid ?? '') ? [] : [status.allocation])),
    ...[...assumed].flatMap(([uid, allocations]) => allocations.get(uid) ?? []),
  ]);
  const open = (pod: Pod): ResourceClaim[] => claimsOf(pod, devices).filter(({ status }) => status?.allocation === undefined);
  const search = (pod: Pod, node: NodeInfo, taken = takenNow()): Allocations | undefined => allocate({ node, claims: open(pod), pools: devices.pools(), taken, classOf: devices.deviceClass });

  function forget(uid: string): void {
    for (const { metadata } of chosen.get(uid)?.claims ?? []) assumed.delete(metadata.uid ?? '');
    chosen.delete(uid);
  }

  return {
    name: NAME,
    preEnqueue: ({ pod }) => claimReferences(pod).filter(({ claimName }) => claimName === undefined).map(({ name }) => `waiting for the resource claim ${name} to be made from its template`)[0],
    preFilter: ({ pod }) => (hasClaims(pod) ? lookAt(pod, devices, assumed) : undefined),
    filter({ pod }) {
      if (!hasClaims(pod)) return undefined;
      const tests = claimsOf(pod, devices).map(({ status }) => status?.allocation?.nodeSelector).filter((each) => each !== undefined).map(({ nodeSelectorTerms }) => nodeSelectorTerms.map(compileTerm));
      const needsSearch = open(pod).length > 0;
      const taken = needsSearch ? takenNow() : new Map();
      return (node) => {
        if (!tests.every((terms) => terms.some((term) => term(node)))) return ELSEWHERE;
        return needsSearch ? refusalOf(() => search(pod, node, taken)) : undefined;
      };
    },
    /** Nodes where the alternative that stands first was found. */
    score({ pod }) {
      if (!hasClaims(pod)) return undefined;
      const claims = open(pod);
      if (!claims.some(({ spec }) => spec.devices?.requests?.some(({ firstAvailable = [] }) => firstAvailable.length > 0))) return undefined;
      const taken = takenNow();
      return { score: (node) => scoreOf(claims, search(pod, node, taken) ?? new Map()), normalize: normalizeUp };
    },
    reserve({ pod, uid }, node) {
      if (!hasClaims(pod)) return undefined;
      const allocations = search(pod, node);
      if (allocations === undefined) return NONE.reasons[0];
      for (const claimUid of allocations.keys()) assumed.set(claimUid, allocations);
      chosen.set(uid, { claims: claimsOf(pod, devices), allocations });
      return undefined;
    },
    permit({ pod, uid }, { name }, signal) {
      const choice = chosen.get(uid);
      if (choice === undefined) return undefined;
      return devices.give(pod, choice.claims, choice.allocations).then(() => {
        forget(uid);
        return devices.brought(pod, choice.claims, { nodeName: name, signal, ...(bindingTimeoutSeconds !== undefined && { timeoutMs: bindingTimeoutSeconds * 1_000 }) });
      });
    },
    unreserve({ pod, uid }) {
      if (!hasClaims(pod)) return;
      forget(uid);
      devices.takeBack(pod, claimsOf(pod, devices).filter((claim) => isReservedFor(claim, pod)));
    },
    wakesFor: (event) => event.type === 'devices-changed' || event.type === 'node-added' || (event.type === 'node-changed' && event.changed.labels),
  };
}

function hasClaims({ spec }: Pod): boolean {
  return (spec?.resourceClaims ?? []).length > 0;
}

function claimsOf(pod: Pod, devices: DevicesView): ResourceClaim[] {
  return claimReferences(pod).map(({ claimName }) => devices.claim(pod.metadata.namespace ?? '', claimName ?? '')).filter((each) => each !== undefined);
}

/** A fault of the claims is one on every node. */
function refusalOf(work: () => Allocations | undefined): Rejection | undefined {
  try {
    return work() === undefined ? NONE : undefined;
  } catch (error) {
    if (error instanceof AllocationFailure) return rejection(NAME, error.message, { unresolvable: true });
    throw error;
  }
}

function lookAt(pod: Pod, devices: DevicesView, assumed: ReadonlyMap<string, Allocations>): PreFilterResult | undefined {
  if (!devices.ready()) return { rejection: UNREAD, isUnread: true };
  const refuse = (why: string): PreFilterResult => ({ rejection: rejection(NAME, why, { unresolvable: true }) });
  for (const reference of claimReferences(pod)) {
    const { claimName = '' } = reference;
    const claim = devices.claim(pod.metadata.namespace ?? '', claimName);
    if (claim === undefined) return refuse(`resourceclaim "${claimName}" not found`);
    const foreign = foreignClaim(claim, pod, reference);
    if (foreign !== undefined) return refuse(foreign);
    if (claim.metadata.deletionTimestamp !== undefined) return refuse(`resourceclaim "${claimName}" is being deleted`);
    // Another pod is about to get devices for it: its choice is waited for.
    if (assumed.has(claim.metadata.uid ?? '')) return refuse('resource claim is in the process of being allocated');
    if (!isReservedFor(claim, pod) && (claim.status?.reservedFor ?? []).length >= MOST_CONSUMERS) return refuse(`resourceclaim "${claimName}" is in use by as many pods as may be`);
  }
  return undefined;
}
