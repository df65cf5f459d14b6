/** PersistentVolumeClaim (core/v1). */
import type { PersistentVolumeClaim as PersistentVolumeClaimType, PersistentVolumeClaimSpec } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { validateLabelSelector } from '../metadata-validation.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../names.ts';
import { quantityValue } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';
import { fractionWarnings } from './pod-warnings.ts';

export type PersistentVolumeClaim = PersistentVolumeClaimType;

const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class';

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
    warnings: ({ metadata, spec }) => [...(metadata.annotations?.[OLD_CLASS] === undefined ? [] : [`metadata.annotations[${OLD_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead`]), ...fractionWarnings(spec?.resources, 'spec.resources', ['storage'])],
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Status', (claim) => (claim.metadata.deletionTimestamp === undefined ? (claim.status?.phase ?? '') : 'Terminating')),
    column('Volume', ({ spec }) => spec?.volumeName ?? ''),
    column('Capacity', ({ spec, status }) => (spec?.volumeName ? String(status?.capacity?.['storage'] ?? '') : '')),
    column('Access Modes', ({ spec, status }) => (spec?.volumeName ? showAccessModes(status?.accessModes) : '')),
    column('StorageClass', (claim) => claim.metadata.annotations?.[OLD_CLASS] ?? claim.spec?.storageClassName ?? ''),
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
  // What could not be had may be given up for less, never for what there is: a volume does not shrink.
  const isLess = now !== undefined && before !== undefined && quantityValue(now) < quantityValue(before);
  if (isLess && quantityValue(now) <= quantityValue(old?.status?.capacity?.['storage'] ?? '0')) errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
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
  errors.push(...accessModeErrors(modes, `${path}.accessModes`));
  if (spec.selector !== undefined) errors.push(...validateLabelSelector(spec.selector, `${path}.selector`));
  const storage = spec.resources?.requests?.['storage'];
  if (storage === undefined) errors.push(required(`${path}.resources[storage]`));
  else if (quantityValue(storage) <= 0) errors.push(invalid(`${path}.resources[storage]`, storage, 'must be greater than zero'));
  for (const field of ['storageClassName', 'volumeAttributesClassName'] as const) if (spec[field]) errors.push(...dns1123SubdomainErrors(spec[field]).map((each) => invalid(`${path}.${field}`, spec[field], each)));
  if (spec.volumeMode !== undefined && !VOLUME_MODES.includes(spec.volumeMode)) errors.push(notSupported(`${path}.volumeMode`, spec.volumeMode, VOLUME_MODES));
  return [...errors, ...sourceErrors(spec, path)];
}

export const VOLUME_MODES = ['Block', 'Filesystem'];

export function accessModeErrors(modes: readonly string[], path: string): FieldError[] {
  const errors = modes.filter((mode) => !ACCESS_MODES.includes(mode)).map((mode) => notSupported(path, mode, ACCESS_MODES));
  const alone = modes.includes('ReadWriteOncePod') && modes.some((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode));
  return alone ? [...errors, forbidden(path, 'may not use ReadWriteOncePod with other access modes')] : errors;
}

/** Where the claim's first content comes from; the two ways to say it say the same, unless it is of another namespace. */
function sourceErrors({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [field, source] of Object.entries({ dataSource, dataSourceRef })) {
    if (source === undefined) continue;
    const { apiGroup = '', kind, name } = source;
    if (!name) errors.push(required(`${path}.${field}.name`));
    if (!kind) errors.push(required(`${path}.${field}.kind`));
    if (apiGroup === '' && kind !== 'PersistentVolumeClaim') errors.push(invalid(`${path}.${field}`, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
    if (apiGroup !== '') errors.push(...dns1123SubdomainErrors(apiGroup).map((error) => invalid(`${path}.${field}.apiGroup`, apiGroup, error)));
  }
  if (dataSourceRef?.namespace) errors.push(...dns1123LabelErrors(dataSourceRef.namespace).map((error) => invalid(`${path}.dataSourceRef.namespace`, dataSourceRef.namespace, error)));
  if (dataSource === undefined || dataSourceRef === undefined) return errors;
  if (dataSourceRef.namespace) return [...errors, invalid(path, `${path}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified')];
  const { namespace: _namespace, ...same } = dataSourceRef;
  return equalJson(dataSource, same) ? errors : [...errors, invalid(path, `${path}.dataSource`, 'must match dataSourceRef')];
}
