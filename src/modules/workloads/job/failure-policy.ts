/** What a failed pod means under spec.podFailurePolicy (upstream: pod_failure_policy.go). Pure. */
import type { Job, PodFailurePolicy, PodFailurePolicyAction, PodFailurePolicyRule } from '../../../api/generated/batch-v1.ts';
import type { ContainerStatus, Pod } from '../../../api/generated/core-v1.ts';

export interface FailureVerdict {
  /** Whether the failure counts against the back-off limits. */
  counted: boolean;
  action?: PodFailurePolicyAction;
  /** Why the whole job fails. */
  message?: string;
}

/** The first rule that matches decides; without one the failure counts. */
export function judgeFailure(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const what = rule.onExitCodes === undefined ? matchConditions(rule, pod) : matchExitCodes(rule.onExitCodes, pod);
    if (what === undefined) continue;
    if (rule.action === 'Ignore') return { counted: false, action: 'Ignore' };
    if (rule.action === 'FailJob') return { counted: true, action: 'FailJob', message: `${what} matching FailJob rule at index ${index}` };
    return { counted: true, action: rule.action };
  }
  return { counted: true };
}

function matchExitCodes({ containerName, operator, values }: NonNullable<PodFailurePolicyRule['onExitCodes']>, pod: Pod): string | undefined {
  const matches = ({ name, state }: ContainerStatus): boolean => {
    const code = state?.terminated?.exitCode ?? 0;
    return code !== 0 && (containerName === undefined || containerName === name) && values.includes(code) === (operator === 'In');
  };
  const found = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(matches);
  return found && `Container ${found.name} for pod ${pod.metadata.namespace}/${pod.metadata.name} failed with exit code ${found.state?.terminated?.exitCode}`;
}

function matchConditions({ onPodConditions = [] }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const found = pod.status?.conditions?.find((each) => onPodConditions.some(({ type, status = 'True' }) => type === each.type && status === each.status));
  return found && `Pod ${pod.metadata.namespace}/${pod.metadata.name} has condition ${found.type}`;
}

/** Pods are replaced only when they have ended for good, not already when they are deleted. */
export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec?.podReplacementPolicy === 'Failed' || spec?.podFailurePolicy !== undefined;
}

/** A deleted pod counts as failed at once, unless the job waits for its end. */
export function isPodFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  return !replacesOnlyFailed(job) && pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded';
}
