/** TokenRequest: POST serviceaccounts/NAME/token makes a token for pods and tools (authentication.k8s.io/v1). */
import { notFound } from '../../api/errors.ts';
import { invalid, invalidObject } from '../../api/field-error.ts';
import { isJsonObject } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { Door } from './door.ts';
import { badRequest } from './errors.ts';
import type { BoundObject, TokenSigner } from './identity/tokens.ts';
import { getStored } from './resources/read.ts';

const HOUR_SECONDS = 3_600;
const LEAST_SECONDS = 600;
const MOST_SECONDS = 2 ** 32;
const NAMES = { group: 'authentication.k8s.io', kind: 'TokenRequest' };

interface Spec {
  audiences?: string[];
  expirationSeconds?: number;
  boundObjectRef?: { kind?: string; name?: string; uid?: string };
}

export function isTokenPath(kind: Kind, subresource: string | undefined): boolean {
  return subresource === 'token' && kind.group === '' && kind.plural === 'serviceaccounts';
}

/** The TokenRequest with its status. Throws NotFound, Invalid, BadRequest. */
export function requestToken(door: Door, tokens: TokenSigner, serviceAccounts: Kind, at: { namespace: string; name: string }, body: unknown, audiences: readonly string[]): KubeObject {
  if (!isJsonObject(body)) throw badRequest('the body of the request must be a TokenRequest object (authentication.k8s.io/v1)');
  const account = getStored(door, serviceAccounts, at.namespace, at.name).object;
  const spec = (isJsonObject(body['spec']) ? body['spec'] : {}) as Spec;
  const expirationSeconds = spec.expirationSeconds ?? HOUR_SECONDS;
  if (!Number.isSafeInteger(expirationSeconds) || expirationSeconds < LEAST_SECONDS) throw invalidObject(NAMES, '', [invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 10 minutes')]);
  if (expirationSeconds > MOST_SECONDS) throw invalidObject(NAMES, '', [invalid('spec.expirationSeconds', expirationSeconds, 'may not specify a duration larger than 2^32 seconds')]);
  const wanted = Array.isArray(spec.audiences) && spec.audiences.length > 0 ? spec.audiences.map(String) : [...audiences];
  const bound = boundObject(door, at.namespace, spec.boundObjectRef);
  const node = bound?.kind === 'Pod' ? nodeOfPod(door, at.namespace, bound.name) : undefined;
  const nowMs = door.clock.nowMs();
  const { token, expirationMs } = tokens.issue({ namespace: at.namespace, serviceAccount: { name: at.name, uid: account.metadata.uid! }, audiences: wanted, expirationSeconds, ...(bound === undefined ? {} : { bound }), ...(node === undefined ? {} : { node }) }, nowMs);
  const filled = { audiences: wanted, expirationSeconds, ...(bound === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: bound.kind, name: bound.name, uid: bound.uid } }) };
  return {
    kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: { name: at.name, namespace: at.namespace, creationTimestamp: rfc3339(nowMs) },
    spec: filled, status: { token, expirationTimestamp: rfc3339(expirationMs) },
  } as KubeObject;
}

/** Tokens of pods say on which node the pod is. */
function nodeOfPod(door: Door, namespace: string, name: string): { name: string; uid: string } | undefined {
  const { nodeName = '' } = (door.store.get(`/core/pods/${namespace}/${name}`)?.object as { spec?: { nodeName?: string } } | undefined)?.spec ?? {};
  const uid = nodeName === '' ? undefined : door.store.get(`/core/nodes/${nodeName}`)?.object.metadata.uid;
  return uid === undefined ? undefined : { name: nodeName, uid };
}

const PLURALS: Record<string, string> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' };

function boundObject(door: Door, namespace: string, ref: Spec['boundObjectRef']): BoundObject | undefined {
  if (ref === undefined || ref === null) return undefined;
  const plural = PLURALS[ref.kind ?? ''];
  if (plural === undefined || typeof ref.name !== 'string') throw badRequest(`cannot bind token for serviceaccount to object ref of kind ${JSON.stringify(ref.kind ?? '')}`);
  const stored = door.store.get(ref.kind === 'Node' ? `/core/nodes/${ref.name}` : `/core/${plural}/${namespace}/${ref.name}`);
  if (stored === undefined) throw notFound({ group: '', plural }, ref.name);
  const { uid } = stored.object.metadata;
  if (ref.uid !== undefined && ref.uid !== '' && ref.uid !== uid) throw badRequest(`the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`);
  return { kind: ref.kind as BoundObject['kind'], name: ref.name, uid: uid ?? '' };
}
