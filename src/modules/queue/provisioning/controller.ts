/** Workloads that wait for nodes: a cluster autoscaler is asked for them once they have quota, and they are let in when it has them. Source: Kueue, admissionchecks/provisioning/controller.go. */
import { PodTemplate } from '../../../api/core/pod-template.ts';
import { equalJson } from '../../../api/json.ts';
import { ProvisioningRequest as Requests } from '../../../api/kueue/frameworks.ts';
import { AdmissionCheck } from '../../../api/kueue/local-queue.ts';
import { ProvisioningRequestConfig } from '../../../api/kueue/provisioning.ts';
import type { AdmissionCheckState } from '../../../api/kueue/types.ts';
import { Workload } from '../../../api/kueue/workload.ts';
import type { Kind } from '../../../api/kind.ts';
import type { Json } from '../../../api/meta.ts';
import { controllerReference, isControlledBy } from '../../../api/owner.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import { isApiError, keyOf, watching, type Caches, type Controller, type ReconcileContext } from '../../../sdk/index.ts';
import { is, isReserved } from '../conditions.ts';
import { requestsOfLimits } from '../demand.ts';
import { startInfoOf } from '../start-info.ts';
import { createView } from '../view.ts';
import { configOf } from './check-status.ts';
import { answerOf, askedSets, attemptOf, CONTROLLER, isInStep, MANAGED_LABELS, neededSets, parametersOf, requestName, says, templateName, type AskedSet, type Known, type ProvisioningRequest } from './requests.ts';

const BY_WORKLOAD = 'provisioning-workload';
const BY_CHECK = 'provisioning-check';
const ProvisioningRequests = Requests as Kind<ProvisioningRequest>;

export const provisioningRequests: Controller<Workload> = {
  name: 'provisioning-requests',
  for: Workload,
  owns: [Requests],
  watches: [
    watching(AdmissionCheck, ({ metadata }, caches) => waitingFor(metadata.name ?? '', caches)),
    watching(ProvisioningRequestConfig, ({ metadata }, caches) => caches.of(AdmissionCheck).list().filter(({ spec }) => spec?.controllerName === CONTROLLER && spec.parameters?.name === metadata.name).flatMap((each) => waitingFor(each.metadata.name ?? '', caches))),
  ],
  writes: [PodTemplate],
  async reconcile(_key, workload, context) {
    if (workload === undefined || workload.metadata.deletionTimestamp !== undefined || !isReserved(workload) || is(workload, 'Finished') || is(workload, 'Evicted')) return;
    const { caches } = context;
    const owned = requestsOf(workload, caches);
    const known = new Map((workload.status?.admissionChecks ?? []).filter(({ name }) => caches.of(AdmissionCheck).get(name)?.spec?.controllerName === CONTROLLER).map(({ name }) => [name, knownOf(name, workload, owned, caches)] as const));
    const now = await answered(workload, known, context);
    const used = [...known.values()].map(({ request }) => request);
    for (const request of owned.filter((each) => !used.includes(each))) await ifThere(context.client.delete(ProvisioningRequests, request.metadata.name ?? '', { namespace: request.metadata.namespace }));
    for (const [name, each] of known) await ask(now, now.status!.admissionChecks!.find((check) => check.name === name)!, each, context);
  },
};

function waitingFor(check: string, caches: Caches): readonly string[] {
  const cache = caches.of(Workload);
  cache.addIndex(BY_CHECK, ({ status }) => (status?.admissionChecks ?? []).map(({ name }) => name));
  return cache.byIndex(BY_CHECK, check).map(keyOf);
}

function requestsOf({ metadata }: Workload, caches: Caches): readonly ProvisioningRequest[] {
  const cache = caches.of(ProvisioningRequests);
  cache.addIndex(BY_WORKLOAD, (request) => (request.metadata.deletionTimestamp !== undefined ? [] : (request.metadata.ownerReferences ?? []).map(({ uid }) => uid)));
  return cache.byIndex(BY_WORKLOAD, metadata.uid ?? '');
}

/** Of a check the newest attempt that asks for what is wanted now. */
function knownOf(check: string, workload: Workload, owned: readonly ProvisioningRequest[], caches: Caches): Known {
  const found = configOf(caches.of(AdmissionCheck).get(check)!, caches);
  const config = typeof found === 'string' ? undefined : found;
  const attempt = ({ metadata }: ProvisioningRequest): number => attemptOf(metadata.name ?? '', workload.metadata.name ?? '', check) ?? 0;
  const own = config === undefined || neededSets(workload, config).length === 0 ? [] : owned.filter((each) => attempt(each) > 0 && isInStep(each, config));
  return { config, request: own.toSorted((one, other) => attempt(other) - attempt(one))[0] };
}

