/** The controller of claims: binds each to a volume, makes the volume where the class says so, and keeps a claim as long as pods use it. */
import { isDeepStrictEqual } from 'node:util';
import { Node } from '../../api/core/node.ts';
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { PersistentVolumeClaimStatus } from '../../api/generated/core-v1.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { StorageClass } from '../../api/storage/storage-class.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { keyOf, watching, type Caches, type Controller, type ReconcileContext } from '../../sdk/index.ts';
import { isKeptFor, misfit, SELECTED_NODE } from '../../api/storage/claim-matching.ts';
import { VolumeSnapshot, VolumeSnapshotContent } from '../../api/storage/volume-snapshot.ts';
import { defaultClassOf } from './admission.ts';
import { leastBytesOf, makeVolume } from './make.ts';
import { sourceOf } from './snapshots.ts';
import { growClaim } from './expand.ts';
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, claimNames, claimStep, firstNode, PROTECTION, PROVISIONER, volumeFor } from './plan.ts';

/** Where volumes are made, and where snapshots lie. */
export interface Place {
  folder: string;
  snapshots: string;
  nodeName: string;
}

export function claimController(place: (context: ReconcileContext) => Place): Controller<PersistentVolumeClaim> {
  return {
    name: 'persistent-volume-claim',
    eventSource: 'persistentvolume-controller',
    for: PersistentVolumeClaim,
    watches: [watching(Pod, claimsOfPod), watching(PersistentVolume, claimOfVolume), watching(StorageClass, claimsOfClass), watching(VolumeSnapshot, claimsOfSnapshot)],
    reads: [Node, VolumeSnapshotContent],
    writes: [PersistentVolume],
    async reconcile(_key, claim, context) {
      if (claim === undefined) return;
      const users = usersOf(claim, context.caches);
      if (claim.metadata.deletionTimestamp !== undefined) return letGo(claim, users, context);
      if (claim.spec?.volumeName) return noteBound(claim, context);
      if (isComplete(claim)) return lose(claim, 'ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!', context);
      await findVolume(claim, users, place(context), context);
    },
  };
}

