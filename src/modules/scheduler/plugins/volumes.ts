/** VolumeBinding and VolumeRestrictions: a pod goes where its volumes are, or can be made, and shares no volume that is for one pod only. */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import type { CSIStorageCapacity, CSINodeDriver, StorageClass, VolumeAttachment } from '../../../api/generated/storage-v1.ts';
import { bestVolume, claimUses, isBound, isMadeFor, isUsableOn, SELECTED_NODE, type ClaimUse } from '../../../api/storage/claim-matching.ts';
import { quantityValue } from '../../../api/quantity.ts';
import { matcherOfSelector } from '../../../api/selector.ts';
import type { Cluster } from '../framework/cluster.ts';
import type { ClaimOf, ClusterEvent } from '../framework/cluster-event.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { rejection, type NodeTest, type Plugin, type PreFilterResult } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';

/** What the plugins know of storage; without I/O but for `bind`. */
export interface StorageView {
  /** Looks at storage from the first call on; false until all of it was read. */
  ready(): boolean;
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  /** The drivers of a node, as its CSINode says. */
  driversOn(nodeName: string): readonly CSINodeDriver[];
  attachments(): readonly VolumeAttachment[];
  /** What drivers say of their room; undefined of a driver that says nothing of it, and makes volumes wherever it is asked. */
  roomOf(driver: string): readonly CSIStorageCapacity[] | undefined;
  /** Says which volume, or which node, each of the claims is to have, and settles when all are bound; rejects when they do not come. */
  bind(choices: readonly Choice[], options: { signal: AbortSignal; timeoutMs?: number }): Promise<void>;
}

export interface Choice {
  claim: PersistentVolumeClaim;
  nodeName: string;
  /** Undefined lets the provisioner of the class make one. */
  volume?: PersistentVolume;
}

