/** ClusterQueue and Cohort (kueue.x-k8s.io): pools of quota, and who lends to whom. */
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, type FieldError } from '../field-error.ts';
import type { Kind } from '../kind.ts';
import { validateLabelSelector } from '../metadata-validation.ts';
import { labelKeyErrors } from '../names.ts';
import { compareQuantities, isQuantity, WRONG_FORMAT } from '../quantity.ts';
import { defineKueueKind } from './define.ts';
import { fairSharingErrors } from './fair-sharing.ts';
import { POLICY, POLICY_NAMES } from './names.ts';
import { conditions, count, fairSharing, fairSharingStatus, flavorUsage, int32, labelSelector, objectSchema, oneOf, quantity, reference, resourceGroups, stopPolicy, struct, text, texts, time } from './schema.ts';
import type { ClusterQueue as ClusterQueueType, Cohort as CohortType, ResourceGroup } from './types.ts';

export type ClusterQueue = ClusterQueueType;
export type Cohort = CohortType;

const usage = flavorUsage({ total: quantity, borrowed: quantity });
const status = struct({
  conditions, flavorsReservation: usage, flavorsUsage: usage, pendingWorkloads: count(), reservingWorkloads: count(), admittedWorkloads: count(),
  pendingWorkloadsStatus: struct({ clusterQueuePendingWorkload: { type: 'array', items: struct({ name: text, namespace: text }, ['name', 'namespace']) }, lastChangeTime: time }),
  fairSharing: fairSharingStatus,
});
const checkRules = struct({ admissionChecks: { type: 'array', items: struct({ name: text, onFlavors: texts }, ['name']) } });

const spec = {
  resourceGroups, queueingStrategy: oneOf(['StrictFIFO', 'BestEffortFIFO'], 'BestEffortFIFO'), namespaceSelector: labelSelector, stopPolicy, fairSharing,
  preemption: {
    ...struct({
      reclaimWithinCohort: oneOf(['Never', 'LowerPriority', 'Any'], 'Never'), withinClusterQueue: oneOf(['Never', 'LowerPriority', 'LowerOrNewerEqualPriority'], 'Never'),
      borrowWithinCohort: { ...struct({ policy: oneOf(['Never', 'LowerPriority'], 'Never'), maxPriorityThreshold: int32 }), default: {} },
    }), default: {},
  },
  admissionChecksStrategy: checkRules, admissionScope: struct({ admissionMode: text }), excludeResourcePrefixes: { ...texts, maxItems: 64, xListType: 'set' as const },
};
const fungibility = (borrow: readonly string[], preempt: readonly string[]) => ({
  ...struct({ whenCanBorrow: oneOf(borrow, 'MayStopSearch'), whenCanPreempt: oneOf(preempt, 'TryNextFlavor'), preference: oneOf(['BorrowingOverPreemption', 'PreemptionOverBorrowing']) }), default: {},
});

export const [ClusterQueue, ClusterQueueV1beta2]: readonly [Kind<ClusterQueue>, Kind<ClusterQueue>] = defineKueueKind<ClusterQueue>({
  kind: 'ClusterQueue', plural: 'clusterqueues', namespaced: false, shortNames: ['cq'],
  schema: objectSchema(() => ({
    spec: struct({ ...spec, cohort: reference, admissionChecks: texts, flavorFungibility: fungibility(['MayStopSearch', 'TryNextFlavor', 'Borrow'], ['MayStopSearch', 'TryNextFlavor', 'Preempt']) }), status,
  })),
  newSchema: objectSchema(() => ({ spec: struct({ ...spec, cohortName: reference, flavorFungibility: fungibility(['MayStopSearch', 'TryNextFlavor'], ['MayStopSearch', 'TryNextFlavor']) }), status })),
  subresources: { status: true },
  rules: { validate: clusterQueueErrors },
  columns: [
    NAME,
    column('Cohort', (queue) => queue.spec?.cohort ?? ''),
    column('Strategy', (queue) => queue.metadata.annotations?.[POLICY] ?? queue.spec?.queueingStrategy ?? '', { wide: true }),
    column('Pending Workloads', (queue) => queue.status?.pendingWorkloads ?? 0, { type: 'integer' }),
    column('Admitted Workloads', (queue) => queue.status?.admittedWorkloads ?? 0, { type: 'integer', wide: true }),
    { ...AGE, priority: 1 },
  ],
});

