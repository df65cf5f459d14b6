/** The status of a definition: which names were accepted, whether it is served, which versions were ever stored. */
import type { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { withCondition } from '../../api/conditions.ts';
import type { Names, Naming } from './names.ts';

type Status = NonNullable<CustomResourceDefinition['status']>;
type Condition = NonNullable<Status['conditions']>[number];

/** The status as it should be; the same object when nothing changes. */
export function statusOf(definition: CustomResourceDefinition, { names, conflict }: Naming, now: string): Status {
  const before: Status = definition.status ?? { storedVersions: [], acceptedNames: { plural: '', kind: '' } };
  const accepted: Condition = conflict === undefined
    ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
    : { type: 'NamesAccepted', status: 'False', reason: conflict.reason, message: conflict.message };
  const wasEstablished = isEstablished(definition);
  const established: Condition = conflict === undefined || wasEstablished
    ? { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
    : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  const stored = before.storedVersions ?? [];
  const storage = definition.spec.versions.find((version) => version.storage)?.name;
  return {
    ...before,
    conditions: withCondition(withCondition(before.conditions ?? [], accepted, now), established, now),
    acceptedNames: names,
    storedVersions: storage === undefined || stored.includes(storage) ? stored : [...stored, storage],
  };
}

/** The status while the objects of a deleted definition are removed. */
export function terminatingStatus(definition: CustomResourceDefinition, now: string): Status {
  const before: Status = definition.status ?? { storedVersions: [], acceptedNames: { plural: '', kind: '' } };
  const terminating: Condition = { type: 'Terminating', status: 'True', reason: 'InstanceDeletionInProgress', message: 'CustomResource deletion is in progress' };
  return { ...before, conditions: withCondition(before.conditions ?? [], terminating, now) };
}

export function isEstablished(definition: CustomResourceDefinition): boolean {
  return definition.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true;
}

/** Under which it is served: once it is established those that were accepted, whatever it wants meanwhile (apiextensions: discovery and handler). */
export function servedNames(definition: CustomResourceDefinition): Names {
  return (isEstablished(definition) ? definition.status?.acceptedNames : undefined) ?? definition.spec.names;
}
