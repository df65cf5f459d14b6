/** Storage as the scheduler sees it: read from the caches once a pod with claims comes by, written when a node was chosen for one. */
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { isBound, SELECTED_NODE } from '../../api/storage/claim-matching.ts';
import { CSIDriver, CSINode, CSIStorageCapacity } from '../../api/storage/csi.ts';
import { StorageClass } from '../../api/storage/storage-class.ts';
import { VolumeAttachment } from '../../api/storage/volume-attachment.ts';
import type { Kind } from '../../api/kind.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import type { ClaimOf } from './framework/cluster-event.ts';
import type { Choice, StorageView } from './plugins/volumes.ts';

/** As upstream's bindTimeoutSeconds. */
const BIND_TIMEOUT_MS = 600_000;

export interface Storage extends StorageView {
  /** Told of every change, from the first look on. */
  changed: (about?: { claim?: ClaimOf }) => void;
}

export function openStorage({ caches, client, kinds, signal }: ModuleContext): Storage {
  let state: 'closed' | 'opening' | 'open' = 'closed';
  let changed: Storage['changed'] = () => {};
  const waiting = new Set<() => void>();

  async function open(): Promise<void> {
    state = 'opening';
    const attached = ([CSINode, VolumeAttachment, CSIDriver, CSIStorageCapacity] as Kind[]).filter(isServed);
    await Promise.all([PersistentVolumeClaim as Kind, PersistentVolume as Kind, StorageClass as Kind, ...attached].map((kind) => caches.of(kind).ready()));
    if (signal.aborted) return;
    state = 'open';
    const tell = (about: { claim?: ClaimOf } = {}): void => {
      for (const each of waiting) each();
      changed(about);
    };
    const stops = [
      caches.of(PersistentVolumeClaim).subscribe(({ object: { metadata } }) => tell({ claim: { namespace: metadata.namespace ?? '', name: metadata.name ?? '' } })),
      ...[PersistentVolume as Kind, StorageClass as Kind, ...attached].map((kind) => caches.of(kind).subscribe(() => tell())),
    ];
    signal.addEventListener('abort', () => stops.forEach((stop) => stop()), { once: true });
    tell();
  }

  const storage: Storage = {
    get changed() { return changed; },
    set changed(callback) { changed = callback; },
    ready() {
      if (state === 'closed') void open().catch(() => { state = 'closed'; });
      return state === 'open';
    },
    claim: (namespace, name) => caches.of(PersistentVolumeClaim).get(`${namespace}/${name}`),
    volume: (name) => caches.of(PersistentVolume).get(name),
    volumes: () => caches.of(PersistentVolume).list(),
    storageClass: (name) => caches.of(StorageClass).get(name),
    driversOn: (nodeName) => (isServed(CSINode) ? (caches.of(CSINode).get(nodeName)?.spec?.drivers ?? []) : []),
    attachments: () => (isServed(VolumeAttachment) ? caches.of(VolumeAttachment).list() : []),
    roomOf: (driver) => (isServed(CSIDriver) && isServed(CSIStorageCapacity) && caches.of(CSIDriver).get(driver)?.spec?.storageCapacity === true ? caches.of(CSIStorageCapacity).list() : undefined),
    async bind(choices, { signal: ending, timeoutMs = BIND_TIMEOUT_MS }) {
      for (const choice of choices) await tellChoice(choice);
      await allBound(choices, ending, timeoutMs);
    },
  };
  return storage;

  function isServed({ group, kind }: Kind): boolean {
    return kinds.find(group, kind) !== undefined;
  }

  async function tellChoice({ claim, nodeName, volume }: Choice): Promise<void> {
    const { name = '', namespace, uid } = claim.metadata;
    if (volume === undefined) return void (await client.patch(PersistentVolumeClaim, name, { type: 'merge', body: { metadata: { annotations: { [SELECTED_NODE]: nodeName } } } }, { namespace }));
    if (volume.spec?.claimRef?.uid === uid) return;
    const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid };
    await client.update(PersistentVolume, { ...volume, spec: { ...volume.spec, claimRef } });
  }

  function allBound(choices: readonly Choice[], ending: AbortSignal, timeoutMs: number): Promise<void> {
    const left = (): Choice[] => choices.filter(({ claim }) => {
      const now = storage.claim(claim.metadata.namespace ?? '', claim.metadata.name ?? '');
      return now === undefined || !isBound(now);
    });
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => {
        waiting.delete(look);
        clearTimeout(timer);
        ending.removeEventListener('abort', abort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        const unbound = left();
        if (unbound.length === 0) return end();
        const gone = unbound.find(({ claim }) => storage.claim(claim.metadata.namespace ?? '', claim.metadata.name ?? '')?.metadata.uid !== claim.metadata.uid);
        if (gone !== undefined) end(new Error(`persistentvolumeclaim "${gone.claim.metadata.name}" is gone`));
      };
      const abort = (): void => end(new Error('the scheduler stops'));
      const timer = setTimeout(() => end(new Error(`binding volumes: no volume within ${timeoutMs / 1_000} s for ${left().map(({ claim }) => claim.metadata.name).join(', ')}`)), timeoutMs);
      timer.unref();
      waiting.add(look);
      ending.addEventListener('abort', abort, { once: true });
      look();
    });
  }
}
