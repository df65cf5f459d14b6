/** StorageClass (storage.k8s.io/v1). */
import type { TopologySelectorTerm } from '../generated/core-v1.ts';
import type { StorageClass as StorageClassType } from '../generated/storage-v1.ts';
import { AGE, column } from '../columns.ts';
import { duplicate, forbidden, invalid, notSupported, required, tooLong, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { labelKeyErrors } from '../names.ts';
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
  else errors.push(...labelKeyErrors(provisioner.toLowerCase()).map((error) => invalid('provisioner', provisioner, error)));
  errors.push(...parameterErrors(storageClass.parameters ?? {}), ...topologyErrors(storageClass.allowedTopologies ?? []));
  if (reclaimPolicy !== 'Delete' && reclaimPolicy !== 'Retain') errors.push(notSupported('reclaimPolicy', reclaimPolicy ?? '', ['Delete', 'Retain']));
  if (volumeBindingMode !== 'Immediate' && volumeBindingMode !== 'WaitForFirstConsumer') errors.push(notSupported('volumeBindingMode', volumeBindingMode ?? '', ['Immediate', 'WaitForFirstConsumer']));
  if (old === undefined) return errors;
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const) {
    if (!equalJson(storageClass[field], old[field])) errors.push(forbidden(field, `updates to ${field} are forbidden.`));
  }
  return errors;
}

const MOST_PARAMETERS = 512;
const MOST_PARAMETER_BYTES = 256 * 1024;

function parameterErrors(parameters: Readonly<Record<string, string>>): FieldError[] {
  const entries = Object.entries(parameters);
  const errors: FieldError[] = [];
  if (entries.length > MOST_PARAMETERS) errors.push(tooLong('parameters', MOST_PARAMETERS));
  if (entries.some(([key]) => key === '')) errors.push(invalid('parameters', '', 'field can not be empty.'));
  if (entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0) > MOST_PARAMETER_BYTES) errors.push(tooLong('parameters', MOST_PARAMETER_BYTES));
  return errors;
}

function topologyErrors(terms: readonly TopologySelectorTerm[]): FieldError[] {
  return terms.flatMap(({ matchLabelExpressions = [] }, index) => matchLabelExpressions.flatMap(({ key = '', values = [] }, position) => {
    const at = `allowedTopologies[${index}].matchLabelExpressions[${position}]`;
    const errors: FieldError[] = values.length === 0 ? [required(`${at}.values`)] : [];
    for (const [place, value] of values.entries()) if (values.indexOf(value) < place) errors.push(duplicate(`${at}.values[${place}]`, value));
    errors.push(...labelKeyErrors(key).map((error) => invalid(`${at}.key`, key, error)));
    if (matchLabelExpressions.findIndex((each) => each.key === key) < position) errors.push(duplicate(`${at}.key`, key));
    return errors;
  }));
}
