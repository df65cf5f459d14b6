/** Snapshots of claims whose volumes were made here, and what a new claim is filled with (upstream: snapshot-controller and csi-snapshotter). */
import { isDeepStrictEqual } from 'node:util';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { isApiError } from '../../api/errors.ts';
import { quantityValue } from '../../api/quantity.ts';
import { IS_DEFAULT_SNAPSHOT_CLASS, VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent } from '../../api/storage/volume-snapshot.ts';
import { rfc3339 } from '../../base/clock.ts';
import { leastFilesystemBytes } from '../../base/sys/volume-file.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Caches, type Client, type Controller, type ReconcileContext } from '../../sdk/index.ts';
import { copyVolume } from './copy.ts';
import { contentOf } from './make.ts';
import { PROVISIONED_BY, PROVISIONER } from './plan.ts';

const KEEPS_COPY = 'snapshot.storage.kubernetes.io/volumesnapshot-bound-protection';
/** A content does not go while a snapshot has it. */
const KEEPS_CONTENT = 'snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection';
const HANDLE = /^snapshot-[0-9a-f-]+$/;

/** `folderOf` is where copies lie: a folder each, by the handle. */
export function snapshotController(folderOf: (context: ReconcileContext) => string): Controller<VolumeSnapshot> {
  return {
    name: 'volume-snapshot',
    eventSource: 'snapshot-controller',
    for: VolumeSnapshot,
    watches: [watching(PersistentVolumeClaim, ({ metadata, status }, caches) => (status?.phase === 'Bound' ? waitingFor(metadata.namespace, metadata.name, caches) : []))],
    reads: [PersistentVolume, VolumeSnapshotClass],
    writes: [VolumeSnapshotContent],
    async reconcile(_key, snapshot, context) {
      if (snapshot === undefined) return;
      if (snapshot.metadata.deletionTimestamp !== undefined) return letGo(snapshot, folderOf(context), context);
      if (snapshot.status?.readyToUse === true) return;
      try {
        await (snapshot.spec.source.volumeSnapshotContentName === undefined ? take(snapshot, folderOf(context), context) : takeOver(snapshot, folderOf(context), context));
      } catch (error) {
        if (isApiError(error, 'Conflict')) throw error;
        const { message } = error as Error;
        context.events.event(snapshot, 'Warning', 'SnapshotCreationFailed', message);
        if (snapshot.status?.error?.message !== message) await write(snapshot, { ...snapshot.status, readyToUse: false, error: { time: rfc3339(context.clock.nowMs()), message } }, context.client);
      }
    },
  };
}