async function findVolume(claim: PersistentVolumeClaim, users: readonly Pod[], where: Place, context: ReconcileContext): Promise<void> {
  const { caches, client, events } = context;
  const storageClass = caches.of(StorageClass).get(claim.spec?.storageClassName ?? '');
  const nodeName = firstNode(claim, users) ?? where.nodeName;
  const node = caches.of(Node).get(nodeName) ?? { metadata: { name: nodeName } };
  const step = claimStep({ claim, volumes: caches.of(PersistentVolume).list(), storageClass, users, node: { name: nodeName, labels: node.metadata.labels ?? {} } });
  // A claim from before there was a default gets it now (upstream: pv_controller.go, assignDefaultStorageClass).
  if (step.do === 'wait' && claim.spec?.storageClassName === undefined && (await takeDefaultClass(claim, context))) return;
  if (step.do === 'wait') {
    events.event(claim, step.type, step.reason, step.message);
    if (step.reason === 'ExternalProvisioning') await askProvisioner(claim, storageClass!, firstNode(claim, users), context);
    return;
  }
  if (step.do === 'bind') return bind(claim, step.volume, context);
  const volume = volumeFor(claim, storageClass!, { folder: where.folder, node, leastBytes: leastBytesOf(claim, storageClass!) });
  if (await askProvisioner(claim, storageClass!, firstNode(claim, users), context)) return; // comes again, as it was written
  try {
    const { unlimited } = await makeVolume(volume, storageClass!, await sourceOf(claim, where.snapshots, caches));
    if (unlimited !== undefined) events.event(claim, 'Warning', 'SizeNotEnforced', `nothing keeps the volume ${volume.metadata.name} from growing beyond its size: ${unlimited}`);
  } catch (error) {
    events.event(claim, 'Warning', 'ProvisioningFailed', (error as Error).message);
    throw error;
  }
  try {
    const made = await client.create(PersistentVolume, volume);
    events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${made.metadata.name}`);
    await bind(claim, made, context);
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
    await bind(claim, await client.get(PersistentVolume, volume.metadata.name ?? ''), context);
  }
}

async function takeDefaultClass({ metadata }: PersistentVolumeClaim, { caches, client }: ReconcileContext): Promise<boolean> {
  const storageClassName = defaultClassOf(caches.of(StorageClass).list());
  if (storageClassName === undefined) return false;
  const body = { metadata: { uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' }, spec: { storageClassName } };
  await client.patch(PersistentVolumeClaim, metadata.name ?? '', { type: 'merge', body }, { namespace: metadata.namespace });
  return true;
}

/** What a provisioner looks at, and what copies the claim: that it is for it, and for which node. Gives whether that was not said before. */
async function askProvisioner(claim: PersistentVolumeClaim, { provisioner, volumeBindingMode }: StorageClass, nodeName: string | undefined, { client }: ReconcileContext): Promise<boolean> {
  const said = claim.metadata.annotations ?? {};
  const wanted: Record<string, string> = { [STORAGE_PROVISIONER]: provisioner, [`${STORAGE_PROVISIONER.replace('volume.', 'volume.beta.')}`]: provisioner };
  if (volumeBindingMode === 'WaitForFirstConsumer' && nodeName !== undefined) wanted[SELECTED_NODE] = nodeName;
  if (Object.entries(wanted).every(([key, value]) => said[key] === value)) return false;
  await client.patch(PersistentVolumeClaim, claim.metadata.name ?? '', { type: 'merge', body: { metadata: { annotations: wanted } } }, { namespace: claim.metadata.namespace });
  return true;
}

/** First the volume names the claim, so that no other can have it, then the claim the volume. */
async function bind(claim: PersistentVolumeClaim, volume: PersistentVolume, { client }: ReconcileContext): Promise<void> {
  const { name, namespace, uid } = claim.metadata;
  const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid };
  const found = { [BOUND_BY_CONTROLLER]: 'yes' };
  const { annotations: said } = volume.metadata;
  if (volume.spec?.claimRef?.uid !== uid) await client.update(PersistentVolume, { ...volume, metadata: { ...volume.metadata, ...(volume.spec?.claimRef === undefined ? { annotations: { ...said, ...found } } : {}) }, spec: { ...volume.spec, claimRef } });
  const annotations = { ...claim.metadata.annotations, [BIND_COMPLETED]: 'yes', ...(claim.spec?.volumeName ? {} : found) };
  const bound = await client.update(PersistentVolumeClaim, { ...claim, metadata: { ...claim.metadata, annotations }, spec: { ...claim.spec, volumeName: volume.metadata.name } });
  await writeStatus(bound, boundStatus(bound, volume), client);
}

/** The claim names a volume: bound when that is there and names the claim, or nobody and is what the claim asks for; lost when it is gone. */
async function noteBound(claim: PersistentVolumeClaim, context: ReconcileContext): Promise<void> {
  const { caches, client, clock, events } = context;
  const name = claim.spec?.volumeName ?? '';
  const volume = caches.of(PersistentVolume).get(name) ?? (await ifThere(client.get(PersistentVolume, name)));
  if (volume === undefined) return isComplete(claim) ? lose(claim, 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!', context) : undefined; // it may still come
  const { claimRef } = volume.spec ?? {};
  const why = claimRef === undefined && !isComplete(claim) ? misfit(claim, volume) : undefined;
  if (why !== undefined) return void events.event(claim, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume ${JSON.stringify(name)}: ${why}`);
  if (claimRef === undefined || (claimRef.uid === undefined && isKeptFor(claim, volume))) return bind(claim, volume, context);
  if (claimRef.uid !== claim.metadata.uid) return isComplete(claim) ? lose(claim, 'ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly', context) : void events.event(claim, 'Warning', 'FailedBinding', `volume ${JSON.stringify(name)} already bound to a different claim.`);
  const storageClass = caches.of(StorageClass).get(claim.spec?.storageClassName ?? '');
  if (storageClass?.provisioner === PROVISIONER && claim.status?.phase === 'Bound' && (await growClaim(claim, volume, { client, clock, events, inUse: usersOf(claim, caches).length > 0 }))) return;
  if (claim.status?.phase !== 'Bound') await writeStatus(claim, boundStatus(claim, volume), client);
}

