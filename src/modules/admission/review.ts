/** AdmissionReview (admission.k8s.io/v1): the question to a webhook, and the check of its answer. */
import { randomUUID } from 'node:crypto';
import type { AdmissionRequest as ReviewRequest, AdmissionResponse } from '../../api/generated/admission-v1.ts';
import type { Kind } from '../../api/kind.ts';
import { apiVersionOf, type Json, type KubeObject } from '../../api/meta.ts';
import type { AdmissionRequest } from '../../sdk/module.ts';
import { namedBy } from './match.ts';

/** The request as webhooks and expressions see it, without the objects. */
export function describeRequest(request: AdmissionRequest, kind: Kind): ReviewRequest {
  const { user, operation } = request;
  // What connects or is made at a subresource has a kind of its own.
  const own = operation === 'CONNECT' || request.body !== undefined ? request.object : undefined;
  const bodyOf = ({ group, version, kind: name }: Kind): { group: string; version: string; kind: string } => (own === undefined ? { group, version, kind: name } : { ...groupVersion(own.apiVersion ?? ''), kind: own.kind ?? name });
  const resourceOf = (of: Kind): { group: string; version: string; resource: string } => ({ group: of.group, version: of.version, resource: namedBy(request, of)[0] });
  const described: ReviewRequest = {
    uid: randomUUID(), kind: bodyOf(kind), resource: resourceOf(kind), requestKind: bodyOf(request.kind), requestResource: resourceOf(request.kind),
    operation, userInfo: { username: user.name, groups: [...user.groups] }, dryRun: request.dryRun,
  };
  const [, subresource] = namedBy(request, kind);
  if (subresource !== '') described.subResource = described.requestSubResource = subresource;
  if (request.name) described.name = request.name;
  const namespace = namespaceOf(request);
  if (namespace !== undefined) described.namespace = namespace;
  if (user.uid) described.userInfo!.uid = user.uid;
  if (user.extra !== undefined) described.userInfo!.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]));
  const options = optionsOf(request);
  if (options !== undefined) described.options = options;
  return described;
}

function groupVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return { group: slash < 0 ? '' : apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** A namespace is also the place that it is itself in. */
function namespaceOf({ kind, namespace, name }: AdmissionRequest): string | undefined {
  return kind.group === '' && kind.plural === 'namespaces' ? name : namespace;
}

function optionsOf({ operation, fieldManager, dryRun, options: said }: AdmissionRequest): Json | undefined {
  if (operation === 'CONNECT') return undefined;
  const options: Record<string, Json> = { kind: `${operation[0]}${operation.slice(1).toLowerCase()}Options`, apiVersion: 'meta.k8s.io/v1', ...(said as Record<string, Json> | undefined) };
  if (fieldManager && operation !== 'DELETE') options['fieldManager'] = fieldManager;
  if (dryRun) options['dryRun'] = ['All'];
  return options;
}

/** The object of a request as `kind` says it. Rejects with InternalError where it cannot be converted. */
export async function inVersion<T extends KubeObject | undefined>(kind: Kind, request: AdmissionRequest, object: T): Promise<T> {
  if (object === undefined || kind === request.kind || request.operation === 'CONNECT' || request.body !== undefined) return object;
  return (await convert(kind, object)) as T;
}

/** What was made of `kind`'s form, as the request says it. */
export async function backFrom(kind: Kind, request: AdmissionRequest, object: KubeObject): Promise<KubeObject> {
  return kind === request.kind || request.operation === 'CONNECT' || request.body !== undefined ? object : convert(request.kind, object);
}

async function convert(kind: Kind, object: KubeObject): Promise<KubeObject> {
  const apiVersion = apiVersionOf(kind.group, kind.version);
  if (kind.conversion === undefined) return { ...object, apiVersion, kind: kind.kind };
  return (await kind.conversion.convert([object], apiVersion))[0]!;
}

export interface Review {
  apiVersion: string;
  kind: 'AdmissionReview';
  request: ReviewRequest;
}

export async function reviewOf(request: AdmissionRequest, kind: Kind, versions: readonly string[]): Promise<Review> {
  const version = versions.find((each) => each === 'v1' || each === 'v1beta1') ?? 'v1';
  const asked = describeRequest(request, kind);
  asked.object = ((await inVersion(kind, request, request.object)) ?? null) as unknown as Json;
  asked.oldObject = ((await inVersion(kind, request, request.oldObject)) ?? null) as unknown as Json;
  return { apiVersion: `admission.k8s.io/${version}`, kind: 'AdmissionReview', request: asked };
}

/** The response, or what is wrong with it, in upstream's words (VerifyAdmissionResponse). */
export function responseOf(review: Review, answer: unknown, mutating: boolean): AdmissionResponse {
  const { apiVersion, kind, response } = (answer ?? {}) as { apiVersion?: string; kind?: string; response?: AdmissionResponse };
  const v1 = review.apiVersion.endsWith('/v1');
  if (v1 && (apiVersion !== review.apiVersion || kind !== 'AdmissionReview')) throw new Error(`expected webhook response of ${review.apiVersion}, Kind=AdmissionReview, got ${apiVersion ?? ''}, Kind=${kind ?? ''}`);
  if (typeof response !== 'object' || response === null) throw new Error('webhook response was absent');
  if (v1 && response.uid !== review.request.uid) throw new Error(`expected response.uid=${JSON.stringify(review.request.uid)}, got ${JSON.stringify(response.uid ?? '')}`);
  const [patch, type] = [response.patch ?? '', response.patchType ?? ''];
  if (!mutating) return { ...response, patch: undefined };
  if (patch !== '' && type === '' && v1) throw new Error('webhook returned response.patch but not response.patchType');
  if (patch === '' && type !== '') throw new Error('webhook returned response.patchType but not response.patch');
  if (type !== '' && type !== 'JSONPatch') throw new Error(`invalid webhook response.patchType of ${JSON.stringify(type)}, expected "JSONPatch"`);
  return response;
}
