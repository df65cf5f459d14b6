/** Mutating and validating webhooks: who is asked, in which order, and what an answer does (upstream: admission/plugin/webhook). */
import { WEBHOOK_VARIABLES } from '../../api/admissionregistration/expressions.ts';
import { cel } from '../../api/cel/lazy.ts';
import { ApiError, isApiError, type Status } from '../../api/errors.ts';
import type { AdmissionResponse } from '../../api/generated/admission-v1.ts';
import type { MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration } from '../../api/generated/admissionregistration-v1.ts';
import { parseJson } from '../../api/int64.ts';
import type { Kind } from '../../api/kind.ts';
import type { Json, KubeObject } from '../../api/meta.ts';
import { jsonPatch } from '../../api/merge/json-patch.ts';
import type { AdmissionRequest, ModuleContext } from '../../sdk/module.ts';
import { callWebhook } from '../../sdk/webhook/call.ts';
import { bindingsOf, conditionsHold } from './conditions.ts';
import { matchedKind, type Place } from './match.ts';
import { metricsOf, type WebhookAnswer } from './metrics.ts';
import { replaceObject } from './patched.ts';
import { backFrom, inVersion, responseOf, reviewOf } from './review.ts';

type Webhook = MutatingWebhook | ValidatingWebhook;
type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

interface Hook<W extends Webhook> {
  webhook: W;
  id: string;
  configuration: string;
}

/** In upstream's order: by the names of configurations, then as they stand there. */
export function hooksOf<W extends Webhook>(configurations: readonly Configuration[]): Hook<W>[] {
  const sorted = configurations.toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  return sorted.flatMap((configuration) => (configuration.webhooks ?? []).map((webhook, index) => ({ webhook: webhook as W, id: `${configuration.metadata.uid}/${index}/${webhook.name}`, configuration: configuration.metadata.name ?? '' })));
}

/** The kind in which the webhook sees the object, when it is to be asked at all. Throws where its conditions cannot be judged and it fails closed. */
async function meant(webhook: Webhook, request: AdmissionRequest, place: Place, context: ModuleContext): Promise<Kind | undefined> {
  const kind = matchedKind({ ...webhook, rules: webhook.rules ?? [] }, request, place, context.kinds);
  if (kind === undefined || (webhook.matchConditions ?? []).length === 0) return kind;
  try {
    return conditionsHold(webhook, webhook.matchConditions!, WEBHOOK_VARIABLES, await bindingsOf(request, kind), new (cel().Budget)()) ? kind : undefined;
  } catch (error) {
    if (webhook.failurePolicy === 'Ignore') return undefined;
    const { group, plural } = request.kind;
    const resource = group === '' ? plural : `${plural}.${group}`;
    throw new ApiError('Forbidden', `${resource} ${JSON.stringify(request.name ?? '')} is forbidden: ${(error as Error).message}`, { name: request.name, group: group || undefined, kind: plural });
  }
}

/** The code that upstream gives a webhook that could not be asked. */
const UNAVAILABLE = 503;

/** What may go wrong with the call itself: failurePolicy decides about it. */
class CallFailure extends Error {}

interface Said extends AdmissionResponse {
  /** What a mutating webhook wants to be changed. */
  operations: readonly Json[];
}

