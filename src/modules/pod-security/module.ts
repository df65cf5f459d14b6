/** Pod security: namespaces say by labels which standard their pods keep to (upstream: admission plugin PodSecurity). */
import { Namespace } from '../../api/core/namespace.ts';
import { Pod } from '../../api/core/pod.ts';
import { ApiError, isApiError } from '../../api/errors.ts';
import type { FieldError } from '../../api/field-error.ts';
import type { Container, PodSpec } from '../../api/generated/core-v1.ts';
import { equalJson } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import type { ObjectMeta } from '../../api/meta.ts';
import { defineModule, type Admission, type AdmissionRequest, type ModuleContext } from '../../sdk/module.ts';
import { SECCOMP_CONTAINER, showViolations, violationsOf } from './checks.ts';
import { warningsOfPods } from './existing-pods.ts';
import { settingsOf, type Settings } from './settings.ts';
import { compareLevels, isEquivalent, isPrivileged, labelOf, MODES, policyOf, sameLevel, showLevel, type LevelVersion, type Policy } from './levels.ts';
import { countError, countEvaluation, countExemption, podSecurityMetricsText } from './metrics.ts';

/** Kinds with a template of pods, by name: which of them are served is not asked here. */
const CONTROLLERS = [['', 'replicationcontrollers'], ['', 'podtemplates'], ['apps', 'replicasets'], ['apps', 'deployments'], ['apps', 'statefulsets'], ['apps', 'daemonsets'], ['batch', 'jobs'], ['batch', 'cronjobs']]
  .map(([group, plural]) => ({ group, plural })) as unknown as readonly Kind[];
const IGNORED_SUBRESOURCES = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status']);

export default defineModule({
  name: 'pod-security',
  description: 'The Pod Security Standards: baseline and restricted, enforced, warned of or audited by namespace',
  needs: [Namespace, Pod] as readonly unknown[] as readonly Kind[],
  admissions: [
    { name: 'PodSecurity', kinds: [Pod] as readonly unknown[] as readonly Kind[], operations: ['CREATE', 'UPDATE'], validate: judgePod },
    { name: 'PodSecurity templates', kinds: CONTROLLERS, operations: ['CREATE', 'UPDATE'], validate: judgeController },
    { name: 'PodSecurity namespaces', kinds: [Namespace] as readonly unknown[] as readonly Kind[], operations: ['CREATE', 'UPDATE'], validate: judgeNamespace },
  ] satisfies Admission[],
  async start({ metrics }) {
    metrics?.(podSecurityMetricsText);
  },
});

async function judgePod(request: AdmissionRequest, context: ModuleContext): Promise<void> {
  if (IGNORED_SUBRESOURCES.has(request.subresource ?? '') || isExempt(request, settingsOf(context))) return;
  const { policy, errors } = await policyFor(request, context);
  if (errors.length === 0 && isPrivileged(policy)) return allowAll(request, policy);
  const pod = request.object as Pod;
  if (request.oldObject !== undefined && !isSignificant(pod, request.oldObject as Pod)) return;
  judge(request, context, { policy, errors, metadata: pod.metadata, spec: pod.spec ?? { containers: [] }, enforce: true });
}

async function judgeController(request: AdmissionRequest, context: ModuleContext): Promise<void> {
  if (request.subresource || isExempt(request, settingsOf(context))) return;
  const { policy, errors } = await policyFor(request, context);
  if (errors.length === 0 && policy.warn.level === 'privileged' && policy.audit.level === 'privileged') return;
  const object = request.object as { template?: Template; spec?: { template?: Template; jobTemplate?: { spec?: { template?: Template } } } };
  const template = request.kind.plural === 'podtemplates' ? object.template : (object.spec?.template ?? object.spec?.jobTemplate?.spec?.template);
  if (template?.spec !== undefined) judge(request, context, { policy, errors, metadata: template.metadata ?? {}, spec: template.spec, enforce: false });
}

