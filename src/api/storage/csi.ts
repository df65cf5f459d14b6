/** CSIDriver, CSINode and CSIStorageCapacity (storage.k8s.io/v1): what drivers of container storage say of themselves, of nodes and of the room they have. */
import type { CSIDriver as CSIDriverType, CSINode as CSINodeType, CSIStorageCapacity as CSIStorageCapacityType } from '../generated/storage-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { validateLabelSelector } from '../metadata-validation.ts';
import { dns1123SubdomainErrors, labelKeyErrors } from '../names.ts';
import { quantityValue } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';

export type CSIDriver = CSIDriverType;
export type CSINode = CSINodeType;
export type CSIStorageCapacity = CSIStorageCapacityType;

const GROUP = 'storage.k8s.io';
const LEAST_PERIOD_SECONDS = 10;
const LEAST_TOKEN_SECONDS = 600;
const MOST_TOKEN_SECONDS = 2 ** 32;
const LIFECYCLE_MODES = ['Ephemeral', 'Persistent'];
const GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const MOST_NAME_BYTES = 63;

export const CSIDriver: Kind<CSIDriver> = defineKind<CSIDriver>({
  group: GROUP, version: 'v1', kind: 'CSIDriver', plural: 'csidrivers', namespaced: false,
  schema: () => schemaOf(GROUP, 'v1', 'CSIDriver'),
  rules: {
    allowUnconditionalUpdate: false,
    defaults({ spec }) {
      if (spec === undefined) return;
      spec.attachRequired ??= true;
      spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
      for (const each of ['podInfoOnMount', 'storageCapacity', 'requiresRepublish', 'seLinuxMount'] as const) spec[each] ??= false;
      if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
    },
    validate: driverErrors,
  },
  columns: [
    NAME,
    column('AttachRequired', ({ spec }) => spec?.attachRequired ?? true, { type: 'boolean' }),
    column('PodInfoOnMount', ({ spec }) => spec?.podInfoOnMount ?? false, { type: 'boolean' }),
    column('StorageCapacity', ({ spec }) => spec?.storageCapacity ?? false, { type: 'boolean' }),
    column('TokenRequests', ({ spec }) => (spec?.tokenRequests ?? []).map((each) => each.audience).join(',') || '<unset>'),
    column('RequiresRepublish', ({ spec }) => spec?.requiresRepublish ?? false, { type: 'boolean' }),
    column('Modes', ({ spec }) => (spec?.volumeLifecycleModes ?? []).join(',')),
    AGE,
  ],
});

function driverErrors({ metadata, spec }: CSIDriver, old: CSIDriver | undefined): FieldError[] {
  const errors = driverNameErrors(metadata.name ?? '', 'metadata.name');
  if (spec === undefined) return errors;
  (spec.volumeLifecycleModes ?? []).forEach((mode, index) => { if (!LIFECYCLE_MODES.includes(mode)) errors.push(notSupported(`spec.volumeLifecycleModes[${index}]`, mode, LIFECYCLE_MODES)); });
  if (spec.fsGroupPolicy !== undefined && !GROUP_POLICIES.includes(spec.fsGroupPolicy)) errors.push(notSupported('spec.fsGroupPolicy', spec.fsGroupPolicy, GROUP_POLICIES));
  errors.push(...tokenErrors(spec));
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && Number(period) < LEAST_PERIOD_SECONDS) errors.push(invalid('spec.nodeAllocatableUpdatePeriodSeconds', period, `must be greater than or equal to ${LEAST_PERIOD_SECONDS} seconds`));
  for (const field of ['attachRequired', 'volumeLifecycleModes'] as const) {
    if (old?.spec !== undefined && !equalJson(spec[field], old.spec[field])) errors.push(invalid(`spec.${field}`, spec[field], 'field is immutable'));
  }
  return errors;
}

