/** PersistentVolume (core/v1). */
import type { CSIPersistentVolumeSource, PersistentVolume as PersistentVolumeType, PersistentVolumeSpec } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../names.ts';
import { compareQuantities, formatQuantity } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';
import { nodeSelectorErrors } from './node-selector-validation.ts';
import { accessModeErrors, showAccessModes, VOLUME_MODES } from './persistent-volume-claim.ts';
import { hostPathErrors } from './volume-validation.ts';

export type PersistentVolume = PersistentVolumeType;

const RETIRED_ANNOTATIONS = {
  'volume.beta.kubernetes.io/storage-class': 'deprecated since v1.8; use "storageClassName" attribute instead',
  'volume.beta.kubernetes.io/mount-options': 'deprecated since v1.31; use "mountOptions" attribute instead',
};

export const PersistentVolume: Kind<PersistentVolume> = defineKind<PersistentVolume>({
  group: '', version: 'v1', kind: 'PersistentVolume', plural: 'persistentvolumes', namespaced: false, shortNames: ['pv'],
  schema: () => schemaOf('', 'v1', 'PersistentVolume'),
  rules: {
    generation: false,
    defaults({ spec }) {
      if (spec === undefined) return;
      spec.persistentVolumeReclaimPolicy ??= 'Retain';
      spec.volumeMode ??= 'Filesystem';
      if (spec.hostPath !== undefined) spec.hostPath.type ??= '';
    },
    prepareForCreate(volume) {
      volume.status = { phase: 'Pending' };
    },
    validate: volumeErrors,
    warnings: ({ metadata, spec }) => [
      ...Object.entries(RETIRED_ANNOTATIONS).flatMap(([key, text]) => (metadata.annotations?.[key] === undefined ? [] : [`metadata.annotations[${key}]: ${text}`])),
      ...(spec?.persistentVolumeReclaimPolicy === 'Recycle' ? ['spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.'] : []),
    ],
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Capacity', ({ spec }) => String(spec?.capacity?.['storage'] ?? '')),
    column('Access Modes', ({ spec }) => showAccessModes(spec?.accessModes)),
    column('Reclaim Policy', ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? ''),
    column('Status', (volume) => (volume.metadata.deletionTimestamp === undefined ? (volume.status?.phase ?? '') : 'Terminating')),
    column('Claim', ({ spec }) => (spec?.claimRef === undefined ? '' : `${spec.claimRef.namespace}/${spec.claimRef.name}`)),
    column('StorageClass', ({ spec }) => spec?.storageClassName ?? ''),
    column('VolumeAttributesClass', ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>'),
    column('Reason', ({ status }) => status?.reason ?? ''),
    AGE,
    column('VolumeMode', ({ spec }) => spec?.volumeMode ?? '<unset>', { wide: true }),
  ],
});

const POLICIES = ['Delete', 'Recycle', 'Retain'];
/** What is no source of a volume among the fields of its spec. */
const NO_SOURCE = new Set(['capacity', 'accessModes', 'claimRef', 'persistentVolumeReclaimPolicy', 'storageClassName', 'mountOptions', 'volumeMode', 'nodeAffinity', 'volumeAttributesClassName']);

function sourcesOf(spec: PersistentVolumeSpec): [string, unknown][] {
  return Object.entries(spec).filter(([name, value]) => !NO_SOURCE.has(name) && value !== undefined);
}

function volumeErrors({ spec }: PersistentVolume, old: PersistentVolume | undefined): FieldError[] {
  if (spec === undefined) return [required('spec.capacity'), required('spec.accessModes')];
  const errors: FieldError[] = [];
  if ((spec.accessModes ?? []).length === 0) errors.push(required('spec.accessModes'));
  errors.push(...accessModeErrors(spec.accessModes ?? [], 'spec.accessModes'), ...capacityErrors(spec.capacity ?? {}));
  if (!POLICIES.includes(spec.persistentVolumeReclaimPolicy ?? '')) errors.push(notSupported('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy ?? '', POLICIES));
  const sources = sourcesOf(spec);
  if (sources.length === 0) errors.push(required('spec', 'must specify a volume type'));
  for (const [name] of sources.slice(1)) errors.push(forbidden(`spec.${name}`, 'may not specify more than 1 volume type'));
  if (spec.hostPath !== undefined) errors.push(...hostPathErrors(spec.hostPath, 'spec.hostPath'));
  if (spec.hostPath !== undefined && /^\/+$/.test(spec.hostPath.path ?? '') && spec.persistentVolumeReclaimPolicy === 'Recycle') errors.push(forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  if (spec.nodeAffinity !== undefined) errors.push(...(spec.nodeAffinity.required === undefined ? [required('spec.nodeAffinity.required', 'must specify required node constraints')] : nodeSelectorErrors(spec.nodeAffinity.required, 'spec.nodeAffinity.required')));
  if (spec.csi !== undefined) errors.push(...driverErrors(spec.csi, 'spec.csi'));
  if (spec.storageClassName) errors.push(...dns1123SubdomainErrors(spec.storageClassName).map((error) => invalid('spec.storageClassName', spec.storageClassName, error)));
  if (spec.volumeMode !== undefined && !VOLUME_MODES.includes(spec.volumeMode)) errors.push(notSupported('spec.volumeMode', spec.volumeMode, VOLUME_MODES));
  if (spec.volumeAttributesClassName === '') errors.push(required('spec.volumeAttributesClassName', 'an empty string is disallowed'));
  if (spec.volumeAttributesClassName !== undefined && spec.csi === undefined) errors.push(required('spec.csi', 'has to be specified when using volumeAttributesClassName'));
  if (spec.local !== undefined && spec.nodeAffinity === undefined) errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  if (old?.spec?.volumeMode !== undefined && spec.volumeMode !== old.spec.volumeMode) errors.push(invalid('volumeMode', spec.volumeMode ?? null, 'field is immutable'));
  if (old?.spec?.nodeAffinity !== undefined && !equalJson(spec.nodeAffinity ?? null, old.spec.nodeAffinity)) errors.push(invalid('nodeAffinity', spec.nodeAffinity ?? null, 'field is immutable'));
  if (old?.spec !== undefined && !equalJson(sources, sourcesOf(old.spec))) errors.push(forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
  return errors;
}

function capacityErrors(capacity: Readonly<Record<string, string>>): FieldError[] {
  const errors: FieldError[] = [];
  const names = Object.keys(capacity);
  if (names.length === 0) errors.push(required('spec.capacity'));
  if (capacity['storage'] === undefined || names.length > 1) errors.push(notSupported('spec.capacity', capacity, ['storage']));
  for (const [name, amount] of Object.entries(capacity)) if (compareQuantities(amount, 0) <= 0) errors.push(invalid(`spec.capacity[${name}]`, formatQuantity(amount), 'must be greater than zero'));
  return errors;
}

const MOST_DRIVER_CHARACTERS = 63;

/** Names of drivers are those of domains, in any case; what the driver calls the volume must be said. */
function driverErrors({ driver, volumeHandle, controllerPublishSecretRef, nodePublishSecretRef }: CSIPersistentVolumeSource, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!driver) errors.push(required(`${path}.driver`));
  else if (driver.length > MOST_DRIVER_CHARACTERS) errors.push({ type: 'FieldValueTooLong', field: `${path}.driver`, message: `Too long: may not be more than ${MOST_DRIVER_CHARACTERS} bytes` });
  else errors.push(...dns1123SubdomainErrors(driver.toLowerCase()).map((error) => invalid(`${path}.driver`, driver, error)));
  if (!volumeHandle) errors.push(required(`${path}.volumeHandle`));
  for (const [field, reference] of Object.entries({ controllerPublishSecretRef, nodePublishSecretRef })) {
    if (reference === undefined) continue;
    if (!reference.name) errors.push(required(`${path}.${field}.name`));
    else errors.push(...dns1123SubdomainErrors(reference.name).map((error) => invalid(`${path}.${field}.name`, reference.name, error)));
    if (!reference.namespace) errors.push(required(`${path}.${field}.namespace`));
    else errors.push(...dns1123LabelErrors(reference.namespace).map((error) => invalid(`${path}.${field}.namespace`, reference.namespace, error)));
  }
  return errors;
}
