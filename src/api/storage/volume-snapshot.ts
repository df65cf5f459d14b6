/** VolumeSnapshot, VolumeSnapshotContent and VolumeSnapshotClass (snapshot.storage.k8s.io/v1), which upstream has as custom resources. */
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { CUSTOM_RULES } from '../custom/custom-rules.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { withObjectMeta } from '../custom/custom-schema.ts';
import type { Schema } from '../schema/schema.ts';

export type DeletionPolicy = 'Delete' | 'Retain';

export interface VolumeSnapshot extends KubeObject {
  spec: { source: { persistentVolumeClaimName?: string; volumeSnapshotContentName?: string }; volumeSnapshotClassName?: string };
  status?: { boundVolumeSnapshotContentName?: string; creationTime?: string; readyToUse?: boolean; restoreSize?: string; error?: { time?: string; message?: string } };
}

export interface VolumeSnapshotContent extends KubeObject {
  spec: {
    deletionPolicy: DeletionPolicy; driver: string; source: { volumeHandle?: string; snapshotHandle?: string }; volumeSnapshotClassName?: string;
    volumeSnapshotRef: { kind?: string; namespace?: string; name?: string; uid?: string; apiVersion?: string };
  };
  /** `creationTime` in ns since the epoch, `restoreSize` in bytes. */
  status?: { snapshotHandle?: string; creationTime?: bigint; readyToUse?: boolean; restoreSize?: number; error?: { time?: string; message?: string } };
}

export interface VolumeSnapshotClass extends KubeObject { driver: string; deletionPolicy: DeletionPolicy; parameters?: Record<string, string> }

export const IS_DEFAULT_SNAPSHOT_CLASS = 'snapshot.storage.kubernetes.io/is-default-class';

const GROUP = 'snapshot.storage.k8s.io';
const POLICIES = ['Delete', 'Retain'];
const text: Schema = { type: 'string' };
const map: Schema = { type: 'object', additionalProperties: text };
/** Made once, when first asked for. */
function once(make: () => Schema): () => Schema {
  let made: Schema | undefined;
  return () => (made ??= withObjectMeta(make()));
}
const error: Schema = { type: 'object', properties: { time: { type: 'string', format: 'date-time' }, message: text } };
const policy: Schema = { type: 'string', enum: POLICIES };

export const VolumeSnapshot: Kind<VolumeSnapshot> = defineKind<VolumeSnapshot>({
  group: GROUP, version: 'v1', kind: 'VolumeSnapshot', plural: 'volumesnapshots', namespaced: true, shortNames: ['vs'],
  schema: once(() => ({
    type: 'object', required: ['spec'], properties: {
      spec: { type: 'object', required: ['source'], properties: { source: { type: 'object', properties: { persistentVolumeClaimName: text, volumeSnapshotContentName: text } }, volumeSnapshotClassName: { type: 'string', minLength: 1 } } },
      status: { type: 'object', properties: { boundVolumeSnapshotContentName: text, creationTime: { type: 'string', format: 'date-time' }, readyToUse: { type: 'boolean' }, restoreSize: { type: 'string', format: 'quantity' }, error } },
    },
  })),
  rules: { ...CUSTOM_RULES, validate: snapshotErrors },
  subresources: { status: true },
  columns: [
    NAME,
    column('ReadyToUse', ({ status }) => status?.readyToUse ?? false, { type: 'boolean' }),
    column('SourcePVC', ({ spec }) => spec?.source?.persistentVolumeClaimName ?? ''),
    column('SourceSnapshotContent', ({ spec }) => spec?.source?.volumeSnapshotContentName ?? ''),
    column('RestoreSize', ({ status }) => String(status?.restoreSize ?? '')),
    column('SnapshotClass', ({ spec }) => spec?.volumeSnapshotClassName ?? ''),
    column('SnapshotContent', ({ status }) => status?.boundVolumeSnapshotContentName ?? ''),
    AGE,
  ],
});

function snapshotErrors({ spec }: VolumeSnapshot, old: VolumeSnapshot | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const set = Object.values(spec?.source ?? {}).filter((each) => each !== undefined && each !== '');
  if (set.length !== 1) errors.push(invalid('spec.source', '', 'exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set'));
  if (old?.spec !== undefined && !equalJson(spec?.source, old.spec.source)) errors.push(forbidden('spec.source', 'source is immutable'));
  return errors;
}

export const VolumeSnapshotContent: Kind<VolumeSnapshotContent> = defineKind<VolumeSnapshotContent>({
  group: GROUP, version: 'v1', kind: 'VolumeSnapshotContent', plural: 'volumesnapshotcontents', namespaced: false, shortNames: ['vsc', 'vscs'], rules: CUSTOM_RULES,
  schema: once(() => ({
    type: 'object', required: ['spec'], properties: {
      spec: {
        type: 'object', required: ['deletionPolicy', 'driver', 'source', 'volumeSnapshotRef'], properties: {
          deletionPolicy: policy, driver: text, volumeSnapshotClassName: text, source: { type: 'object', properties: { volumeHandle: text, snapshotHandle: text } },
          volumeSnapshotRef: { type: 'object', properties: { apiVersion: text, kind: text, namespace: text, name: text, uid: text } },
        },
      },
      status: { type: 'object', properties: { snapshotHandle: text, creationTime: { type: 'integer', format: 'int64' }, readyToUse: { type: 'boolean' }, restoreSize: { type: 'integer', format: 'int64' }, error } },
    },
  })),
  subresources: { status: true },
  columns: [
    NAME,
    column('ReadyToUse', ({ status }) => status?.readyToUse ?? false, { type: 'boolean' }),
    column('RestoreSize', ({ status }) => status?.restoreSize ?? 0, { type: 'integer' }),
    column('DeletionPolicy', ({ spec }) => spec?.deletionPolicy ?? ''),
    column('Driver', ({ spec }) => spec?.driver ?? ''),
    column('VolumeSnapshotClass', ({ spec }) => spec?.volumeSnapshotClassName ?? ''),
    column('VolumeSnapshot', ({ spec }) => spec?.volumeSnapshotRef?.name ?? ''),
    AGE,
  ],
});

export const VolumeSnapshotClass: Kind<VolumeSnapshotClass> = defineKind<VolumeSnapshotClass>({
  group: GROUP, version: 'v1', kind: 'VolumeSnapshotClass', plural: 'volumesnapshotclasses', namespaced: false, shortNames: ['vsclass', 'vsclasses'],
  schema: once(() => ({ type: 'object', required: ['driver', 'deletionPolicy'], properties: { driver: text, deletionPolicy: policy, parameters: map } })),
  rules: {
    ...CUSTOM_RULES,
    generation: false,
    validate({ driver, deletionPolicy }) {
      return [...(driver ? [] : [required('driver')]), ...(POLICIES.includes(deletionPolicy) ? [] : [notSupported('deletionPolicy', deletionPolicy, POLICIES)])];
    },
  },
  columns: [NAME, column('Driver', ({ driver }) => driver ?? ''), column('DeletionPolicy', ({ deletionPolicy }) => deletionPolicy ?? ''), AGE],
});
