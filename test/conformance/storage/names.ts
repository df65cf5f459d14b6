/** The behaviours of sig-storage that upstream names in conformance.yaml. */
import { combine, NODE, SOME_LINUX } from './marks.ts';

/** What a volume of files can do, however it is made. */
const OF_MAPS = ['consumable from pods in volume', 'consumable from pods in volume as non-root', 'consumable from pods in volume with mappings', 'consumable from pods in volume with mappings as non-root', 'consumable in multiple volumes in the same pod'];
const OF_SECRETS = ['consumable from pods in volume', 'consumable from pods in volume with mappings', 'consumable in multiple volumes in a pod'];
const OF_DOWNWARD = [
  "should provide container's cpu limit", "should provide container's cpu request", "should provide container's memory limit", "should provide container's memory request",
  'should provide node allocatable (cpu) as default cpu limit if the limit is not set', 'should provide node allocatable (memory) as default memory limit if the limit is not set',
  'should provide podname only', 'should update annotations on modification', 'should update labels on modification',
];

export const STORAGE_BEHAVIOURS: readonly string[] = [
  'CSIInlineVolumes should run through the lifecycle of a CSIDriver', 'CSIInlineVolumes should support CSIVolumeSource in Pod API',
  'CSINodes CSI Conformance should run through the lifecycle of a csinode', 'CSIStorageCapacity should support CSIStorageCapacities API operations',
  `ConfigMap binary data should be reflected in volume${NODE}`,
  ...combine(['ConfigMap', 'Projected configMap'], [...OF_MAPS.map((each) => `should be ${each}${NODE}`), `optional updates should be reflected in volume${NODE}`, `updates should be reflected in volume${NODE}`,
    `should be consumable from pods in volume with defaultMode set${SOME_LINUX}`, `should be consumable from pods in volume with mappings and Item mode set${SOME_LINUX}`]),
  'ConfigMap should be immutable if `immutable` field is set',
  ...combine(['Downward API volume', 'Projected downwardAPI'], [...OF_DOWNWARD.map((each) => `${each}${NODE}`), `should set DefaultMode on files${SOME_LINUX}`, `should set mode on item file${SOME_LINUX}`]),
  'EmptyDir volumes pod should support shared volumes between containers',
  ...['non-root', 'root'].flatMap((user) => ['0644', '0666', '0777'].flatMap((mode) => ['default', 'tmpfs'].map((medium) => `EmptyDir volumes should support (${user},${mode},${medium})${SOME_LINUX}`))),
  `EmptyDir volumes volume on default medium should have the correct mode${SOME_LINUX}`, `EmptyDir volumes volume on tmpfs should have the correct mode${SOME_LINUX}`,
  'EmptyDir wrapper volumes should not cause race condition when used for configmaps [Serial]', 'EmptyDir wrapper volumes should not conflict',
  'PersistentVolumes CSI Conformance should apply changes to a pv/pvc status', 'PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC',
  `Projected combined should project all components that make up the projection API [Projection]${NODE}`,
  ...combine(['Secrets', 'Projected secret'], [...OF_SECRETS.map((each) => `should be ${each}${NODE}`), `optional updates should be reflected in volume${NODE}`,
    `should be consumable from pods in volume as non-root with defaultMode and fsGroup set${SOME_LINUX}`, `should be consumable from pods in volume with defaultMode set${SOME_LINUX}`,
    `should be consumable from pods in volume with mappings and Item Mode set${SOME_LINUX}`]),
  `Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace${NODE}`, 'Secrets should be immutable if `immutable` field is set',
  'StorageClasses CSI Conformance should run through the lifecycle of a StorageClass',
  ...['configmap pod', 'configmap pod with mountPath of existing file', 'downward pod', 'projected pod', 'secret pod'].map((each) => `Subpath Atomic writer volumes should support subpaths with ${each}`),
  // Of later releases than the list above.
  'VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass',
  'VolumeAttachment Conformance should apply changes to a volumeattachment status', 'VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment',
];
