/** What a Job must be like, in upstream's words (batch/v1 validation). */
import type { Job, JobSpec, JobStatus, PodFailurePolicyRule, SuccessPolicyRule } from '../generated/batch-v1.ts';
import type { PodTemplateSpec } from '../generated/core-v1.ts';
import { nonNegative } from '../apps/workload.ts';
import { podTemplateErrors } from '../core/pod-validation.ts';
import { duplicate, invalid, invalidUnshown, notSupported, required, tooLong, tooMany, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { validateLabelSelector } from '../metadata-validation.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors, labelKeyErrors } from '../names.ts';
import { matcherOfSelector } from '../selector.ts';
import { checkIndexes } from './indexes.ts';
import { JOB_LABELS } from './job-labels.ts';
import { isJobCondition } from './job-status-validation.ts';

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const STATUSES = ['False', 'True', 'Unknown'];
const MAX_PARALLELISM = 100_000;
const MAX_FAILED_INDEXES = 100_000;
const MANY_COMPLETIONS = 100_000;
const MANY_PARALLELISM = 10_000;

export function jobErrors(job: Job, old: Job | undefined): FieldError[] {
  const { spec } = job;
  if (spec === undefined) return [required('spec.template')];
  const errors = [...generatedSelectorErrors(job), ...jobSpecErrors(spec, 'spec', { judgeTemplate: !equalJson(old?.spec?.template, spec.template) }), ...selectorErrors(spec)];
  if (old?.spec !== undefined) return [...errors, ...updateErrors(spec, old)];
  if (spec.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
    const hostname = `${job.metadata.name}-${spec.completions! - 1}`;
    if (dns1123LabelErrors(hostname).length > 0) errors.push(invalid('metadata.name', job.metadata.name, `will not able to create pod with invalid DNS label: ${hostname}`));
  }
  return errors;
}

function generatedSelectorErrors({ spec, metadata }: Job): FieldError[] {
  if (spec?.manualSelector === true || spec?.selector === undefined) return [];
  const errors: FieldError[] = [];
  const wanted: Record<string, string> = {};
  const labels = spec.template?.metadata?.labels ?? {};
  for (const [keys, value] of [[JOB_LABELS.uid, metadata.uid ?? ''], [JOB_LABELS.name, metadata.name ?? '']] as const) {
    for (const key of keys) {
      wanted[key] = value;
      const field = `spec.template.metadata.labels[${key}]`;
      if (labels[key] === undefined) errors.push(required(field, `must be '${value}'`));
      else if (labels[key] !== value) errors.push(invalid(field, labels[key], `must be '${value}'`));
    }
  }
  if (validateLabelSelector(spec.selector, '').length === 0 && !matcherOfSelector(spec.selector).matches(wanted)) errors.push(invalid('spec.selector', spec.selector, '`selector` not auto-generated'));
  return errors;
}

function selectorErrors({ selector, template }: JobSpec): FieldError[] {
  if (selector === undefined || selector === null) return [required('spec.selector')];
  const errors = validateLabelSelector(selector, 'spec.selector');
  const labels = template?.metadata?.labels;
  if (errors.length === 0 && !matcherOfSelector(selector).matches(labels)) errors.push(invalid('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'));
  return errors;
}

/** The spec of a job or of the template of a CronJob. */
export function jobSpecErrors(spec: JobSpec, path: string, { judgeTemplate }: { judgeTemplate: boolean }): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished', 'backoffLimitPerIndex', 'maxFailedIndexes'] as const) errors.push(...nonNegative(`${path}.${field}`, spec[field]));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  if (spec.managedBy !== undefined) errors.push(...managedByErrors(spec.managedBy, `${path}.managedBy`));
  errors.push(...modeErrors(spec, path), ...failurePolicyErrors(spec, `${path}.podFailurePolicy`), ...successPolicyErrors(spec, `${path}.successPolicy`));
  if (spec.podReplacementPolicy !== undefined) {
    const allowed = spec.podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
    if (!allowed.includes(spec.podReplacementPolicy)) errors.push(notSupported(`${path}.podReplacementPolicy`, spec.podReplacementPolicy, allowed));
  }
  if (spec.template === undefined) return [...errors, required(`${path}.template`)];
  if (judgeTemplate) errors.push(...podTemplateErrors(spec.template, `${path}.template`));
  return [...errors, ...restartPolicyErrors(spec, `${path}.template.spec.restartPolicy`)];
}

