/** What a new claim gets: the default class when it names none, and the protection from being deleted under its pods. */
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { isDefaultClass, StorageClass } from '../../api/storage/storage-class.ts';
import { VolumeAttributesClass } from '../../api/storage/volume-attributes-class.ts';
import type { Admission } from '../../sdk/module.ts';
import { ATTRIBUTES_PROTECTION, PROTECTION, VOLUME_PROTECTION } from './plan.ts';

/** The name of the default class; of several the newest counts. */
export function defaultClassOf(classes: readonly StorageClass[]): string | undefined {
  const [newest] = classes.filter(isDefaultClass).sort((left, right) => ((left.metadata.creationTimestamp ?? '') > (right.metadata.creationTimestamp ?? '') ? -1 : 1));
  return newest?.metadata.name;
}

export const claimDefaults: Admission = {
  name: 'storage-defaults', kinds: [PersistentVolumeClaim], operations: ['CREATE'],
  async admit({ object }, { caches }) {
    const claim = object as PersistentVolumeClaim;
    const finalizers = claim.metadata.finalizers ?? [];
    if (!finalizers.includes(PROTECTION)) claim.metadata.finalizers = [...finalizers, PROTECTION];
    if (claim.spec === undefined || claim.spec.storageClassName !== undefined) return;
    const classes = caches.of(StorageClass);
    await classes.ready();
    const name = defaultClassOf(classes.list());
    if (name !== undefined) claim.spec.storageClassName = name;
  },
};

export const volumeProtection: Admission = { name: 'storage-protection', kinds: [PersistentVolume], operations: ['CREATE'], admit: ({ object }) => protect(object as PersistentVolume, VOLUME_PROTECTION) };
export const attributesProtection: Admission = { name: 'attributes-protection', kinds: [VolumeAttributesClass], operations: ['CREATE'], admit: ({ object }) => protect(object as VolumeAttributesClass, ATTRIBUTES_PROTECTION) };

function protect({ metadata }: PersistentVolume | VolumeAttributesClass, finalizer: string): void {
  if (metadata.finalizers?.includes(finalizer) !== true) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
}
