/** What a JobSet must be like, in upstream's words. Pure. Source: kubernetes-sigs/jobset, pkg/webhooks/jobset_webhook.go and the rules of its definition. */
import { forbidden, invalid, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { dns1035LabelErrors, dns1123SubdomainErrors } from '../names.ts';
import type { Json } from '../meta.ts';
import { compile } from '../schema/regular-expression.ts';
import type { FailurePolicyRule, JobSet, JobSetSpec, ReplicatedJob } from './types.ts';

const MAX_INT32 = 2_147_483_647;
const MOST_JOBS_TO_RESTART = 1_024;
const REASONS = ['BackoffLimitExceeded', 'DeadlineExceeded', 'FailedIndexes', 'MaxFailedIndexesExceeded', 'PodFailurePolicy'];
const RULE_NAME = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const IMMUTABLE = ['network', 'successPolicy', 'failurePolicy', 'startupPolicy', 'volumeClaimPolicies', 'managedBy'] as const;

export function jobSetErrors(jobSet: JobSet, old: JobSet | undefined): FieldError[] {
  const { spec = {}, metadata } = jobSet;
  if (old !== undefined) return updateErrors(spec, old.spec ?? {});
  const jobs = spec.replicatedJobs ?? [];
  const names = jobs.map(({ name }) => name);
  const errors = jobs.flatMap((job, index) => [...replicatedJobErrors(job, metadata.name ?? '', `spec.replicatedJobs[${index}]`), ...dependencyErrors(job, index, names)]);
  if (spec.startupPolicy?.startupPolicyOrder === 'InOrder' && jobs.some(({ dependsOn }) => dependsOn !== undefined)) errors.push(invalid('spec', 'object', 'StartupPolicy and DependsOn APIs are mutually exclusive'));
  for (const each of spec.successPolicy?.targetReplicatedJobs ?? []) if (!names.includes(each)) errors.push(invalid('spec.successPolicy.targetReplicatedJobs', each, `invalid replicatedJob name '${each}' does not appear in .spec.ReplicatedJobs`));
  return [...errors, ...networkErrors(spec), ...managedByErrors(spec.managedBy), ...failurePolicyErrors(spec, names), ...coordinatorErrors(spec), ...claimErrors(spec)];
}

function replicatedJobErrors({ name, groupName, replicas = 1, template }: ReplicatedJob, setName: string, path: string): FieldError[] {
  const { parallelism = 1, completions, completionMode } = template?.spec ?? {};
  const errors: FieldError[] = [];
  if (replicas < 0) errors.push(invalid(`${path}.replicas`, replicas, 'must be greater than or equal to 0'));
  if (parallelism * replicas > MAX_INT32) errors.push(invalid(path, name, `the product of replicas and parallelism must not exceed ${MAX_INT32} for replicatedJob '${name}'`));
  if (groupName !== undefined) errors.push(...labelErrors(groupName, `${path}.groupName`, '.spec.replicatedJob[].groupName is too long, must be less than 63 characters'));
  // Of a name that is still to be generated nobody knows the length.
  if (setName === '') return errors;
  const lastJob = `${setName}-${name}-${replicas - 1}`;
  errors.push(...labelErrors(replicas > 0 ? lastJob : `${setName}-${name}-0`, `${path}.name`, 'JobSet name is too long, job names generated for this JobSet will exceed 63 characters'));
  if (completionMode === 'Indexed' && completions !== undefined && replicas > 0) errors.push(...labelErrors(`${lastJob}-${completions - 1}-abcde`, `${path}.name`, 'JobSet name is too long, pod names generated for this JobSet will exceed 63 characters'));
  return errors;
}

function labelErrors(text: string, path: string, tooLong: string): FieldError[] {
  return dns1035LabelErrors(text).map((each) => invalid(path, text, each.includes('must be no more than 63') ? tooLong : each));
}

function dependencyErrors({ name, dependsOn = [] }: ReplicatedJob, index: number, names: readonly string[]): FieldError[] {
  const path = `spec.replicatedJobs[${index}].dependsOn`;
  if (index === 0) return dependsOn.length > 0 ? [invalid(path, name, "DependsOn can't be set for the first ReplicatedJob")] : [];
  return dependsOn.filter((each) => !names.slice(0, index).includes(each.name)).map((each) => invalid(path, each.name, `replicatedJob: ${name} cannot depend on replicatedJob: ${each.name}`));
}

function networkErrors({ network }: JobSetSpec): FieldError[] {
  const { subdomain = '' } = network ?? {};
  const path = 'spec.network.subdomain';
  return subdomain === '' ? [] : [...dns1123SubdomainErrors(subdomain).map((each) => invalid(path, subdomain, each)), ...labelErrors(subdomain, path, '.spec.network.subdomain is too long, must be less than 63 characters')];
}

function managedByErrors(managedBy: string | undefined): FieldError[] {
  if (managedBy === undefined) return [];
  const slash = managedBy.indexOf('/');
  if (slash < 0 || slash === managedBy.length - 1) return [invalid('spec.managedBy', managedBy, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const errors = dns1123SubdomainErrors(managedBy.slice(0, slash)).map((each) => invalid('spec.managedBy', managedBy.slice(0, slash), each));
  return managedBy.length > 63 ? [...errors, invalid('spec.managedBy', managedBy, 'may not be more than 63 bytes')] : errors;
}

function failurePolicyErrors({ failurePolicy, replicatedJobs = [] }: JobSetSpec, names: readonly string[]): FieldError[] {
  const { rules = [], maxRestarts = 0 } = failurePolicy ?? {};
  const errors = rules.flatMap((rule, index) => ruleErrors(rule, `spec.failurePolicy.rules[${index}]`, names));
  if (maxRestarts < 0) errors.push(invalid('spec.failurePolicy.maxRestarts', maxRestarts, 'must be greater than or equal to 0'));
  for (const [name, same] of Map.groupBy(rules.keys(), (index) => rules[index]!.name)) if (same.length > 1) errors.push(invalid('spec.failurePolicy.rules', name, `rule names are not unique, rules with indices [${same.join(' ')}] all have the same name '${name}'`));
  const restartsOne = rules.some(({ action }) => action === 'RestartJob' || action === 'RestartJobAndIgnoreMaxRestarts');
  if (restartsOne && replicatedJobs.some(({ replicas = 1 }) => replicas > MOST_JOBS_TO_RESTART)) errors.push(invalid('spec.failurePolicy.rules', 'RestartJob', `at most ${MOST_JOBS_TO_RESTART} replicas of a replicatedJob can be restarted one by one`));
  return errors;
}

function ruleErrors({ name = '', onJobFailureReasons = [], onJobFailureMessagePatterns = [], targetReplicatedJobs = [] }: FailurePolicyRule, path: string, names: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  if (name.length > 128) errors.push(invalid(`${path}.name`, name, `invalid failure policy rule name of length ${name.length}, the rule name must be at least 1 characters long and at most 128 characters long`));
  if (!RULE_NAME.test(name)) errors.push(invalid(`${path}.name`, name, `invalid failure policy rule name '${name}', a failure policy rule name must start with an alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'`));
  for (const each of targetReplicatedJobs) if (!names.includes(each)) errors.push(invalid(`${path}.targetReplicatedJobs`, each, `invalid replicatedJob name '${each}' in failure policy does not appear in .spec.ReplicatedJobs`));
  for (const each of onJobFailureReasons) if (!REASONS.includes(each)) errors.push(invalid(`${path}.onJobFailureReasons`, each, `invalid job failure reason '${each}' in failure policy is not a recognized job failure reason`));
  for (const each of onJobFailureMessagePatterns) if (compile(each) === undefined) errors.push(invalid(`${path}.onJobFailureMessagePatterns`, each, 'must be a regular expression'));
  return errors;
}

function coordinatorErrors({ coordinator, replicatedJobs = [] }: JobSetSpec): FieldError[] {
  if (coordinator === undefined) return [];
  const { replicatedJob, jobIndex = 0, podIndex = 0 } = coordinator;
  const wrong = (message: string): FieldError[] => [invalid('spec.coordinator', replicatedJob, message)];
  const job = replicatedJobs.find(({ name }) => name === replicatedJob);
  if (job === undefined) return wrong(`coordinator replicatedJob ${replicatedJob} does not exist`);
  if (jobIndex < 0 || jobIndex >= (job.replicas ?? 1)) return wrong(`coordinator job index ${jobIndex} is invalid for replicatedJob ${replicatedJob}`);
  if (job.template?.spec?.completionMode !== 'Indexed') return wrong('job for coordinator pod must be indexed completion mode');
  return podIndex < 0 || podIndex >= (job.template.spec.completions ?? 1) ? wrong(`coordinator pod index ${podIndex} is invalid for replicatedJob ${replicatedJob} job index ${jobIndex}`) : [];
}

/** Each claim is mounted somewhere, and no volume of a template has its name. */
function claimErrors({ volumeClaimPolicies = [], replicatedJobs = [] }: JobSetSpec): FieldError[] {
  const specs = replicatedJobs.map(({ template }) => template?.spec?.template?.spec);
  return volumeClaimPolicies.flatMap(({ templates = [] }, index) => templates.flatMap(({ metadata }, at): FieldError[] => {
    const path = `spec.volumeClaimPolicies[${index}].templates[${at}].metadata.name`;
    const name = metadata?.name ?? '';
    if (specs.some((each) => each?.volumes?.some((volume) => volume.name === name))) return [invalid(path, name, `a replicatedJob has a volume ${name} of its own`)];
    const isMounted = specs.some((each) => [...(each?.containers ?? []), ...(each?.initContainers ?? [])].some(({ volumeMounts }) => volumeMounts?.some((mount) => mount.name === name)));
    return isMounted ? [] : [invalid(path, name, `no container of a replicatedJob mounts the volume ${name}`)];
  }));
}

/** Templates may change where it is suspended, in what depends on where its pods run. */
function updateErrors(spec: JobSetSpec, old: JobSetSpec): FieldError[] {
  const errors = IMMUTABLE.filter((field) => !equalJson((spec[field] ?? null) as Json, (old[field] ?? null) as Json)).map((field) => forbidden(`spec.${field}`, 'Value is immutable'));
  const isHeld = spec.suspend === true || old.suspend === true;
  const shape = (jobs: readonly ReplicatedJob[] = []): Json => (isHeld ? jobs.map(withoutPlace) : jobs) as unknown as Json;
  if (!equalJson(shape(spec.replicatedJobs), shape(old.replicatedJobs))) errors.push(invalid('spec.replicatedJobs', 'array', 'field is immutable'));
  return errors;
}

function withoutPlace(job: ReplicatedJob): ReplicatedJob {
  const next = structuredClone(job);
  const template = next.template?.spec?.template;
  if (template === undefined) return next;
  delete template.metadata;
  for (const field of ['nodeSelector', 'tolerations', 'schedulingGates'] as const) delete template.spec?.[field];
  return next;
}
