/** VolumeAttributesClass (storage.k8s.io/v1): attributes of volumes that a driver can change while they are used. */
import type { VolumeAttributesClass as VolumeAttributesClassType } from '../generated/storage-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, required, tooMany, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export type VolumeAttributesClass = VolumeAttributesClassType;

const MOST_PARAMETERS = 512;

export const VolumeAttributesClass: Kind<VolumeAttributesClass> = defineKind<VolumeAttributesClass>({
  group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttributesClass', plural: 'volumeattributesclasses', namespaced: false, shortNames: ['vac'],
  schema: () => schemaOf('storage.k8s.io', 'v1', 'VolumeAttributesClass'),
  rules: { generation: false, validate: classErrors },
  columns: [NAME, column('DriverName', ({ driverName }) => driverName ?? ''), AGE],
});

function classErrors(attributes: VolumeAttributesClass, old: VolumeAttributesClass | undefined): FieldError[] {
  const { driverName, parameters = {} } = attributes;
  const errors: FieldError[] = [];
  if (!driverName) errors.push(required('driverName'));
  const count = Object.keys(parameters).length;
  if (count === 0) errors.push(required('parameters', 'must contain at least one key/value pair'));
  if (count > MOST_PARAMETERS) errors.push(tooMany('parameters', count, MOST_PARAMETERS));
  for (const field of ['driverName', 'parameters'] as const) {
    if (old !== undefined && !equalJson(attributes[field], old[field])) errors.push(forbidden(field, `updates to ${field} are forbidden.`));
  }
  return errors;
}