interface Template { metadata?: ObjectMeta; spec?: PodSpec }

interface Subject {
  policy: Policy;
  errors: readonly FieldError[];
  metadata: ObjectMeta;
  spec: PodSpec;
  /** Of a template only warnings and the audit log tell: its pods are judged by themselves. */
  enforce: boolean;
}

function judge(request: AdmissionRequest, context: ModuleContext, { policy, errors, metadata, spec, enforce }: Subject): void {
  if (settingsOf(context).exemptions.runtimeClasses.includes(spec.runtimeClassName ?? '')) return exempt(request, 'runtimeClass');
  if (errors.length > 0) {
    request.annotate?.(`${AUDIT}error`, `Failed to parse policy: ${inBrackets(errors.map(showError))}`);
    countError(request);
  }
  if (enforce) request.annotate?.(`${AUDIT}enforce-policy`, showLevel(policy.enforce));
  const violates = (level: LevelVersion): string => showViolations(violationsOf(level, spec, metadata.annotations));
  const denied = enforce ? violates(policy.enforce) : '';
  if (enforce) countEvaluation(denied === '' ? 'allow' : 'deny', 'enforce', policy.enforce, request);
  const audited = violates(policy.audit);
  if (audited !== '') {
    const text = `would violate PodSecurity "${showLevel(policy.audit)}": ${audited}`;
    request.annotate?.(`${AUDIT}audit-violations`, text);
    countEvaluation('deny', 'audit', policy.audit, request);
    context.log.info(text, { resource: request.kind.plural, namespace: request.namespace, name: request.name, user: request.user.name });
  }
  if (denied !== '') throw forbidden(request, `violates PodSecurity "${showLevel(policy.enforce)}": ${denied}`);
  const warned = violates(policy.warn);
  if (warned === '') return;
  countEvaluation('deny', 'warn', policy.warn, request);
  warn(request, `would violate PodSecurity "${showLevel(policy.warn)}": ${warned}`);
}

const AUDIT = 'pod-security.kubernetes.io/';

function allowAll(request: AdmissionRequest, { enforce }: Policy): void {
  request.annotate?.(`${AUDIT}enforce-policy`, 'privileged:latest');
  countEvaluation('allow', 'enforce', enforce, request);
}

/** By its namespace or user; pods of a runtime class are exempt once their namespace asks for anything. */
function isExempt(request: AdmissionRequest, { exemptions }: Settings): boolean {
  const by = exemptions.namespaces.includes(request.namespace ?? '') ? 'namespace' : exemptions.usernames.includes(request.user.name) ? 'user' : undefined;
  if (by !== undefined) exempt(request, by);
  return by !== undefined;
}

function exempt(request: AdmissionRequest, by: 'namespace' | 'user' | 'runtimeClass'): void {
  request.annotate?.(`${AUDIT}exempt`, by);
  countExemption(request);
}

async function policyFor({ namespace = '' }: AdmissionRequest, context: ModuleContext): Promise<{ policy: Policy; errors: FieldError[] }> {
  return policyOf(await labelsOf(namespace, context), settingsOf(context).defaults);
}

