/** TokenRequest: POST serviceaccounts/NAME/token makes a token for pods and tools (authentication.k8s.io/v1). */
import { conflict, notFound } from '../../api/errors.ts';
import { invalid, invalidObject } from '../../api/field-error.ts';
import { cloneJson, isJsonObject } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { AdmissionRequest } from '../../sdk/module.ts';
import type { Door, WriteContext } from './door.ts';
import { badRequest } from './errors.ts';
import type { BoundObject, Holder, TokenSigner } from './identity/tokens.ts';
import { restrictToken } from './nodes/restriction.ts';
import { getStored } from './resources/read.ts';

const HOUR_SECONDS = 3_600;
const LEAST_SECONDS = 600;
const MOST_SECONDS = 2 ** 32;
/** What the volume asks for that every pod has: a token for this server, which readers that never look at the file again keep for a year (upstream: serviceaccount/claims.go). */
const EXTENDED_REQUEST_SECONDS = HOUR_SECONDS + 7;
const EXTENDED_SECONDS = 365 * 24 * HOUR_SECONDS;
const RESOURCE = { group: 'authentication.k8s.io', plural: 'TokenRequest' };
const NAMES = { group: 'authentication.k8s.io', kind: 'TokenRequest' };

interface Spec {
  audiences?: string[];
  expirationSeconds: number;
  boundObjectRef?: { apiVersion?: string; kind?: string; name?: string; uid?: string };
}

type TokenRequest = KubeObject & { spec: Spec; status?: unknown };

export function isTokenPath(kind: Kind, subresource: string | undefined): boolean {
  return subresource === 'token' && kind.group === '' && kind.plural === 'serviceaccounts';
}

export interface Issuer {
  signer: TokenSigner;
  /** For who names none. */
  audiences: readonly string[];
}

/**
 * The TokenRequest with its status. What is asked passes admission as all that is made at a subresource: webhooks and policies change it, then
 * judge it (upstream: registry/core/serviceaccount/storage/token.go). Rejects with NotFound, Invalid, BadRequest, Conflict and what admission says.
 */
export async function requestToken(door: Door, issuer: Issuer, kind: Kind, at: { namespace: string; name: string }, value: unknown, context: WriteContext): Promise<KubeObject> {
  const body = tokenRequestOf(value, at.namespace);
  restrictToken(door.store, context.user, { kind, ...at }, body);
  const { object: account } = getStored(door, kind, at.namespace, at.name);
  const { user, dryRun, warnings, manager, annotate } = context;
  const request: AdmissionRequest = { operation: 'CREATE', kind, ...at, subresource: 'token', object: account, oldObject: undefined, body, user, dryRun, warnings, fieldManager: manager, ...(annotate === undefined ? {} : { annotate }) };
  await door.admissions.admit(request);
  const nowMs = door.clock.nowMs();
  complete(body, account, issuer.audiences, nowMs);
  await door.admissions.validate(request);
  return issue(door, issuer, account, body, nowMs);
}

/** What a client sent, as admission sees it: a TokenRequest of the namespace with what is left out filled in. Throws BadRequest. */
function tokenRequestOf(value: unknown, namespace: string): TokenRequest {
  if (!isJsonObject(value)) throw badRequest('the body of the request must be a TokenRequest object (authentication.k8s.io/v1)');
  const metadata = isJsonObject(value['metadata']) ? value['metadata'] : {};
  const spec = isJsonObject(value['spec']) ? value['spec'] : {};
  return { ...cloneJson(value), kind: NAMES.kind, apiVersion: `${NAMES.group}/v1`, metadata: { namespace, ...metadata }, spec: { ...spec, expirationSeconds: spec['expirationSeconds'] ?? HOUR_SECONDS } } as TokenRequest;
}

