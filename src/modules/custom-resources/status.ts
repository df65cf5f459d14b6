/** The status of a definition: which names were accepted, whether it is served, which versions were ever stored. */
import type { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { withCondition } from '../../api/conditions.ts';
import { approvalOf, type Approval } from '../../api/custom/approval.ts';
import { isCaBundle } from '../../api/custom/ca-bundle.ts';
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
  const established = establishedOf(conflict !== undefined && !wasEstablished, !wasEstablished && !trustsConversion(definition));
  const approval = approvalOf(definition);
  const stored = before.storedVersions ?? [];
  const storage = definition.spec.versions.find((version) => version.storage)?.name;
  return {
    ...before,
    conditions: [accepted, established, ...(approval === undefined ? [] : [conformantOf(approval)])].reduce((conditions, each) => withCondition(conditions, each, now), before.conditions ?? []),
    acceptedNames: names,
    storedVersions: storage === undefined || stored.includes(storage) ? stored : [...stored, storage],
  };
}

/** Source: apiextensions-apiserver/pkg/controller/establish. */
function establishedOf(isRefused: boolean, isUntrusted: boolean): Condition {
  if (isRefused) return { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  if (isUntrusted) return { type: 'Established', status: 'False', reason: 'InvalidCABundle', message: 'The conversion webhook CABundle is invalid' };
  return { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' };
}

/** Whether the webhook could be believed; without a bundle it is asked by the system's. */
function trustsConversion({ spec }: CustomResourceDefinition): boolean {
  const bundle = spec.conversion?.webhook?.clientConfig?.caBundle;
  return bundle === undefined || bundle === '' || isCaBundle(bundle);
}

/** Source: apiextensions-apiserver/pkg/controller/apiapproval. */
function conformantOf({ state, message }: Approval): Condition {
  const reasons: Record<Approval['state'], string> = { approved: 'ApprovedAnnotation', bypassed: 'UnapprovedAnnotation', missing: 'MissingAnnotation', invalid: 'InvalidAnnotation' };
  return { type: 'KubernetesAPIApprovalPolicyConformant', status: state === 'approved' ? 'True' : 'False', reason: reasons[state], message };
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