async function labelsOf(namespace: string, { client }: ModuleContext): Promise<Record<string, string> | undefined> {
  try {
    return (await client.get(Namespace, namespace)).metadata.labels;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

function warn({ warnings }: AdmissionRequest, text: string): void {
  if (warnings?.includes(text) === false) warnings.push(text);
}

function forbidden({ kind, name, object }: AdmissionRequest, why: string): ApiError {
  const about = name || object?.metadata.name || object?.metadata.generateName || '';
  return new ApiError('Forbidden', `${kind.plural} ${JSON.stringify(about)} is forbidden: ${why}`, { name: about, kind: kind.plural });
}

/** Whether an update of a pod changes what the standards speak of and what may change: images, containers, seccomp annotations. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const changed = (now: Named, before: Named | undefined): boolean => {
    const key = SECCOMP_CONTAINER + now.name;
    return now.image !== before?.image || pod.metadata.annotations?.[key] !== old.metadata.annotations?.[key];
  };
  const listsDiffer = (now: readonly Named[] = [], before: readonly Named[] = []): boolean => now.length !== before.length || now.some((each, index) => changed(each, before[index]));
  const added = (pod.spec?.ephemeralContainers ?? []) as readonly Named[];
  const known = (old.spec?.ephemeralContainers ?? []) as readonly Named[];
  return listsDiffer(pod.spec?.containers, old.spec?.containers) || listsDiffer(pod.spec?.initContainers, old.spec?.initContainers)
    || added.some((each) => changed(each, known.find(({ name }) => name === each.name)));
}

type Named = Pick<Container, 'name' | 'image'>;

async function judgeNamespace(request: AdmissionRequest, context: ModuleContext): Promise<void> {
  if (request.subresource) return;
  const settings = settingsOf(context);
  const labels = request.object?.metadata.labels;
  const now = policyOf(labels, settings.defaults);
  const before = policyOf(request.oldObject?.metadata.labels, settings.defaults);
  const isKnown = request.oldObject !== undefined && equalJson(now.errors, before.errors);
  if (now.errors.length > 0 && !isKnown) throw invalidLabels(request, now.errors);
  const name = request.name ?? request.object?.metadata.name ?? '';
  const isIgnored = settings.exemptions.namespaces.includes(name);
  if (request.oldObject === undefined) return isIgnored ? warnOfNothing(request, name, now.policy, settings) : undefined;
  const [enforce, past] = [now.policy.enforce, before.policy.enforce];
  if (enforce.level === 'privileged' || sameLevel(enforce, past) || (enforce.minor === past.minor && compareLevels(enforce.level, past.level) < 1)) return;
  if (isIgnored) return warnOfNothing(request, name, now.policy, settings);
  for (const text of await existingPods(name, enforce, settings, context)) warn(request, text);
}

function invalidLabels({ name, object }: AdmissionRequest, errors: readonly FieldError[]): ApiError {
  const about = name ?? object?.metadata.name ?? '';
  const causes = errors.map(({ type, message, field }) => ({ reason: type, message, field }));
  return new ApiError('Invalid', `Namespace ${JSON.stringify(about)} is invalid: ${inBrackets(errors.map(showError))}`, { name: about, kind: 'Namespace', causes });
}

const showError = ({ field, message }: FieldError): string => `${field}: ${message}`;
const inBrackets = (texts: readonly string[]): string => (texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`);

/** Who asks for a level where none counts is told so. */
function warnOfNothing(request: AdmissionRequest, namespace: string, policy: Policy, { defaults }: Settings): void {
  if (isPrivileged(policy) || isEquivalent(policy, defaults)) return;
  const labels = request.object?.metadata.labels ?? {};
  const said = MODES.filter((mode) => policy[mode].level !== 'privileged' && (labels[labelOf(mode)] ?? labels[`${labelOf(mode)}-version`]) !== undefined);
  warn(request, `namespace ${JSON.stringify(namespace)} is exempt from Pod Security, and the policy (${said.map((mode) => `${mode}=${showLevel(policy[mode])}`).join(', ')}) will be ignored`);
}

async function existingPods(namespace: string, enforce: LevelVersion, { exemptions }: Settings, { client, log }: ModuleContext): Promise<string[]> {
  try {
    const pods = (await client.list(Pod, { namespace })).items as readonly Pod[];
    return warningsOfPods({ namespace, pods, enforce, exempt: exemptions.runtimeClasses });
  } catch (error) {
    log.warn('pods of a namespace cannot be listed to judge them by its new level', { namespace, error });
    return ['failed to list pods while checking new PodSecurity enforce level'];
  }
}