function waitingFor(namespace: string | undefined, claim: string | undefined, caches: Caches): string[] {
  return caches.of(VolumeSnapshot).list(namespace).filter(({ spec, status }) => status?.readyToUse !== true && spec.source.persistentVolumeClaimName === claim).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

async function take(snapshot: VolumeSnapshot, folder: string, { caches, client, clock, events }: ReconcileContext): Promise<void> {
  const { name, namespace, uid } = snapshot.metadata;
  const { name: className, driver, deletionPolicy } = classOf(snapshot, caches);
  if (driver !== PROVISIONER) return; // another driver's
  const claimName = snapshot.spec.source.persistentVolumeClaimName ?? '';
  const volume = volumeOfClaim(namespace, claimName, caches);
  snapshot = await keep(snapshot, client);
  const handle = `snapshot-${uid}`;
  const contentName = `snapcontent-${uid}`;
  const beganMs = clock.nowMs();
  const creationTime = BigInt(beganMs) * NANOS_PER_MS;
  const files = await contentOf(volume);
  if (!existsSync(files)) throw new Error(`the volume of the claim ${claimName} holds nothing yet: no pod has used it`);
  const restoreSize = volume.spec?.capacity?.['storage'] ?? '0';
  writeFacts(folder, handle, { restoreSize: quantityValue(restoreSize), creationTime });
  await copyVolume(files, join(folder, handle));
  const content: VolumeSnapshotContent = {
    metadata: { name: contentName, finalizers: [KEEPS_CONTENT] }, spec: {
      deletionPolicy, driver, source: { volumeHandle: volume.metadata.name }, volumeSnapshotClassName: className,
      volumeSnapshotRef: { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot', namespace, name, uid },
    },
  };
  const made = await client.create(VolumeSnapshotContent, content).catch((error: unknown) => {
    if (isApiError(error, 'AlreadyExists')) return client.get(VolumeSnapshotContent, contentName);
    throw error;
  });
  await client.update(VolumeSnapshotContent, { ...made, status: { snapshotHandle: handle, creationTime, readyToUse: true, restoreSize: quantityValue(restoreSize) } }, { subresource: 'status' });
  await write(snapshot, { boundVolumeSnapshotContentName: contentName, creationTime: rfc3339(beganMs), readyToUse: true, restoreSize: String(restoreSize) }, client);
  events.event(snapshot, 'Normal', 'SnapshotReady', `Snapshot ${namespace}/${name} is ready to use.`);
}

/** A copy that is there already, by a content made by hand or kept from an earlier snapshot. */
async function takeOver(snapshot: VolumeSnapshot, folder: string, { client }: ReconcileContext): Promise<void> {
  const contentName = snapshot.spec.source.volumeSnapshotContentName ?? '';
  const content = await client.get(VolumeSnapshotContent, contentName);
  if (content.spec.driver !== PROVISIONER) return;
  const handle = content.spec.source.snapshotHandle ?? content.status?.snapshotHandle ?? '';
  const { namespace, name } = content.spec.volumeSnapshotRef;
  if (namespace !== snapshot.metadata.namespace || name !== snapshot.metadata.name) throw new Error(`the content ${contentName} is for the snapshot ${namespace}/${name}`);
  if (!HANDLE.test(handle) || !existsSync(join(folder, handle))) throw new Error(`there is no copy '${handle}' for the content ${contentName}`);
  snapshot = await keep(snapshot, client);
  const finalizers = [...new Set([...(content.metadata.finalizers ?? []), KEEPS_CONTENT])];
  const bound = await client.update(VolumeSnapshotContent, { ...content, metadata: { ...content.metadata, finalizers }, spec: { ...content.spec, volumeSnapshotRef: { ...content.spec.volumeSnapshotRef, uid: snapshot.metadata.uid } } });
  const { restoreSize, creationTime } = { ...factsOf(folder, handle), ...bound.status };
  await client.update(VolumeSnapshotContent, { ...bound, status: { ...bound.status, snapshotHandle: handle, readyToUse: true, ...(restoreSize === undefined ? {} : { restoreSize }), ...(creationTime === undefined ? {} : { creationTime }) } }, { subresource: 'status' });
  await write(snapshot, { boundVolumeSnapshotContentName: contentName, readyToUse: true, ...(creationTime === undefined ? {} : { creationTime: rfc3339(Number(BigInt(creationTime) / NANOS_PER_MS)) }), ...(restoreSize === undefined ? {} : { restoreSize: String(restoreSize) }) }, client);
}

/** What is known of a copy as long as it is there, whatever objects tell of it: a driver is asked for it when a content is made by hand (CSI ListSnapshots). */
interface Facts {
  /** Bytes. */
  restoreSize: number;
  /** Nanoseconds since the epoch, as in a content's status. */
  creationTime: bigint;
}

const NANOS_PER_MS = 1_000_000n;

const factsFileOf = (folder: string, handle: string): string => join(folder, `${handle}.json`);

function writeFacts(folder: string, handle: string, facts: Facts): void {
  mkdirSync(folder, { recursive: true, mode: 0o777 });
  writeFileSync(factsFileOf(folder, handle), JSON.stringify({ ...facts, creationTime: String(facts.creationTime) }), { mode: 0o600 });
}

/** Of an older copy the size of its file is known, where it has one. */
function factsOf(folder: string, handle: string): Partial<Facts> {
  try {
    const facts = JSON.parse(readFileSync(factsFileOf(folder, handle), 'utf8')) as { restoreSize: number; creationTime: string | number };
    return { ...facts, creationTime: BigInt(facts.creationTime) };
  } catch {
    const copy = statSync(join(folder, handle), { throwIfNoEntry: false });
    return copy?.isFile() === true ? { restoreSize: copy.size } : {};
  }
}

interface ClassChoice { name: string; driver: string; deletionPolicy: VolumeSnapshotClass['deletionPolicy'] }

function classOf({ spec }: VolumeSnapshot, caches: Caches): ClassChoice {
  const classes = caches.of(VolumeSnapshotClass);
  const named = spec.volumeSnapshotClassName;
  const found = named === undefined ? classes.list().find(({ metadata, driver }) => driver === PROVISIONER && metadata.annotations?.[IS_DEFAULT_SNAPSHOT_CLASS] === 'true') : classes.get(named);
  if (found === undefined) throw new Error(named === undefined ? 'there is no default VolumeSnapshotClass; name one in spec.volumeSnapshotClassName' : `volumesnapshotclass.snapshot.storage.k8s.io "${named}" not found`);
  return { name: found.metadata.name ?? '', driver: found.driver, deletionPolicy: found.deletionPolicy };
}

function volumeOfClaim(namespace: string | undefined, name: string, caches: Caches): PersistentVolume {
  const claim = caches.of(PersistentVolumeClaim).get(`${namespace}/${name}`);
  if (claim === undefined) throw new Error(`persistentvolumeclaim "${name}" not found`);
  const volume = claim.status?.phase === 'Bound' ? caches.of(PersistentVolume).get(claim.spec?.volumeName ?? '') : undefined;
  if (volume === undefined) throw new Error(`the PVC ${name} is not yet bound to a PV`);
  if (volume.metadata.annotations?.[PROVISIONED_BY] !== PROVISIONER) throw new Error(`the volume ${volume.metadata.name} was not made by ${PROVISIONER}, and cannot be copied by it`);
  return volume;
}

async function keep(snapshot: VolumeSnapshot, client: Client): Promise<VolumeSnapshot> {
  const { finalizers = [] } = snapshot.metadata;
  return finalizers.includes(KEEPS_COPY) ? snapshot : client.update(VolumeSnapshot, { ...snapshot, metadata: { ...snapshot.metadata, finalizers: [...finalizers, KEEPS_COPY] } });
}

async function letGo(snapshot: VolumeSnapshot, folder: string, { client }: ReconcileContext): Promise<void> {
  const { finalizers = [], uid } = snapshot.metadata;
  if (!finalizers.includes(KEEPS_COPY)) return;
  const contentName = snapshot.status?.boundVolumeSnapshotContentName ?? snapshot.spec.source.volumeSnapshotContentName ?? `snapcontent-${uid}`;
  const content = await ifThere(client.get(VolumeSnapshotContent, contentName));
  // One that was never bound to this very snapshot is left alone, also when it was meant to be.
  const isOurs = content === undefined ? snapshot.spec.source.volumeSnapshotContentName === undefined : content.spec.volumeSnapshotRef.uid === uid;
  if (isOurs && content?.spec.deletionPolicy !== 'Retain') {
    const handle = content?.status?.snapshotHandle ?? content?.spec.source.snapshotHandle ?? `snapshot-${uid}`;
    if (HANDLE.test(handle)) for (const each of [join(folder, handle), factsFileOf(folder, handle)]) rmSync(each, { recursive: true, force: true });
    if (content !== undefined) await ifThere(client.delete(VolumeSnapshotContent, contentName));
  }
  if (isOurs) await releaseContent(contentName, client);
  await ifThere(client.update(VolumeSnapshot, { ...snapshot, metadata: { ...snapshot.metadata, finalizers: finalizers.filter((each) => each !== KEEPS_COPY) } }));
}

async function releaseContent(name: string, client: Client): Promise<void> {
  const content = await ifThere(client.get(VolumeSnapshotContent, name));
  if (!content?.metadata.finalizers?.includes(KEEPS_CONTENT)) return;
  await ifThere(client.update(VolumeSnapshotContent, { ...content, metadata: { ...content.metadata, finalizers: content.metadata.finalizers.filter((each) => each !== KEEPS_CONTENT) } }));
}

async function write(snapshot: VolumeSnapshot, status: VolumeSnapshot['status'], client: Client): Promise<void> {
  if (!isDeepStrictEqual(status, snapshot.status)) await client.update(VolumeSnapshot, { ...snapshot, status }, { subresource: 'status' });
}

/** The folder whose files a new claim begins with, by its dataSource, or the file of a block volume; undefined for an empty one. Rejects with what is missing: it may come. */
export async function sourceOf(claim: PersistentVolumeClaim, folder: string, caches: Caches): Promise<string | undefined> {
  const source = claim.spec?.dataSourceRef ?? claim.spec?.dataSource;
  if (source === undefined) return undefined;
  const { namespace } = claim.metadata;
  const elsewhere = (source as { namespace?: string }).namespace;
  if (elsewhere !== undefined && elsewhere !== namespace) throw new Error('a dataSourceRef to another namespace is not served');
  if (source.kind === 'PersistentVolumeClaim' && !source.apiGroup) {
    const volume = volumeOfClaim(namespace, source.name, caches);
    refuseSmaller(claim, volume.spec?.capacity?.['storage'], `claim "${source.name}"`);
    return contentOf(volume);
  }
  if (source.kind !== 'VolumeSnapshot' || source.apiGroup !== VolumeSnapshot.group) throw new Error(`a claim cannot be filled from ${source.kind}: use a VolumeSnapshot or a PersistentVolumeClaim`);
  const snapshot = caches.of(VolumeSnapshot).get(`${namespace}/${source.name}`);
  if (snapshot === undefined) throw new Error(`volumesnapshot "${source.name}" not found`);
  if (snapshot.status?.readyToUse !== true) throw new Error(`volumesnapshot "${source.name}" is not ready to use`);
  refuseSmaller(claim, snapshot.status.restoreSize, `snapshot "${source.name}"`);
  const handle = caches.of(VolumeSnapshotContent).get(snapshot.status.boundVolumeSnapshotContentName ?? '')?.status?.snapshotHandle;
  if (handle === undefined) throw new Error(`volumesnapshot "${source.name}" has no content`);
  return join(folder, handle);
}

function refuseSmaller({ spec }: PersistentVolumeClaim, neededStorage: string | number | undefined, source: string): void {
  const least = spec?.volumeMode === 'Block' ? 0 : leastFilesystemBytes(); // it has that whatever it asks for
  if (Math.max(least, quantityValue(spec?.resources?.requests?.['storage'] ?? '0')) < quantityValue(neededStorage ?? '0')) throw new Error(`the claim asks for less than the ${source} needs: ${neededStorage}`);
}
