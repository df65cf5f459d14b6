/** Pod security: namespaces say by labels which standard their pods keep to (upstream: admission plugin PodSecurity). */
import { Namespace } from '../../api/core/namespace.ts';
import { Pod } from '../../api/core/pod.ts';
import { ApiError, isApiError } from '../../api/errors.ts';
import type { Container, PodSpec } from '../../api/generated/core-v1.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject, ObjectMeta } from '../../api/meta.ts';
import { defineModule, type Admission, type AdmissionRequest, type ModuleContext } from '../../sdk/module.ts';
import { showViolations, violationsOf } from './checks.ts';
import { settingsOf, type Settings } from './settings.ts';
import { compareLevels, MODES, policyOf, sameLevel, showLevel, type LevelVersion } from './levels.ts';

/** Kinds with a template of pods, by name: which of them are served is not asked here. */
const CONTROLLERS = [['', 'replicationcontrollers'], ['', 'podtemplates'], ['apps', 'replicasets'], ['apps', 'deployments'], ['apps', 'statefulsets'], ['apps', 'daemonsets'], ['batch', 'jobs'], ['batch', 'cronjobs']]
  .map(([group, plural]) => ({ group, plural })) as unknown as readonly Kind[];
const IGNORED_SUBRESOURCES = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status']);
const SECCOMP_ANNOTATION = 'seccomp.security.alpha.kubernetes.io/pod';
const MAX_PODS = 3_000;

export default defineModule({
  name: 'pod-security',
  description: 'The Pod Security Standards: baseline and restricted, enforced, warned of or audited by namespace',
  needs: [Namespace, Pod] as readonly unknown[] as readonly Kind[],
  admissions: [
    { name: 'PodSecurity', kinds: [Pod] as readonly unknown[] as readonly Kind[], operations: ['CREATE', 'UPDATE'], validate: judgePod },
    { name: 'PodSecurity templates', kinds: CONTROLLERS, operations: ['CREATE', 'UPDATE'], validate: judgeController },
    { name: 'PodSecurity namespaces', kinds: [Namespace] as readonly unknown[] as readonly Kind[], operations: ['CREATE', 'UPDATE'], validate: judgeNamespace },
  ] satisfies Admission[],
});

async function judgePod(request: AdmissionRequest, context: ModuleContext): Promise<void> {
  if (IGNORED_SUBRESOURCES.has(request.subresource ?? '')) return;
  const pod = request.object as Pod;
  if (request.oldObject !== undefined && !isSignificant(pod, request.oldObject as Pod)) return;
  await judge(request, context, pod.metadata, pod.spec ?? { containers: [] }, true);
}

async function judgeController(request: AdmissionRequest, context: ModuleContext): Promise<void> {
  if (request.subresource) return;
  const object = request.object as { template?: Template; spec?: { template?: Template; jobTemplate?: { spec?: { template?: Template } } } };
  const template = request.kind.plural === 'podtemplates' ? object.template : (object.spec?.template ?? object.spec?.jobTemplate?.spec?.template);
  if (template?.spec !== undefined) await judge(request, context, template.metadata ?? {}, template.spec, false);
}

interface Template { metadata?: ObjectMeta; spec?: PodSpec }

async function judge(request: AdmissionRequest, context: ModuleContext, metadata: ObjectMeta, spec: PodSpec, enforce: boolean): Promise<void> {
  const settings = settingsOf(context);
  const exemption = exemptionOf(settings, request, spec);
  if (exemption !== undefined) return request.annotate?.(`${AUDIT}exempt`, exemption);
  const labels = await labelsOf(request.namespace ?? '', context);
  const { policy } = policyOf(labels, settings.defaults);
  if (enforce) request.annotate?.(`${AUDIT}enforce-policy`, showLevel(policy.enforce));
  if (MODES.every((mode) => policy[mode].level === 'privileged')) return;
  const violates = (mode: LevelVersion): string => showViolations(violationsOf(mode, spec, metadata.annotations));
  const denied = enforce ? violates(policy.enforce) : '';
  const audited = violates(policy.audit);
  if (audited !== '') {
    const text = `would violate PodSecurity "${showLevel(policy.audit)}": ${audited}`;
    request.annotate?.(`${AUDIT}audit-violations`, text);
    context.log.info(text, { resource: request.kind.plural, namespace: request.namespace, name: request.name, user: request.user.name });
  }
  if (denied !== '') throw forbidden(request, `violates PodSecurity "${showLevel(policy.enforce)}": ${denied}`);
  const warned = violates(policy.warn);
  if (warned !== '') warn(request, `would violate PodSecurity "${showLevel(policy.warn)}": ${warned}`);
}

