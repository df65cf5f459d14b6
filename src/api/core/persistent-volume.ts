/** PersistentVolume (core/v1). */
import type { PersistentVolume as PersistentVolumeType, PersistentVolumeSpec } from '../generated/core-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { showAccessModes } from './persistent-volume-claim.ts';

export type PersistentVolume = PersistentVolumeType;

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
  if (spec.capacity?.['storage'] === undefined) errors.push(required('spec.capacity'));
  if (!POLICIES.includes(spec.persistentVolumeReclaimPolicy ?? '')) errors.push(notSupported('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy ?? '', POLICIES));
  const sources = sourcesOf(spec);
  if (sources.length === 0) errors.push(required('spec', 'must specify a volume type'));
  for (const [name] of sources.slice(1)) errors.push(forbidden(`spec.${name}`, 'may not specify more than 1 volume type'));
  if (spec.local !== undefined && spec.nodeAffinity === undefined) errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  if (old?.spec !== undefined && !equalJson(sources, sourcesOf(old.spec))) errors.push(forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
  return errors;
}