function tokenErrors({ tokenRequests = [], serviceAccountTokenInSecrets: inSecrets }: NonNullable<CSIDriver['spec']>): FieldError[] {
  const seen = new Set<string>();
  const errors = tokenRequests.flatMap(({ audience, expirationSeconds }, index): FieldError[] => {
    const path = `spec.tokenRequests[${index}]`;
    if (seen.has(audience)) return [duplicate(`${path}.audience`, audience)];
    seen.add(audience);
    if (expirationSeconds === undefined) return [];
    if (Number(expirationSeconds) < LEAST_TOKEN_SECONDS) return [invalid(`${path}.expirationSeconds`, expirationSeconds, 'may not specify a duration less than 10 minutes')];
    return Number(expirationSeconds) > MOST_TOKEN_SECONDS ? [invalid(`${path}.expirationSeconds`, expirationSeconds, 'may not specify a duration larger than 2^32 seconds')] : [];
  });
  if (inSecrets !== undefined && tokenRequests.length === 0) errors.push(invalid('spec.serviceAccountTokenInSecrets', inSecrets, 'serviceAccountTokenInSecrets is set but no tokenRequests are specified'));
  return errors;
}

function driverNameErrors(name: string, path: string): FieldError[] {
  if (name === '') return [required(path)];
  if (name.length > MOST_NAME_BYTES) return [invalid(path, name, `must be no more than ${MOST_NAME_BYTES} characters`)];
  return dns1123SubdomainErrors(name.toLowerCase()).map((each) => invalid(path, name, each));
}

export const CSINode: Kind<CSINode> = defineKind<CSINode>({
  group: GROUP, version: 'v1', kind: 'CSINode', plural: 'csinodes', namespaced: false,
  schema: () => schemaOf(GROUP, 'v1', 'CSINode'),
  rules: { allowUnconditionalUpdate: false, generation: false, validate: nodeErrors },
  columns: [NAME, column('Drivers', ({ spec }) => spec?.drivers?.length ?? 0, { type: 'integer' }), AGE],
});

function nodeErrors({ spec }: CSINode, old: CSINode | undefined): FieldError[] {
  const errors: FieldError[] = [];
  (spec?.drivers ?? []).forEach((driver, index, all) => {
    const path = `spec.drivers[${index}]`;
    errors.push(...driverNameErrors(driver.name ?? '', `${path}.name`));
    if (all.findIndex(({ name }) => name === driver.name) < index) errors.push(duplicate(`${path}.name`, driver.name));
    if (!driver.nodeID) errors.push(required(`${path}.nodeID`));
    for (const key of driver.topologyKeys ?? []) errors.push(...labelKeyErrors(key).map((each) => invalid(`${path}.topologyKeys`, key, each)));
    if ((driver.allocatable?.count ?? 0) < 0) errors.push(invalid(`${path}.allocatable.count`, driver.allocatable?.count, 'must be greater than or equal to 0'));
    const before = old?.spec?.drivers?.find(({ name }) => name === driver.name);
    if (before !== undefined && (before.nodeID !== driver.nodeID || !equalJson(before.topologyKeys, driver.topologyKeys))) errors.push(invalid(path, driver.name, 'field is immutable'));
  });
  return errors;
}

export const CSIStorageCapacity: Kind<CSIStorageCapacity> = defineKind<CSIStorageCapacity>({
  group: GROUP, version: 'v1', kind: 'CSIStorageCapacity', plural: 'csistoragecapacities', namespaced: true,
  schema: () => schemaOf(GROUP, 'v1', 'CSIStorageCapacity'),
  rules: { allowUnconditionalUpdate: false, generation: false, validate: capacityErrors },
  columns: [NAME, column('StorageClassName', ({ storageClassName }) => storageClassName ?? ''), column('Capacity', ({ capacity }) => String(capacity ?? '<unset>')), AGE],
});

function capacityErrors(object: CSIStorageCapacity, old: CSIStorageCapacity | undefined): FieldError[] {
  const { storageClassName, nodeTopology } = object;
  const errors = storageClassName ? dns1123SubdomainErrors(storageClassName).map((each) => invalid('storageClassName', storageClassName, each)) : [required('storageClassName')];
  errors.push(...validateLabelSelector(nodeTopology, 'nodeTopology'));
  for (const field of ['capacity', 'maximumVolumeSize'] as const) {
    const value = object[field];
    if (value !== undefined && quantityValue(value) < 0) errors.push(invalid(field, value, 'must be greater than or equal to 0'));
  }
  for (const field of ['storageClassName', 'nodeTopology'] as const) {
    if (old !== undefined && !equalJson(object[field], old[field])) errors.push(invalid(field, object[field], 'field is immutable'));
  }
  return errors;
}