const cohortStatus = struct({ fairSharing: fairSharingStatus });

export const [Cohort, CohortV1beta2, CohortV1alpha1]: readonly [Kind<Cohort>, Kind<Cohort>, Kind<Cohort>] = defineKueueKind<Cohort>({
  kind: 'Cohort', plural: 'cohorts', namespaced: false, alpha: true,
  schema: objectSchema(() => ({ spec: struct({ parent: reference, resourceGroups, fairSharing }), status: cohortStatus })),
  newSchema: objectSchema(() => ({ spec: struct({ parentName: reference, resourceGroups, fairSharing }), status: cohortStatus })),
  subresources: { status: true },
  rules: {
    validate: (cohort) => [
      // A cohort may lend more than is its own: what its queues lend to it, too.
      ...groupErrors(cohort.spec?.resourceGroups ?? [], { hasParent: cohort.spec?.parent !== undefined && cohort.spec.parent !== '', parent: 'parent', mayLendMore: true }), ...fairSharingErrors(cohort.spec?.fairSharing),
      ...(cohort.spec?.parent === cohort.metadata.name && cohort.spec?.parent !== undefined ? [invalid('spec.parent', cohort.spec.parent, 'a cohort cannot be its own parent')] : []),
    ],
  },
});

function clusterQueueErrors({ metadata, spec: wanted = {} }: ClusterQueue): FieldError[] {
  const errors = [...groupErrors(wanted.resourceGroups ?? [], { hasParent: wanted.cohort !== undefined && wanted.cohort !== '', parent: 'cohort', mayLendMore: false }), ...fairSharingErrors(wanted.fairSharing)];
  errors.push(...validateLabelSelector(wanted.namespaceSelector ?? undefined, 'spec.namespaceSelector'));
  errors.push(...checkErrors(wanted), ...sizeErrors(wanted.resourceGroups ?? []));
  const { preference, whenCanBorrow, whenCanPreempt } = wanted.flavorFungibility ?? {};
  if (preference !== undefined && (whenCanBorrow !== 'TryNextFlavor' || whenCanPreempt !== 'TryNextFlavor')) errors.push(invalid('spec.flavorFungibility', wanted.flavorFungibility, 'preference can only be set when both whenCanBorrow and whenCanPreempt are TryNextFlavor'));
  const { reclaimWithinCohort = 'Never', borrowWithinCohort } = wanted.preemption ?? {};
  if (reclaimWithinCohort === 'Never' && (borrowWithinCohort?.policy ?? 'Never') !== 'Never') errors.push(invalid('spec.preemption', wanted.preemption, 'reclaimWithinCohort=Never and borrowWithinCohort.Policy!=Never'));
  if ((wanted.admissionChecks?.length ?? 0) > 0 && (wanted.admissionChecksStrategy?.admissionChecks?.length ?? 0) > 0) errors.push(invalid('spec', {}, 'Either AdmissionChecks or AdmissionCheckStrategy can be set, but not both'));
  const policy = metadata.annotations?.[POLICY];
  if (policy !== undefined && !(POLICY_NAMES as readonly string[]).includes(policy)) errors.push(notSupported(`metadata.annotations[${POLICY}]`, policy, POLICY_NAMES, 'as-given'));
  return errors;
}

/** Checks of some flavors are of flavors that it has. Source: Kueue, its webhook (validateAdmissionCheckOnFlavors). */
function checkErrors({ resourceGroups: all = [], admissionChecksStrategy }: NonNullable<ClusterQueue['spec']>): FieldError[] {
  const flavors = all.flatMap((group) => (group.flavors ?? []).map(({ name }) => name));
  return (admissionChecksStrategy?.admissionChecks ?? []).flatMap(({ onFlavors = [] }, index) => onFlavors.flatMap((flavor, at) => (flavors.includes(flavor) ? [] : [notSupported(`spec.admissionChecksStrategy.admissionChecks[${index}].onFlavors[${at}]`, flavor, flavors)])));
}

const [MOST_IN_ALL, MOST_IN_GROUP] = [256, 512];