/** The name of a controller: of spec.managedBy, and of whoever else is named in that way. */
export function managedByErrors(managedBy: string, path: string): FieldError[] {
  const slash = managedBy.indexOf('/');
  if (managedBy === '') return [required(path)];
  if (slash < 0 || slash === managedBy.length - 1) return [invalid(path, managedBy, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const errors = dns1123SubdomainErrors(managedBy.slice(0, slash)).map((each) => invalid(path, managedBy.slice(0, slash), each));
  return managedBy.length > 63 ? [...errors, tooLong(path, 63)] : errors;
}

function modeErrors(spec: JobSpec, path: string): FieldError[] {
  const { completionMode = 'NonIndexed', completions, parallelism = 0, maxFailedIndexes, backoffLimitPerIndex } = spec;
  const errors: FieldError[] = [];
  if (completionMode !== 'Indexed' && completionMode !== 'NonIndexed') return [notSupported(`${path}.completionMode`, completionMode, ['Indexed', 'NonIndexed'])];
  if (completionMode === 'NonIndexed') {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) if (spec[field] !== undefined) errors.push(invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode'));
    if (spec.successPolicy !== undefined) errors.push(invalid(`${path}.successPolicy`, spec.successPolicy, 'requires indexed completion mode'));
    return errors;
  }
  if (completions === undefined) errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  if (parallelism > MAX_PARALLELISM) errors.push(invalid(`${path}.parallelism`, parallelism, `must be less than or equal to ${MAX_PARALLELISM} when completion mode is Indexed`));
  const failed = `${path}.maxFailedIndexes`;
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) errors.push(invalid(failed, maxFailedIndexes, 'must be less than or equal to completions'));
  if (maxFailedIndexes !== undefined && maxFailedIndexes > MAX_FAILED_INDEXES) errors.push(invalid(failed, maxFailedIndexes, `must be less than or equal to ${MAX_FAILED_INDEXES}`));
  if ((completions ?? 0) <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return errors;
  const when = `when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;
  if (maxFailedIndexes === undefined) errors.push(required(failed, `must be specified when completions is above ${MANY_COMPLETIONS}`));
  if (parallelism > MANY_PARALLELISM) errors.push(invalid(`${path}.parallelism`, parallelism, `must be less than or equal to ${MANY_PARALLELISM} ${when}`));
  if (maxFailedIndexes !== undefined && maxFailedIndexes > MANY_PARALLELISM) errors.push(invalid(failed, maxFailedIndexes, `must be less than or equal to ${MANY_PARALLELISM} ${when}`));
  return errors;
}

function restartPolicyErrors({ template, podFailurePolicy }: JobSpec, path: string): FieldError[] {
  const policy = template.spec?.restartPolicy ?? '';
  if (template.spec === undefined) return [];
  if (policy === 'Always' || policy === '') return [required(path, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(path, policy, ['OnFailure', 'Never'])];
  return podFailurePolicy !== undefined && policy !== 'Never' ? [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')] : [];
}

function failurePolicyErrors(spec: JobSpec, path: string): FieldError[] {
  if (spec.podFailurePolicy === undefined) return [];
  const rules = spec.podFailurePolicy.rules ?? [];
  const errors = rules.length > 20 ? [tooMany(`${path}.rules`, rules.length, 20)] : [];
  const pod = spec.template?.spec;
  const containers = new Set([...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map(({ name }) => name));
  return [...errors, ...rules.flatMap((rule, index) => failureRuleErrors(rule, `${path}.rules[${index}]`, { containers, perIndex: spec.backoffLimitPerIndex !== undefined }))];
}

function failureRuleErrors(rule: PodFailurePolicyRule, path: string, { containers, perIndex }: { containers: ReadonlySet<string>; perIndex: boolean }): FieldError[] {
  const errors: FieldError[] = [];
  const conditions = rule.onPodConditions ?? [];
  if (!rule.action) errors.push(required(`${path}.action`, `valid values: ${quoted(ACTIONS)}`));
  else if (rule.action === 'FailIndex' && !perIndex) errors.push(invalid(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'));
  else if (!ACTIONS.includes(rule.action)) errors.push(notSupported(`${path}.action`, rule.action, ACTIONS));
  if (rule.onExitCodes !== undefined) errors.push(...exitCodeErrors(rule.onExitCodes, `${path}.onExitCodes`, containers));
  if (conditions.length > 20) errors.push(tooMany(`${path}.onPodConditions`, conditions.length, 20));
  for (const [index, { type = '', status = '' }] of conditions.entries()) {
    const at = `${path}.onPodConditions[${index}]`;
    errors.push(...labelKeyErrors(type).map((each) => invalid(`${at}.type`, type, each)));
    if (status === '') errors.push(required(`${at}.status`, `valid values: ${quoted(STATUSES)}`));
    else if (!STATUSES.includes(status)) errors.push(notSupported(`${at}.status`, status, STATUSES));
  }
  if (rule.onExitCodes !== undefined && conditions.length > 0) errors.push(invalidUnshown(path, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (rule.onExitCodes === undefined && conditions.length === 0) errors.push(invalidUnshown(path, 'specifying one of OnExitCodes and OnPodConditions is required'));
  return errors;
}

function exitCodeErrors({ operator, containerName, values = [] }: NonNullable<PodFailurePolicyRule['onExitCodes']>, path: string, containers: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (!operator) errors.push(required(`${path}.operator`, `valid values: ${quoted(['In', 'NotIn'])}`));
  else if (operator !== 'In' && operator !== 'NotIn') errors.push(notSupported(`${path}.operator`, operator, ['In', 'NotIn']));
  if (containerName !== undefined && !containers.has(containerName)) errors.push(invalid(`${path}.containerName`, containerName, 'must be one of the container or initContainer names in the pod template'));
  if (values.length === 0) errors.push(invalid(`${path}.values`, values, 'at least one value is required'));
  else if (values.length > 255) errors.push(tooMany(`${path}.values`, values.length, 255));
  const seen = new Set<number>();
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0) errors.push(invalid(`${path}.values[${index}]`, value, 'must not be 0 for the In operator'));
    if (seen.has(value)) errors.push(duplicate(`${path}.values[${index}]`, value));
    seen.add(value);
  }
  if (values.some((value, index) => index > 0 && values[index - 1]! > value)) errors.push(invalid(`${path}.values`, values, 'must be ordered'));
  return errors;
}

function successPolicyErrors({ successPolicy, completionMode, completions }: JobSpec, path: string): FieldError[] {
  if (successPolicy === undefined || completionMode !== 'Indexed' || completions === undefined) return [];
  const rules = successPolicy.rules ?? [];
  if (rules.length === 0) return [required(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified')];
  const errors = rules.length > 20 ? [tooMany(`${path}.rules`, rules.length, 20)] : [];
  return [...errors, ...rules.flatMap((rule, index) => successRuleErrors(rule, `${path}.rules[${index}]`, completions))];
}

function successRuleErrors({ succeededCount, succeededIndexes }: SuccessPolicyRule, path: string, completions: number): FieldError[] {
  if (succeededCount === undefined && succeededIndexes === undefined) return [required(path, 'at least one of succeededCount or succeededIndexes must be specified')];
  const errors: FieldError[] = [];
  let total: number | undefined;
  if (succeededIndexes !== undefined) {
    const checked = checkIndexes(succeededIndexes, completions);
    if (succeededIndexes.length > 65_536) errors.push(tooLong(`${path}.succeededIndexes`, 65_536));
    if ('error' in checked) errors.push(invalid(`${path}.succeededIndexes`, succeededIndexes, `error parsing succeededIndexes: ${checked.error}`));
    total = 'error' in checked ? 0 : checked.total;
  }
  if (succeededCount === undefined) return errors;
  const at = `${path}.succeededCount`;
  errors.push(...nonNegative(at, succeededCount));
  if (succeededCount > completions) errors.push(invalid(at, succeededCount, `must be less than or equal to ${completions} (the number of specified completions)`));
  if (total !== undefined && succeededCount > total) errors.push(invalid(at, succeededCount, `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`));
  return errors;
}

const IMMUTABLE = ['selector', 'completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const;

function updateErrors(spec: JobSpec, { spec: old, status }: Job): FieldError[] {
  const errors: FieldError[] = [];
  if (old === undefined) return errors;
  if (!equalJson(spec.completions, old.completions)) {
    if (spec.completionMode !== 'Indexed') errors.push(invalid('spec.completions', spec.completions ?? null, 'field is immutable'));
    else if (spec.completions !== undefined && spec.completions !== spec.parallelism) errors.push(invalid('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism'));
  }
  if (!equalJson(spec.template, mutableTemplate(spec, old, status))) errors.push(invalid('spec.template', spec.template, 'field is immutable'));
  for (const field of IMMUTABLE) if (!equalJson(spec[field], old[field])) errors.push(invalid(`spec.${field}`, spec[field] ?? null, 'field is immutable'));
  return errors;
}

/** What the template must be: as before, but a suspended job that runs no pods, or never started, may be told anew where and with how much its pods run. */
function mutableTemplate(spec: JobSpec, old: JobSpec, status: JobStatus = {}): PodTemplateSpec {
  const isIdle = (status.active ?? 0) === 0;
  const mayMove = !status.startTime || (isIdle && isJobCondition({ status }, 'Suspended'));
  if (old.suspend !== true || !mayMove || spec.template === undefined || old.template?.spec === undefined) return old.template;
  const { metadata, spec: pod } = spec.template;
  const { nodeSelector, tolerations, schedulingGates, affinity } = pod ?? {};
  const { podAffinity, podAntiAffinity } = old.template.spec.affinity ?? {};
  const wanted = { podAffinity, podAntiAffinity, ...(affinity?.nodeAffinity === undefined ? {} : { nodeAffinity: affinity.nodeAffinity }) };
  const hasAffinity = affinity !== undefined || Object.values(wanted).some((each) => each !== undefined);
  const resourcesOf = (list: 'containers' | 'initContainers') => old.template.spec![list]?.map((each, index) => {
    const now = pod?.[list]?.[index];
    return { ...each, resources: isIdle && now?.name === each.name ? now?.resources : each.resources };
  });
  return {
    ...old.template,
    metadata: { ...old.template.metadata, labels: metadata?.labels, annotations: metadata?.annotations },
    spec: { ...old.template.spec, containers: resourcesOf('containers')!, initContainers: resourcesOf('initContainers'), nodeSelector, tolerations, schedulingGates, affinity: hasAffinity ? wanted : undefined },
  };
}

function quoted(words: readonly string[]): string {
  return `[${words.map((each) => JSON.stringify(each)).join(' ')}]`;
}
