/** JobSet (jobset.x-k8s.io/v1alpha2): Jobs that run as one, and are begun anew as one. */
import { AGE, column, NAME } from '../columns.ts';
import { CUSTOM_RULES } from '../custom/custom-rules.ts';
import { defineKind, type Kind } from '../kind.ts';
import { conditions, count, flag, int32, listByKey, objectSchema, oneOf, struct, text, textMap, texts } from '../schema/build.ts';
import { schemaOfType } from '../schema/facts.ts';
import { jobSetErrors } from './job-set-rules.ts';
import { GROUP, VERSION } from './names.ts';
import type { JobSet as JobSetType } from './types.ts';

export type JobSet = JobSetType;

const jobTemplate = () => schemaOfType('io.k8s.api.batch.v1.JobTemplateSpec') ?? {};
const claimSpec = () => schemaOfType('io.k8s.api.core.v1.PersistentVolumeClaimSpec') ?? {};
const atomic = { xListType: 'atomic' as const };

const replicatedJob = struct({
  name: text, groupName: { ...text, default: 'default' }, template: jobTemplate, replicas: { ...int32, default: 1 },
  dependsOn: listByKey(struct({ name: text, status: oneOf(['Ready', 'Complete']) }, ['name', 'status']), 'name', { maxItems: 5 }),
}, ['name', 'template']);
const actions = ['FailJobSet', 'RestartJobSet', 'RestartJobSetAndIgnoreMaxRestarts', 'RestartJob', 'RestartJobAndIgnoreMaxRestarts'];
const rule = struct({ name: text, action: oneOf(actions), onJobFailureReasons: texts, onJobFailureMessagePatterns: texts, targetReplicatedJobs: { ...texts, ...atomic } }, ['action']);
const claim = struct({ metadata: struct({ name: text, labels: textMap, annotations: textMap }), spec: claimSpec });
const claimPolicy = struct({ templates: { type: 'array', items: claim, maxItems: 50, ...atomic }, retentionPolicy: struct({ whenDeleted: oneOf(['Delete', 'Retain'], 'Delete') }) });
const restarts = { type: 'array' as const, items: int32, maxItems: 1_024, ...atomic };
const jobsStatus = struct({ name: text, ready: int32, succeeded: int32, failed: int32, active: int32, suspended: int32, jobRestarts: restarts, jobRestartsCountTowardsMax: restarts }, ['name', 'ready', 'succeeded', 'failed', 'active', 'suspended']);

export const JobSet: Kind<JobSet> = defineKind<JobSet>({
  group: GROUP, version: VERSION, kind: 'JobSet', plural: 'jobsets', namespaced: true,
  schema: objectSchema(() => ({
    spec: struct({
      replicatedJobs: listByKey(replicatedJob, 'name'),
      network: struct({ enableDNSHostnames: flag, subdomain: text, publishNotReadyAddresses: flag }),
      successPolicy: struct({ operator: oneOf(['All', 'Any']), targetReplicatedJobs: { ...texts, ...atomic } }, ['operator']),
      failurePolicy: struct({ maxRestarts: int32, restartStrategy: oneOf(['Recreate', 'BlockingRecreate'], 'Recreate'), rules: { type: 'array', items: rule } }),
      startupPolicy: struct({ startupPolicyOrder: oneOf(['AnyOrder', 'InOrder']) }, ['startupPolicyOrder']),
      suspend: flag, coordinator: struct({ replicatedJob: text, jobIndex: int32, podIndex: int32 }, ['replicatedJob']), managedBy: text, ttlSecondsAfterFinished: count(),
      volumeClaimPolicies: { type: 'array', items: claimPolicy, maxItems: 50, ...atomic },
    }),
    status: struct({ conditions, restarts: int32, restartsCountTowardsMax: int32, terminalState: text, replicatedJobsStatus: listByKey(jobsStatus, 'name') }),
  })),
  subresources: { status: true },
  rules: {
    ...CUSTOM_RULES,
    defaults: defaultJobSet,
    prepareForCreate: (jobSet) => void delete jobSet.status,
    validate: jobSetErrors,
  },
  columns: [
    NAME,
    column('TerminalState', ({ status }) => status?.terminalState ?? ''),
    column('Restarts', ({ status }) => status?.restarts ?? ''),
    column('Completed', ({ status }) => status?.conditions?.find(({ type }) => type === 'Completed')?.status ?? ''),
    column('Suspended', ({ spec }) => String(spec?.suspend ?? '')),
    AGE,
  ],
});

/** Source: jobset, the webhook's Default. */
function defaultJobSet(jobSet: JobSet): void {
  // What is left out is a struct of zero values to upstream; else the first change would find what must not change changed.
  const spec = (jobSet.spec ??= {});
  spec.successPolicy ??= { operator: 'All' };
  spec.startupPolicy ??= { startupPolicyOrder: 'AnyOrder' };
  spec.network = { enableDNSHostnames: true, publishNotReadyAddresses: true, ...spec.network };
  for (const { template } of spec.replicatedJobs ?? []) {
    if (template?.spec === undefined) continue;
    template.spec.completionMode ??= 'Indexed';
    if (template.spec.template?.spec !== undefined) template.spec.template.spec.restartPolicy ||= 'OnFailure';
  }
  for (const [index, each] of (spec.failurePolicy?.rules ?? []).entries()) each.name ||= `failurePolicyRule${index}`;
}

/** Completed or Failed: nothing of it runs any more. */
export function jobSetEnd({ status }: Pick<JobSet, 'status'>) {
  return status?.conditions?.find(({ type, status: is }) => (type === 'Completed' || type === 'Failed') && is === 'True');
}

/** How many pods one Job of it has at a time. */
export function podsPerJob({ template: { spec } }: NonNullable<NonNullable<JobSet['spec']>['replicatedJobs']>[number]): number {
  return Math.min(spec?.parallelism ?? 1, spec?.completions ?? Infinity);
}