/** Makes it whole, after the steps that change it and before those that judge it. Throws Invalid and Conflict. */
function complete(request: TokenRequest, account: KubeObject, audiences: readonly string[], nowMs: number): void {
  const { metadata, spec } = request;
  const { name, namespace, uid } = account.metadata;
  const foreign = (['name', 'namespace'] as const).find((field) => metadata[field] && metadata[field] !== account.metadata[field]);
  if (foreign !== undefined) throw invalidObject(NAMES, name ?? '', [invalid(`metadata.${foreign}`, metadata[foreign], `must match the service account ${foreign} if specified`)]);
  if (metadata.uid && metadata.uid !== uid) throw conflict(RESOURCE, name ?? '', `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`);
  const { expirationSeconds } = spec;
  if (!Number.isSafeInteger(expirationSeconds) || expirationSeconds < LEAST_SECONDS) throw invalidObject(NAMES, '', [invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 10 minutes')]);
  if (expirationSeconds > MOST_SECONDS) throw invalidObject(NAMES, '', [invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration larger than 2^32 seconds')]);
  request.metadata = { ...metadata, name, namespace, uid, creationTimestamp: rfc3339(nowMs) };
  spec.audiences = Array.isArray(spec.audiences) && spec.audiences.length > 0 ? spec.audiences.map(String) : [...audiences];
  delete request.status;
}

/** The answer to a whole TokenRequest: itself, with the token. Throws NotFound, BadRequest, Conflict. */
function issue(door: Door, { signer, audiences: own }: Issuer, account: KubeObject, request: TokenRequest, nowMs: number): KubeObject {
  const { namespace = '', name = '', uid = '' } = account.metadata;
  const { audiences = [], expirationSeconds, boundObjectRef } = request.spec;
  const bound = boundObject(door, { namespace, name }, boundObjectRef);
  const node = bound?.kind === 'Pod' ? nodeOfPod(door, namespace, bound.name) : undefined;
  const isExtended = bound?.kind === 'Pod' && expirationSeconds === EXTENDED_REQUEST_SECONDS && audiences.every((each) => own.includes(each));
  const lasting = isExtended ? { expirationSeconds: EXTENDED_SECONDS, warnAfterSeconds: expirationSeconds } : { expirationSeconds };
  const { token } = signer.issue({ namespace, serviceAccount: { name, uid }, audiences, ...lasting, ...(bound === undefined ? {} : { bound }), ...(node === undefined ? {} : { node }) }, nowMs);
  const spec = { audiences, expirationSeconds, ...(bound === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: bound.kind, name: bound.name, uid: bound.uid } }) };
  return { kind: request.kind, apiVersion: request.apiVersion, metadata: request.metadata, spec, status: { token, expirationTimestamp: rfc3339(nowMs + expirationSeconds * 1_000) } } as KubeObject;
}

/** Tokens of pods say on which node the pod is: by its name alone where there is no such node. */
function nodeOfPod(door: Door, namespace: string, name: string): Holder | undefined {
  const { nodeName = '' } = podSpec(door, namespace, name);
  if (nodeName === '') return undefined;
  const uid = door.store.get(`/core/nodes/${nodeName}`)?.object.metadata.uid;
  return { name: nodeName, ...(uid === undefined ? {} : { uid }) };
}

function podSpec(door: Door, namespace: string, name: string): { nodeName?: string; serviceAccountName?: string } {
  return (door.store.get(`/core/pods/${namespace}/${name}`)?.object as { spec?: object } | undefined)?.spec ?? {};
}

const PLURALS: Record<string, string> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' };

function boundObject(door: Door, account: { namespace: string; name: string }, ref: Spec['boundObjectRef']): BoundObject | undefined {
  if (ref === undefined || ref === null) return undefined;
  const { apiVersion = '', kind = '', name = '' } = ref;
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion];
  const plural = PLURALS[kind];
  if (group !== '' || plural === undefined) throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  const stored = door.store.get(kind === 'Node' ? `/core/nodes/${name}` : `/core/${plural}/${account.namespace}/${name}`);
  if (stored === undefined) throw notFound({ group: '', plural }, name);
  if (kind === 'Pod' && podSpec(door, account.namespace, name).serviceAccountName !== account.name) throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(account.name)} to pod running with different serviceaccount name.`);
  const { uid } = stored.object.metadata;
  if (ref.uid && ref.uid !== uid) throw conflict({ group: '', plural: kind }, name, `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`);
  return { kind: kind as BoundObject['kind'], name, uid: uid ?? '' };
}