const NO_PROVISIONER = 'kubernetes.io/no-provisioner';
const BINDING = 'VolumeBinding';
const UNREAD = rejection(BINDING, 'the objects of storage are not read yet', { unresolvable: true });
const UNBOUND = rejection(BINDING, 'pod has unbound immediate PersistentVolumeClaims', { unresolvable: true });
const ELSEWHERE = rejection(BINDING, "node(s) didn't match PersistentVolume's node affinity", { unresolvable: true });
const NO_ROOM = rejection(BINDING, 'node(s) did not have enough free storage', { unresolvable: true });
const NONE_TO_BIND = rejection(BINDING, "node(s) didn't find available persistent volumes to bind", { unresolvable: true });
const FOR_ONE_POD = rejection('VolumeRestrictions', 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode');

/** `bindTimeoutSeconds`: how long volumes may take to be bound; default 600. */
export interface VolumeBindingOptions { bindTimeoutSeconds?: number }

export function volumeBinding(storage: StorageView, { bindTimeoutSeconds }: VolumeBindingOptions = {}): Plugin {
  /** What was chosen for claims that do not say so yet, by their uid, and for which pods. */
  const held = new Map<string, { choice: Choice; pods: Set<string> }>();
  /** The volumes among it, by name, with the uid of the claim. */
  const assumed = new Map<string, string>();
  const chosen = new Map<string, Choice[]>();
  const freeFor = (claim: PersistentVolumeClaim, taken: ReadonlySet<string>): PersistentVolume[] =>
    storage.volumes().filter(({ metadata: { name = '' } }) => !taken.has(name) && (assumed.get(name) ?? claim.metadata.uid) === claim.metadata.uid);

  function choose(claim: PersistentVolumeClaim, node: NodeInfo, { taken, isThere }: Place): Choice | 'no room' | undefined {
    const earlier = held.get(claim.metadata.uid ?? '')?.choice;
    if (earlier !== undefined) return (earlier.volume === undefined ? earlier.nodeName === node.name : isUsableOn(earlier.volume, node)) ? earlier : undefined;
    const selected = claim.metadata.annotations?.[SELECTED_NODE];
    // One is being made there already. Source: upstream, FindPodVolumes.
    if (selected !== undefined && selected !== node.name && isThere(selected)) return undefined;
    const volume = selected === node.name ? undefined : bestVolume(claim, freeFor(claim, taken), node);
    if (volume !== undefined) return isUsableOn(volume, node) ? { claim, nodeName: node.name, volume } : undefined;
    const itsClass = storage.storageClass(claim.spec?.storageClassName ?? '');
    if (itsClass === undefined || itsClass.provisioner === NO_PROVISIONER || !allows(itsClass, node)) return undefined;
    return hasRoom(claim, itsClass, node, storage) ? { claim, nodeName: node.name } : 'no room';
  }

  /** Each volume for one claim only, the smallest claims first. */
  function chooseAll(claims: readonly PersistentVolumeClaim[], node: NodeInfo, isThere: (nodeName: string) => boolean): ReturnType<typeof choose>[] {
    const taken = new Set<string>();
    return claims.map((claim) => {
      const choice = choose(claim, node, { taken, isThere });
      if (typeof choice === 'object' && choice.volume !== undefined) taken.add(choice.volume.metadata.name ?? '');
      return choice;
    });
  }

  return {
    name: BINDING,
    preFilter: ({ pod }) => (hasClaims(pod) ? lookAtClaims(pod, storage) : undefined),
    filter({ pod }, cluster) {
      if (!hasClaims(pod)) return undefined;
      const claims = claimsOf(pod, storage);
      const isThere = (name: string): boolean => cluster.node(name) !== undefined;
      const volumes = claims.filter(isBound).map(({ spec }) => storage.volume(spec?.volumeName ?? ''));
      const open = openOf(claims);
      return (node) => {
        if (volumes.some((each) => each === undefined || !isUsableOn(each, node))) return ELSEWHERE;
        const choices = chooseAll(open, node, isThere);
        return choices.includes(undefined) ? NONE_TO_BIND : choices.includes('no room') ? NO_ROOM : undefined;
      };
    },
    reserve({ pod, uid }, node) {
      if (!hasClaims(pod)) return undefined;
      // The filter, a moment ago, let it go to nodes only that are there and were chosen before, if any was.
      const choices = chooseAll(openOf(claimsOf(pod, storage)), node, () => false);
      if (choices.some((each) => each === undefined || each === 'no room')) return NONE_TO_BIND.reasons[0];
      for (const choice of choices as Choice[]) hold(choice, uid);
      if (choices.length > 0) chosen.set(uid, choices as Choice[]);
      return undefined;
    },
    permit({ uid }, _node, signal) {
      const choices = chosen.get(uid) ?? [];
      return choices.length === 0 ? undefined : storage.bind(choices, { signal, ...(bindTimeoutSeconds !== undefined && { timeoutMs: bindTimeoutSeconds * 1_000 }) }).finally(() => forget(uid));
    },
    unreserve: ({ uid }) => forget(uid),
    wakesFor: (event, info) => (event.type === 'storage-changed' && mayConcern(event.claim, info.pod)) || event.type === 'node-added' || (event.type === 'node-changed' && event.changed.labels) || givesUpClaim(event, info),
  };

  function hold(choice: Choice, podUid: string): void {
    const { uid = '' } = choice.claim.metadata;
    const known = held.get(uid) ?? { choice, pods: new Set() };
    held.set(uid, known);
    known.pods.add(podUid);
    if (choice.volume !== undefined) assumed.set(choice.volume.metadata.name ?? '', uid);
  }

  function forget(podUid: string): void {
    for (const { claim, volume } of chosen.get(podUid) ?? []) {
      const { pods } = held.get(claim.metadata.uid ?? '') ?? {};
      pods?.delete(podUid);
      if (pods?.size !== 0) continue;
      held.delete(claim.metadata.uid ?? '');
      assumed.delete(volume?.metadata.name ?? '');
    }
    chosen.delete(podUid);
  }
}

/** For what of a pod's claims a volume is chosen: none of those that others of its claims have; and whether a node is still there. */
interface Place { taken: ReadonlySet<string>; isThere(nodeName: string): boolean }

/** Those without a volume, the smallest first. Source: upstream, byPVCSize. */
function openOf(claims: readonly PersistentVolumeClaim[]): PersistentVolumeClaim[] {
  const bytesOf = ({ spec }: PersistentVolumeClaim): number => quantityValue(spec?.resources?.requests?.['storage'] ?? '0');
  return claims.filter((each) => !isBound(each)).sort((left, right) => bytesOf(left) - bytesOf(right));
}

export function volumeRestrictions(storage: StorageView): Plugin {
  const name = 'VolumeRestrictions';
  return {
    name,
    filter({ pod, uid }, cluster): NodeTest | undefined {
      if (!hasClaims(pod) || !storage.ready()) return undefined;
      const alone = claimUses(pod).map((each) => each.claimName).filter((each) => storage.claim(pod.metadata.namespace ?? '', each)?.spec?.accessModes?.includes('ReadWriteOncePod'));
      return alone.length > 0 && isUsed(alone, pod, uid, cluster) ? () => FOR_ONE_POD : undefined;
    },
    wakesFor: givesUpClaim,
  };
}

/** Whether a pod went, or was not bound after all, that has a claim in common with it. */
function givesUpClaim(event: ClusterEvent, { namespace, pod }: PodInfo): boolean {
  return event.type === 'pod-removed' && event.pod.namespace === namespace && claimUses(event.pod.pod).some((gone) => claimUses(pod).some((own) => own.claimName === gone.claimName));
}

/** Claims of others help nobody; of volumes and classes it cannot be told. */
export function mayConcern(claim: ClaimOf | undefined, pod: Pod): boolean {
  return claim === undefined || (claim.namespace === pod.metadata.namespace && claimUses(pod).some(({ claimName }) => claimName === claim.name));
}

function isUsed(claimNames: readonly string[], { metadata }: Pod, uid: string, cluster: Cluster): boolean {
  const uses = (other: PodInfo): boolean => other.uid !== uid && other.namespace === metadata.namespace && claimUses(other.pod).some((each) => claimNames.includes(each.claimName));
  return cluster.nodes.some((node) => [...node.pods.values()].some(uses));
}

export function hasClaims({ spec }: Pod): boolean {
  return spec?.volumes?.some((each) => each.persistentVolumeClaim !== undefined || each.ephemeral !== undefined) === true;
}

/** Each once, though several volumes of the pod may be of one claim. */
function claimsOf(pod: Pod, storage: StorageView): PersistentVolumeClaim[] {
  const claims = claimUses(pod).map(({ claimName }) => storage.claim(pod.metadata.namespace ?? '', claimName)).filter((each) => each !== undefined);
  return [...new Map(claims.map((each) => [each.metadata.uid, each])).values()];
}

function lookAtClaims(pod: Pod, storage: StorageView): PreFilterResult | undefined {
  if (!storage.ready()) return { rejection: UNREAD, isUnread: true };
  for (const use of claimUses(pod)) {
    const claim = storage.claim(pod.metadata.namespace ?? '', use.claimName);
    const complaint = complaintOf(pod, use, claim, storage);
    if (complaint !== undefined) return { rejection: rejection(BINDING, complaint, { unresolvable: true }) };
    if (!isBound(claim!) && storage.storageClass(claim!.spec?.storageClassName ?? '')?.volumeBindingMode !== 'WaitForFirstConsumer') return { rejection: UNBOUND };
  }
  return undefined;
}

function complaintOf(pod: Pod, { claimName, isEphemeral }: ClaimUse, claim: PersistentVolumeClaim | undefined, storage: StorageView): string | undefined {
  const what = `persistentvolumeclaim "${claimName}"`;
  if (claim === undefined) return isEphemeral ? `waiting for ephemeral volume controller to create the ${what}` : `${what} not found`;
  if (isEphemeral && !isMadeFor(claim, pod)) return `PVC ${pod.metadata.namespace}/${claimName} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
  if (claim.metadata.deletionTimestamp !== undefined) return `${what} is being deleted`;
  if (claim.status?.phase === 'Lost' || (isBound(claim) && storage.volume(claim.spec?.volumeName ?? '') === undefined)) return `${what} bound to non-existent persistentvolume "${claim.spec?.volumeName}"`;
  return undefined;
}

/** Whether the driver says that it could make the volume where the node is. Source: upstream, volumebinding hasEnoughCapacity. */
function hasRoom({ spec }: PersistentVolumeClaim, { metadata, provisioner }: StorageClass, { labels }: NodeInfo, storage: StorageView): boolean {
  const bytes = quantityValue(spec?.resources?.requests?.['storage'] ?? '0');
  const told = bytes === 0 ? undefined : storage.roomOf(provisioner);
  return told === undefined || told.some(({ storageClassName, nodeTopology, capacity, maximumVolumeSize }) => {
    const most = maximumVolumeSize ?? capacity;
    // Without a topology it is nobody's.
    return storageClassName === metadata.name && most !== undefined && quantityValue(most) >= bytes && nodeTopology !== undefined && nodeTopology !== null && matcherOfSelector(nodeTopology).matches(labels);
  });
}

/** By allowedTopologies of the class: alternatives, each with all of its keys. */
function allows({ allowedTopologies = [] }: StorageClass, { labels }: NodeInfo): boolean {
  if (allowedTopologies.length === 0) return true;
  return allowedTopologies.some((term) => (term.matchLabelExpressions ?? []).every(({ key, values }) => values.includes(labels[key] ?? '')));
}