function isComplete({ metadata }: PersistentVolumeClaim): boolean {
  return metadata.annotations?.[BIND_COMPLETED] === 'yes';
}

/** What the claim had of its volume is gone with it. */
async function lose(claim: PersistentVolumeClaim, reason: string, message: string, { client, events }: ReconcileContext): Promise<void> {
  if (claim.status?.phase !== 'Lost') events.event(claim, 'Warning', reason, message);
  const { accessModes: _modes, capacity: _capacity, ...status } = claim.status ?? {};
  await writeStatus(claim, { ...status, phase: 'Lost' }, client);
}

function boundStatus({ status }: PersistentVolumeClaim, { spec }: PersistentVolume): PersistentVolumeClaimStatus {
  return { ...status, phase: 'Bound', accessModes: spec?.accessModes, capacity: spec?.capacity };
}

async function writeStatus(claim: PersistentVolumeClaim, status: PersistentVolumeClaimStatus, client: ReconcileContext['client']): Promise<void> {
  if (isDeepStrictEqual(status, claim.status)) return;
  await ifThere(client.update(PersistentVolumeClaim, { ...claim, status }, { subresource: 'status' }));
}

/** A deleted claim goes when no pod uses it any more. */
async function letGo(claim: PersistentVolumeClaim, users: readonly Pod[], { client }: ReconcileContext): Promise<void> {
  const { name = '', namespace, uid, finalizers = [] } = claim.metadata;
  if (users.length > 0 || !finalizers.includes(PROTECTION)) return;
  await ifThere(client.patch(PersistentVolumeClaim, name, { type: 'strategic', body: { metadata: { uid: uid ?? '', '$deleteFromPrimitiveList/finalizers': [PROTECTION] } } }, { namespace }));
}

const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
const USERS = 'claims';

function usersOf(claim: PersistentVolumeClaim, caches: Caches): Pod[] {
  const pods = caches.of(Pod);
  pods.addIndex(USERS, (pod) => claimNames(pod).map((name) => `${pod.metadata.namespace}/${name}`));
  return pods.byIndex(USERS, keyOf(claim)).filter((pod) => !isPodTerminal(pod));
}

function claimsOfPod(pod: Pod): string[] {
  return claimNames(pod).map((name) => `${pod.metadata.namespace}/${name}`);
}

/** The claim that the volume is for, or all that wait, for any or for this one, when it is free. */
function claimOfVolume({ spec, metadata }: PersistentVolume, caches: Caches): string[] {
  if (spec?.claimRef !== undefined) return [`${spec.claimRef.namespace}/${spec.claimRef.name}`];
  return caches.of(PersistentVolumeClaim).list().filter((each) => !each.spec?.volumeName || each.spec.volumeName === metadata.name).map(keyOf);
}

/** Those that wait to be filled from it. */
function claimsOfSnapshot({ metadata }: VolumeSnapshot, caches: Caches): string[] {
  return caches.of(PersistentVolumeClaim).list(metadata.namespace).filter(({ spec }) => !spec?.volumeName && (spec?.dataSourceRef ?? spec?.dataSource)?.name === metadata.name).map(keyOf);
}

/** The claims of the class, and those of none, for which it may be the default. */
function claimsOfClass({ metadata }: StorageClass, caches: Caches): string[] {
  return caches.of(PersistentVolumeClaim).list().filter(({ spec }) => !spec?.volumeName && (spec?.storageClassName ?? metadata.name) === metadata.name).map(keyOf);
}