async function ask(webhook: Webhook, kind: Kind, request: AdmissionRequest, context: ModuleContext, mutating: boolean): Promise<Said> {
  if (request.dryRun && webhook.sideEffects !== 'None' && webhook.sideEffects !== 'NoneOnDryRun') throw new ApiError('BadRequest', `admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
  const review = await reviewOf(request, kind, webhook.admissionReviewVersions);
  let answer: unknown;
  let response: AdmissionResponse;
  try {
    const { deadline } = request;
    // The webhook is told how long there is: its own time, or what is left of the client's.
    const timeoutMs = Math.min((webhook.timeoutSeconds ?? 10) * 1_000, Math.max(1, Math.ceil((deadline?.endMs ?? Infinity) - performance.now())));
    answer = await callWebhook({ client: context.client, target: webhook.clientConfig, body: review, timeoutMs, signal: deadline === undefined ? context.signal : AbortSignal.any([context.signal, deadline]) });
  } catch (error) {
    throw new CallFailure(`failed to call webhook: ${(error as Error).message}`);
  }
  try {
    response = responseOf(review, answer, mutating);
  } catch (error) {
    throw new CallFailure(`received invalid webhook response: ${(error as Error).message}`);
  }
  return { ...response, operations: response.allowed === true && response.patch ? operationsOf(response.patch) : [] };
}

function operationsOf(patch: string): Json[] {
  const undecodable = (why: string): CallFailure => new CallFailure(`received undecodable patch in webhook response: ${why}`);
  let operations: Json;
  try {
    operations = parseJson(Buffer.from(patch, 'base64').toString('utf8')) as Json;
  } catch (error) {
    throw undecodable((error as Error).message);
  }
  if (!Array.isArray(operations)) throw undecodable('a JSON patch is a list of operations');
  return operations;
}

/** What a webhook says; undefined when it could not be asked and that does not matter. Throws ApiError to refuse. */
async function answerOf(webhook: Webhook, kind: Kind, request: AdmissionRequest, context: ModuleContext, how: { mutating: boolean; index: number }): Promise<Said | undefined> {
  const fromMs = performance.now();
  const metrics = metricsOf(context);
  const type = how.mutating ? 'admit' : 'validating';
  const told = (code: number, rejected?: WebhookAnswer['rejected']): void => metrics.webhook((performance.now() - fromMs) / 1000, { name: webhook.name, type, operation: request.operation, code, ...(rejected === undefined ? {} : { rejected }) });
  let response: Said;
  try {
    response = await ask(webhook, kind, request, context, how.mutating);
  } catch (error) {
    if (!(error instanceof CallFailure)) {
      told(0, 'apiserver_internal_error');
      throw error;
    }
    const isOpen = webhook.failurePolicy === 'Ignore';
    told(UNAVAILABLE, isOpen ? undefined : 'calling_webhook_error');
    if (isOpen) metrics.failedOpen(webhook.name, type);
    const message = `failed calling webhook ${JSON.stringify(webhook.name)}: ${error.message}`;
    context.log.warn(message, { failurePolicy: webhook.failurePolicy });
    if (isOpen) {
      request.annotate?.(`failed-open.${how.mutating ? 'mutation' : 'validating'}.webhook.admission.k8s.io/round_${request.again === true && how.mutating ? 1 : 0}_index_${how.index}`, webhook.name);
      return undefined;
    }
    throw new ApiError('InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
  }
  for (const warning of response.warnings ?? []) if (request.warnings?.includes(warning) === false) request.warnings.push(warning.slice(0, 4096));
  for (const [key, value] of Object.entries(response.auditAnnotations ?? {})) request.annotate?.(`${webhook.name}/${key}`, value);
  if (response.allowed === true) {
    told(200);
    return response;
  }
  const refused = refusal(webhook.name, response.status as Partial<Status> | undefined);
  told(refused.code, 'no_error');
  throw refused;
}

function refusal(name: string, status: Partial<Status> = {}): ApiError {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`;
  const why = status.message || status.reason;
  const code = (status.code ?? 0) < 400 ? 400 : status.code;
  return ApiError.fromStatus({ ...status, code, message: why ? `${by}: ${why}` : `${by} without explanation` });
}

interface Rounds { previously: Set<string>; again: Set<string>; output: string }

const rounds = new WeakMap<AdmissionRequest, Rounds>();

/** Asks one after the other, each about what the one before made. Gives true when an object was changed. */
export async function mutate(hooks: readonly Hook<MutatingWebhook>[], request: AdmissionRequest, place: Place, context: ModuleContext): Promise<boolean> {
  let round = rounds.get(request);
  if (round === undefined) rounds.set(request, (round = { previously: new Set(), again: new Set(), output: '' }));
  const second = request.again === true;
  // What the other steps changed in between is news for every webhook that wants to hear of it.
  if (second && round.previously.size > 0 && JSON.stringify(request.object) !== round.output) requireAgain(round);
  let changed = false;
  for (const [index, { webhook, id, configuration }] of hooks.entries()) {
    const kind = await meant(webhook, request, place, context);
    if (kind === undefined || (second && !round.again.has(id))) continue;
    const key = `webhook.admission.k8s.io/round_${second ? 1 : 0}_index_${index}`;
    let mutated = false;
    try {
      const { operations = [] } = (await answerOf(webhook, kind, request, context, { mutating: true, index })) ?? {};
      if (operations.length > 0) {
        mutated = await applyPatch(webhook, kind, request, operations);
        request.annotate?.(`patch.${key}`, JSON.stringify({ configuration, webhook: webhook.name, patch: operations, patchType: 'JSONPatch' }), 'Request');
      }
    } finally {
      request.annotate?.(`mutation.${key}`, JSON.stringify({ configuration, webhook: webhook.name, mutated }));
    }
    if (mutated) {
      changed = true;
      requireAgain(round);
    }
    if (webhook.reinvocationPolicy === 'IfNeeded') round.previously.add(id);
  }
  if (changed && round.previously.size + round.again.size > 0) round.output = JSON.stringify(request.object);
  return changed;
}

function requireAgain(round: Rounds): void {
  for (const id of round.previously) round.again.add(id);
  round.previously.clear();
}

/** Gives whether the object is another one now. */
async function applyPatch(webhook: MutatingWebhook, kind: Kind, request: AdmissionRequest, operations: readonly Json[]): Promise<boolean> {
  const internal = (message: string): ApiError => new ApiError('InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
  if (request.object === undefined) throw internal(`admission webhook ${JSON.stringify(webhook.name)} attempted to modify the object, which is not supported for this operation`);
  const before = JSON.stringify(request.object);
  let next: KubeObject;
  try {
    next = jsonPatch((await inVersion(kind, request, request.object)) as unknown as Json, operations as Json) as unknown as KubeObject;
  } catch (error) {
    if (isApiError(error)) throw internal(error.message);
    throw error;
  }
  replaceObject(request, await backFrom(kind, request, next));
  return JSON.stringify(request.object) !== before;
}

/** Asks all at once; the first refusal, in their order, is told. */
export async function validate(hooks: readonly Hook<ValidatingWebhook>[], request: AdmissionRequest, place: Place, context: ModuleContext): Promise<void> {
  const asked: { webhook: ValidatingWebhook; kind: Kind }[] = [];
  for (const { webhook } of hooks) {
    const kind = await meant(webhook, request, place, context);
    if (kind !== undefined) asked.push({ webhook, kind });
  }
  const results = await Promise.allSettled(asked.map(({ webhook, kind }, index) => answerOf(webhook, kind, request, context, { mutating: false, index })));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