/** Writes what the requests say into the checks. */
async function answered(workload: Workload, known: ReadonlyMap<string, Known>, { client, clock, events }: ReconcileContext): Promise<Workload> {
  const nowMs = clock.nowMs();
  let requeueState = workload.status?.requeueState;
  const told: string[] = [];
  const admissionChecks = (workload.status?.admissionChecks ?? []).map((before): AdmissionCheckState => {
    const each = known.get(before.name);
    if (each === undefined) return before;
    const { check, requeueState: next } = answerOf(before, workload, each, nowMs);
    requeueState = next ?? requeueState;
    if (check.state === before.state) return check;
    told.push(`Admission check ${check.name} updated state from ${before.state} to ${check.state}${check.message === '' ? '' : ` with message ${check.message}`}`);
    return { ...check, lastTransitionTime: rfc3339(nowMs) };
  });
  if (equalJson(admissionChecks as unknown as Json, (workload.status?.admissionChecks ?? []) as unknown as Json)) return workload;
  const next = await client.update(Workload, { ...workload, status: { ...workload.status, admissionChecks, ...(requeueState !== undefined && { requeueState }) } }, { subresource: 'status' });
  for (const message of told) events.event(workload, 'Normal', 'AdmissionCheckUpdated', message);
  return next;
}

/** Asks the autoscaler, if nobody does for this check or what was asked before came to nothing. */
async function ask(workload: Workload, check: AdmissionCheckState, { config, request }: Known, context: ReconcileContext): Promise<void> {
  if (config === undefined || neededSets(workload, config).length === 0 || check.state === 'Ready') return;
  const isOver = request !== undefined && check.state === 'Pending' && (says(request, 'Failed') || (says(request, 'BookingExpired') && !is(workload, 'Admitted')));
  if (request !== undefined && !isOver) {
    // Nobody has answered: its templates may be missing still, where something failed or ended between them and it.
    if ((request.status?.conditions ?? []).length === 0) await makeTemplates(request, workload, config, context);
    return;
  }
  const attempt = request === undefined ? (check.retryCount ?? 0) + 1 : (attemptOf(request.metadata.name ?? '', workload.metadata.name ?? '', check.name) ?? 0) + 1;
  const name = requestName(workload.metadata.name ?? '', check.name, attempt);
  try {
    await create(name, workload, config, context);
  } catch (error) {
    if (!isApiError(error, 'Invalid', 'Forbidden', 'BadRequest')) throw error;
    // What the autoscaler's definition refuses is told where its user looks.
    const message = `Error creating ProvisioningRequest ${JSON.stringify(name)}: ${error.message}`;
    context.events.event(workload, 'Warning', 'FailedCreate', message);
    if (check.message === message) return;
    const admissionChecks = workload.status!.admissionChecks!.map((each) => (each.name === check.name ? { ...each, message } : each));
    await context.client.update(Workload, { ...workload, status: { ...workload.status, admissionChecks } }, { subresource: 'status' });
  }
}

async function create(name: string, workload: Workload, config: ProvisioningRequestConfig, context: ReconcileContext): Promise<void> {
  const { client, events } = context;
  const sets = askedSets(workload, config);
  const { namespace } = workload.metadata;
  const podSets = sets.map(({ set, count }) => ({ podTemplateRef: { name: templateName(name, set.name) }, count }));
  const metadata = { name, namespace, labels: MANAGED_LABELS, ownerReferences: [controllerReference(Workload, workload)] };
  const made = await created(client.create(ProvisioningRequests, { metadata, spec: { provisioningClassName: config.spec!.provisioningClassName, parameters: parametersOf(workload, config), podSets } }));
  const request = made ?? (await client.get(ProvisioningRequests, name, { namespace }));
  await makeTemplates(request, workload, config, context);
  if (made !== undefined) events.event(workload, 'Normal', 'ProvisioningRequestCreated', `Created ProvisioningRequest: ${JSON.stringify(name)}`);
}

/** One that is there of another request of the name, which went, would go with that. */
async function makeTemplates(request: ProvisioningRequest, workload: Workload, config: ProvisioningRequestConfig, context: ReconcileContext): Promise<void> {
  const { client } = context;
  for (const each of askedSets(workload, config)) {
    const wanted = templateFor(request, each, workload, context);
    const there = await ifThere(client.get(PodTemplate, wanted.metadata.name ?? '', { namespace: wanted.metadata.namespace }));
    if (there === undefined) await created(client.create(PodTemplate, wanted));
    else if (!isControlledBy(there, request)) await client.update(PodTemplate, { ...wanted, metadata: { ...there.metadata, ...wanted.metadata } });
  }
}

/** Undefined of what is there already. */
async function created<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isApiError(error, 'AlreadyExists')) return undefined;
    throw error;
  }
}

/** The pods of a set as they will be: where their flavors are, with requests of what they are limited to, and not held back by gates, with which an autoscaler would take them for none of its. */
function templateFor(request: ProvisioningRequest, { set }: AskedSet, workload: Workload, { caches }: ReconcileContext): PodTemplate {
  const { nodeSelector, tolerations } = startInfoOf({ ...workload, status: { ...workload.status, admissionChecks: [] } }, set.name, createView(caches));
  const { schedulingGates: _gates, ...spec } = requestsOfLimits(structuredClone(set.template.spec ?? { containers: [] }));
  const template = { ...set.template, spec: { ...spec, nodeSelector: { ...spec.nodeSelector, ...nodeSelector }, tolerations: [...(spec.tolerations ?? []), ...tolerations] } };
  return { metadata: { name: templateName(request.metadata.name ?? '', set.name), namespace: workload.metadata.namespace, labels: MANAGED_LABELS, ownerReferences: [controllerReference(ProvisioningRequests, request)] }, template };
}
