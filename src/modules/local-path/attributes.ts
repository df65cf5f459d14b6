/** Attributes that a claim or a volume uses stay until nobody does (upstream: volumeattributesclass-protection-controller). */
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { VolumeAttributesClass } from '../../api/storage/volume-attributes-class.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Caches, type Controller } from '../../sdk/index.ts';
import { ATTRIBUTES_PROTECTION } from './plan.ts';

export const attributesInUse: Controller<VolumeAttributesClass> = {
  name: 'attributes-in-use',
  eventSource: 'volumeattributesclass-protection-controller',
  for: VolumeAttributesClass,
  // What a claim used before is told by nobody, so that all that wait for their end are looked at: they are few.
  watches: [watching(PersistentVolumeClaim, leaving), watching(PersistentVolume, leaving)],
  async reconcile(name, attributes, { caches, client }) {
    if (attributes?.metadata.deletionTimestamp === undefined || attributes.metadata.finalizers?.includes(ATTRIBUTES_PROTECTION) !== true) return;
    if (caches.of(PersistentVolumeClaim).list().some((claim) => usedBy(claim).includes(name)) || caches.of(PersistentVolume).list().some(({ spec }) => spec?.volumeAttributesClassName === name)) return;
    await ifThere(client.patch(VolumeAttributesClass, name, { type: 'strategic', body: { metadata: { uid: attributes.metadata.uid ?? '', '$deleteFromPrimitiveList/finalizers': [ATTRIBUTES_PROTECTION] } } }));
  },
};

function leaving(_used: PersistentVolume | PersistentVolumeClaim, caches: Caches): string[] {
  return caches.of(VolumeAttributesClass).list().filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(({ metadata }) => metadata.name ?? '');
}

function usedBy({ spec, status }: PersistentVolumeClaim): (string | undefined)[] {
  return [spec?.volumeAttributesClassName, status?.currentVolumeAttributesClassName, status?.modifyVolumeStatus?.targetVolumeAttributesClassName];
}
