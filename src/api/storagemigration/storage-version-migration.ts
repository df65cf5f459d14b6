/** StorageVersionMigration (storagemigration.k8s.io/v1, and v1beta1): writes the objects of a resource anew, in the version in which it is kept now. */
import type { StorageVersionMigration as MigrationType } from '../generated/storagemigration-v1beta1.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export type StorageVersionMigration = MigrationType;

const GROUP = 'storagemigration.k8s.io';
const STATUSES = ['False', 'True', 'Unknown'];

export const StorageVersionMigration: Kind<StorageVersionMigration> = defineKind<StorageVersionMigration>({
  group: GROUP, version: 'v1', storageVersion: 'v1', kind: 'StorageVersionMigration', plural: 'storageversionmigrations', namespaced: false,
  schema: () => schemaOf(GROUP, 'v1', 'StorageVersionMigration'),
  rules: {
    allowUnconditionalUpdate: false,
    statusKeeps: 'metadata',
    prepareForCreate(migration) {
      migration.status = {};
    },
    validate: specErrors,
    validateStatus: statusErrors,
  },
  subresources: { status: true },
});

export const StorageVersionMigrationV1Beta1: Kind<StorageVersionMigration> = { ...StorageVersionMigration, version: 'v1beta1', schema: () => schemaOf(GROUP, 'v1beta1', 'StorageVersionMigration') };

export function isTrue({ status }: StorageVersionMigration, type: 'Running' | 'Succeeded' | 'Failed'): boolean {
  return status?.conditions?.some((each) => each.type === type && each.status === 'True') === true;
}

export function isOver(migration: StorageVersionMigration): boolean {
  return isTrue(migration, 'Succeeded') || isTrue(migration, 'Failed');
}

function specErrors({ spec }: StorageVersionMigration, old: StorageVersionMigration | undefined): FieldError[] {
  const { group = '', resource = '' } = spec?.resource ?? {};
  const errors = resource === '' ? [required('spec.resource.resource', 'resource is required')] : [];
  if (old === undefined) return errors;
  if (group !== (old.spec?.resource?.group ?? '')) errors.push(invalid('group', group, 'field is immutable'));
  if (resource !== (old.spec?.resource?.resource ?? '')) errors.push(invalid('resource', resource, 'field is immutable'));
  return errors;
}

function statusErrors(migration: StorageVersionMigration, old: StorageVersionMigration): FieldError[] {
  const { resourceVersion = '', conditions = [] } = migration.status ?? {};
  const before = old.status?.resourceVersion ?? '';
  const at = 'status.conditions';
  const errors = conditions.flatMap(({ status }, index) => (STATUSES.includes(status ?? '') ? [] : [notSupported(`${at}[${index}].status`, status ?? '', STATUSES)]));
  if (!/^\d*$/.test(resourceVersion)) errors.push(invalid('status.resourceVersion', resourceVersion, 'must be a number'));
  if (before !== '' && before !== resourceVersion) errors.push(invalid('status.resourceVersion', resourceVersion, 'cannot be updated'));
  const [succeeded, failed, running] = (['Succeeded', 'Failed', 'Running'] as const).map((type) => isTrue(migration, type));
  if (succeeded && failed) errors.push(invalid(at, conditions, 'Both success and failed conditions cannot be true at the same time'));
  if (succeeded && running) errors.push(invalid(at, conditions, 'Running condition cannot be true when success condition is true'));
  if (failed && running) errors.push(invalid(at, conditions, 'Running condition cannot be true when failed condition is true'));
  if (isTrue(old, 'Succeeded') && !succeeded) errors.push(invalid(at, conditions, 'Success condition cannot be set to false once it is true'));
  if (isTrue(old, 'Failed') && !failed) errors.push(invalid(at, conditions, 'Failed condition cannot be set to false once it is true'));
  return errors;
}