const AUDIT = 'pod-security.kubernetes.io/';

/** By what a request is spared, as the audit log says it. */
function exemptionOf({ exemptions }: Settings, { namespace, user }: AdmissionRequest, spec: PodSpec): string | undefined {
  if (exemptions.namespaces.includes(namespace ?? '')) return 'namespace';
  if (exemptions.usernames.includes(user.name)) return 'user';
  return exemptions.runtimeClasses.includes(spec.runtimeClassName ?? '') ? 'runtimeClass' : undefined;
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

/** Whether an update of a pod changes what the standards speak of: images, seccomp annotations, ephemeral containers. */
function isSignificant(pod: Pod, old: Pod): boolean {
  if (pod.metadata.annotations?.[SECCOMP_ANNOTATION] !== old.metadata.annotations?.[SECCOMP_ANNOTATION]) return true;
  const images = (list: readonly Pick<Container, 'name' | 'image'>[] | undefined): string => JSON.stringify((list ?? []).map(({ name, image }) => [name, image]));
  return (['containers', 'initContainers', 'ephemeralContainers'] as const).some((key) => images(pod.spec?.[key] as Container[]) !== images(old.spec?.[key] as Container[]));
}

async function judgeNamespace(request: AdmissionRequest, context: ModuleContext): Promise<void> {
  if (request.subresource) return;
  const settings = settingsOf(context);
  const now = policyOf(request.object?.metadata.labels, settings.defaults);
  const before = policyOf(request.oldObject?.metadata.labels, settings.defaults);
  const [error] = now.errors;
  const old = before.errors.map((each) => each.field + each.message).join();
  if (error !== undefined && now.errors.map((each) => each.field + each.message).join() !== old) {
    const causes = now.errors.map(({ type, message, field }) => ({ reason: type, message, field }));
    const text = now.errors.map(({ field, message }) => `${field}: ${message}`);
    throw new ApiError('Invalid', `Namespace ${JSON.stringify(request.name ?? '')} is invalid: ${text.length === 1 ? text[0] : `[${text.join(', ')}]`}`, { name: request.name, kind: 'Namespace', causes });
  }
  if (request.oldObject === undefined) return;
  const [enforce, past] = [now.policy.enforce, before.policy.enforce];
  if (enforce.level === 'privileged' || sameLevel(enforce, past) || (enforce.minor === past.minor && compareLevels(enforce.level, past.level) < 1) || settings.exemptions.namespaces.includes(request.name ?? '')) return;
  await warnOfPods(request, enforce, settings, context);
}

/** Pods that are there already stay; whoever tightens the level is told of them. */
async function warnOfPods(request: AdmissionRequest, enforce: LevelVersion, settings: Settings, { client }: ModuleContext): Promise<void> {
  const namespace = request.name ?? '';
  const pods = (await client.list(Pod, { namespace, limit: MAX_PODS })).items as readonly Pod[];
  const byReason = new Map<string, string[]>();
  for (const pod of pods) {
    if (settings.exemptions.runtimeClasses.includes(pod.spec?.runtimeClassName ?? '')) continue;
    const reason = violationsOf(enforce, pod.spec ?? { containers: [] }, pod.metadata.annotations).map((each) => each.reason).join(', ');
    if (reason !== '') byReason.set(reason, [...(byReason.get(reason) ?? []), (pod as KubeObject).metadata.name ?? '']);
  }
  if (byReason.size === 0) return;
  warn(request, `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level "${showLevel(enforce)}"`);
  const lines = [...byReason].map(([reason, names]) => `${[...names].sort()[0]}${names.length === 1 ? '' : names.length === 2 ? ' (and 1 other pod)' : ` (and ${names.length - 1} other pods)`}: ${reason}`);
  for (const line of lines.sort()) warn(request, line);
}