/** Source: the same, validateTotalFlavors and so on. */
function sizeErrors(groups: readonly ResourceGroup[]): FieldError[] {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
  const [flavors, resources] = [sum(groups.map((each) => each.flavors?.length ?? 0)), sum(groups.map((each) => each.coveredResources?.length ?? 0))];
  const errors = flavors > MOST_IN_ALL ? [invalid('spec.resourceGroups', flavors, `total number of flavors across all resourceGroups must be ≤ ${MOST_IN_ALL}, got ${flavors}`)] : [];
  if (resources > MOST_IN_ALL) errors.push(invalid('spec.resourceGroups', resources, `total number of covered resources across all resourceGroups must be ≤ ${MOST_IN_ALL}, got ${resources}`));
  for (const [index, group] of groups.entries()) {
    const pairs = sum((group.flavors ?? []).map((each) => each.resources?.length ?? 0));
    if (pairs > MOST_IN_GROUP) errors.push(invalid(`spec.resourceGroups[${index}]`, pairs, `number of flavor-resource combinations in a resourceGroup must be ≤ ${MOST_IN_GROUP}, got ${pairs}`));
  }
  return errors;
}

interface Limits {
  hasParent: boolean;
  /** The field that would name it. */
  parent: string;
  mayLendMore: boolean;
}

/** Who lacks what the schema requires is told so by the schema. */
function groupErrors(groups: readonly ResourceGroup[], limits: Limits): FieldError[] {
  const errors: FieldError[] = [];
  const [resources, flavors] = [new Set<string>(), new Set<string>()];
  for (const [index, group] of groups.entries()) {
    const path = `spec.resourceGroups[${index}]`;
    for (const [at, name] of (group.coveredResources ?? []).entries()) {
      if (resources.has(name)) errors.push({ type: 'FieldValueDuplicate', field: `${path}.coveredResources[${at}]`, message: `Duplicate value: "${name}"` });
      resources.add(name);
      for (const error of labelKeyErrors(name)) errors.push(invalid(`${path}.coveredResources[${at}]`, name, error));
    }
    for (const [at, flavor] of (group.flavors ?? []).entries()) {
      if (flavors.has(flavor.name)) errors.push({ type: 'FieldValueDuplicate', field: `${path}.flavors[${at}].name`, message: `Duplicate value: "${flavor.name}"` });
      flavors.add(flavor.name);
      errors.push(...flavorErrors(group, flavor, `${path}.flavors[${at}]`, limits));
    }
  }
  return errors;
}

function flavorErrors(group: ResourceGroup, flavor: ResourceGroup['flavors'][number], path: string, { hasParent, parent, mayLendMore }: Limits): FieldError[] {
  if (flavor.resources === undefined || group.coveredResources === undefined) return [];
  if (flavor.resources.length !== group.coveredResources.length) return [invalid(`${path}.resources`, flavor.resources.length, 'flavors must have the same number of resources as the coveredResources')];
  const errors: FieldError[] = [];
  for (const [index, resource] of flavor.resources.entries()) {
    const at = `${path}.resources[${index}]`;
    if (resource.name !== group.coveredResources[index]) errors.push(invalid(`${at}.name`, resource.name, 'must match the name in coveredResources'));
    for (const field of ['nominalQuota', 'borrowingLimit', 'lendingLimit'] as const) {
      const value = resource[field];
      if (value !== undefined && !isQuantity(value)) errors.push(invalid(`${at}.${field}`, value, WRONG_FORMAT));
      else if (value !== undefined && compareQuantities(value, '0') < 0) errors.push(invalid(`${at}.${field}`, value, 'must be greater than or equal to 0'));
    }
    if (!hasParent && resource.borrowingLimit !== undefined) errors.push(invalid(`${at}.borrowingLimit`, resource.borrowingLimit, `must be nil when ${parent} is empty`));
    if (!hasParent && resource.lendingLimit !== undefined) errors.push(invalid(`${at}.lendingLimit`, resource.lendingLimit, `must be nil when ${parent} is empty`));
    if (!mayLendMore && resource.lendingLimit !== undefined && isQuantity(resource.lendingLimit) && isQuantity(resource.nominalQuota) && compareQuantities(resource.lendingLimit, resource.nominalQuota) > 0) errors.push(invalid(`${at}.lendingLimit`, resource.lendingLimit, 'must be less than or equal to the nominalQuota'));
  }
  return errors;
}
