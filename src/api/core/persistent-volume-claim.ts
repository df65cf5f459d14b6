/** PersistentVolumeClaim (core/v1). */
import type { PersistentVolumeClaim as PersistentVolumeClaimType, PersistentVolumeClaimSpec } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { validateLabelSelector } from '../metadata-validation.ts';
import { dns1123SubdomainErrors } from '../names.ts';
import { quantityValue } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';

export type PersistentVolumeClaim = PersistentVolumeClaimType;

export const PersistentVolumeClaim: Kind<PersistentVolumeClaim> = defineKind<PersistentVolumeClaim>({
  group: '', version: 'v1', kind: 'PersistentVolumeClaim', plural: 'persistentvolumeclaims', namespaced: true,
  shortNames: ['pvc'],
  schema: () => schemaOf('', 'v1', 'PersistentVolumeClaim'),
  rules: {
    generation: false,
    defaults(claim) {
      (claim.status ??= {}).phase ??= 'Pending';
      if (claim.spec !== undefined) defaultClaimSpec(claim.spec);
    },
    prepareForCreate(claim) {
      claim.status = { phase: 'Pending' };
    },
    validate: claimErrors,
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Status', (claim) => (claim.metadata.deletionTimestamp === undefined ? (claim.status?.phase ?? '') : 'Terminating')),
    column('Volume', ({ spec }) => spec?.volumeName ?? ''),
    column('Capacity', ({ spec, status }) => (spec?.volumeName ? String(status?.capacity?.['storage'] ?? '') : '')),
    column('Access Modes', ({ spec, status }) => (spec?.volumeName ? showAccessModes(status?.accessModes) : '')),
    column('StorageClass', (claim) => claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? claim.spec?.storageClassName ?? ''),
    column('VolumeAttributesClass', ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>'),
    AGE,
    column('VolumeMode', ({ spec }) => spec?.volumeMode ?? '<unset>', { wide: true }),
  ],
});

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const SHORT_MODES: Readonly<Record<string, string>> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' };

/** `RWO,RWX` */
export function showAccessModes(modes: readonly string[] | undefined): string {
  return Object.keys(SHORT_MODES).filter((each) => modes?.includes(each)).map((each) => SHORT_MODES[each]).join(',');
}

export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
}

function claimErrors({ spec }: PersistentVolumeClaim, old: PersistentVolumeClaim | undefined): FieldError[] {
  if (spec === undefined) return [required('spec.accessModes', 'at least 1 access mode is required')];
  const errors = claimSpecErrors(spec, 'spec');
  if (old?.spec !== undefined && !equalJson(mutable(spec, old), old.spec)) {
    errors.push(forbidden('spec', 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'));
  }
  const [now, before] = [spec.resources?.requests?.['storage'], old?.spec?.resources?.requests?.['storage']];
  if (now !== undefined && before !== undefined && quantityValue(now) < quantityValue(before)) errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  return errors;
}

/** The new spec as it would be without what may change: the binding, once; the size of a bound claim; a class that was not named. */
function mutable(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaim): PersistentVolumeClaimSpec {
  const before = old.spec!;
  const copy = { ...spec };
  if (!before.volumeName) copy.volumeName = before.volumeName;
  if (old.status?.phase === 'Bound') {
    copy.resources = before.resources;
    copy.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (before.storageClassName === undefined) delete copy.storageClassName;
  return copy;
}

/** A claim of its own or of a template. */
export function claimSpecErrors(spec: PersistentVolumeClaimSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) errors.push(required(`${path}.accessModes`, 'at least 1 access mode is required'));
  modes.forEach((mode, index) => { if (!ACCESS_MODES.includes(mode)) errors.push(notSupported(`${path}.accessModes[${index}]`, mode, ACCESS_MODES)); });
  if (modes.includes('ReadWriteOncePod') && modes.length > 1) errors.push(forbidden(`${path}.accessModes`, 'may not use ReadWriteOncePod with other access modes'));
  if (spec.selector !== undefined) errors.push(...validateLabelSelector(spec.selector, `${path}.selector`));
  const storage = spec.resources?.requests?.['storage'];
  if (storage === undefined) errors.push(required(`${path}.resources[storage]`));
  else if (quantityValue(storage) <= 0) errors.push(invalid(`${path}.resources[storage]`, storage, 'must be greater than zero'));
  if (spec.storageClassName) errors.push(...dns1123SubdomainErrors(spec.storageClassName).map((each) => invalid(`${path}.storageClassName`, spec.storageClassName, each)));
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem' && spec.volumeMode !== 'Block') errors.push(notSupported(`${path}.volumeMode`, spec.volumeMode, ['Block', 'Filesystem']));
  return errors;
}
