/** StorageClass (storage.k8s.io/v1). */
import type { StorageClass as StorageClassType } from '../generated/storage-v1.ts';
import { AGE, column } from '../columns.ts';
import { forbidden, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export type StorageClass = StorageClassType;

export const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';

export const StorageClass: Kind<StorageClass> = defineKind<StorageClass>({
  group: 'storage.k8s.io', version: 'v1', kind: 'StorageClass', plural: 'storageclasses', namespaced: false, shortNames: ['sc'],
  schema: () => schemaOf('storage.k8s.io', 'v1', 'StorageClass'),
  rules: {
    generation: false,
    defaults(storageClass) {
      storageClass.reclaimPolicy ??= 'Delete';
      storageClass.volumeBindingMode ??= 'Immediate';
    },
    validate: classErrors,
  },
  columns: [
    column('Name', (storageClass) => `${storageClass.metadata.name}${isDefaultClass(storageClass) ? ' (default)' : ''}`, { format: 'name' }),
    column('Provisioner', ({ provisioner }) => provisioner ?? ''),
    column('ReclaimPolicy', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
    column('VolumeBindingMode', ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate'),
    column('AllowVolumeExpansion', ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
    AGE,
  ],
});

export function isDefaultClass({ metadata }: StorageClass): boolean {
  return metadata.annotations?.[IS_DEFAULT] === 'true';
}

function classErrors(storageClass: StorageClass, old: StorageClass | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const { provisioner, reclaimPolicy, volumeBindingMode } = storageClass;
  if (!provisioner) errors.push(required('provisioner'));
  if (reclaimPolicy !== 'Delete' && reclaimPolicy !== 'Retain') errors.push(notSupported('reclaimPolicy', reclaimPolicy ?? '', ['Delete', 'Retain']));
  if (volumeBindingMode !== 'Immediate' && volumeBindingMode !== 'WaitForFirstConsumer') errors.push(notSupported('volumeBindingMode', volumeBindingMode ?? '', ['Immediate', 'WaitForFirstConsumer']));
  if (old === undefined) return errors;
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const) {
    if (!equalJson(storageClass[field], old[field])) errors.push(forbidden(field, `updates to ${field} are forbidden.`));
  }
  return errors;
}
