/** References between objects: which are permitted across namespaces (ReferenceGrant), and what they lead to. Pure. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { GROUP } from '../../api/gateway/parts.ts';
import type { BackendRef, SecretReference } from '../../api/gateway/types.ts';
import type { Secret, ServicePort } from '../../api/generated/core-v1.ts';
import type { Observed, TlsPair } from './observed.ts';

export interface From { group: string; kind: string; namespace: string }

export interface Failure { reason: string; message: string }

export function isPermitted({ grants }: Pick<Observed, 'grants'>, from: From, to: { group: string; kind: string; namespace: string; name: string }): boolean {
  if (from.namespace === to.namespace) return true;
  return grants.some(({ metadata, spec }) => metadata.namespace === to.namespace
    && spec?.from.some((each) => each.group === from.group && each.kind === from.kind && each.namespace === from.namespace) === true
    && spec.to.some((each) => each.group === to.group && each.kind === to.kind && (!each.name || each.name === to.name)));
}

export interface ResolvedBackend { serviceKey: string; port: ServicePort }

/** The Service and its port, or why a request for it is answered with an error. */
export function resolveBackend(observed: Observed, ref: BackendRef, from: From, protocol: 'TCP' | 'UDP' = 'TCP'): ResolvedBackend | Failure {
  const { group = '', kind = 'Service', name, namespace = from.namespace } = ref;
  if (group !== '' || kind !== 'Service') return { reason: 'InvalidKind', message: `backendRef ${group === '' ? 'core' : group}/${kind} '${name}': only Services can be backends` };
  if (!isPermitted(observed, from, { group, kind, namespace, name })) return { reason: 'RefNotPermitted', message: `no ReferenceGrant in namespace '${namespace}' permits a ${from.kind} of '${from.namespace}' to refer to Service '${name}'` };
  const service = observed.service(`${namespace}/${name}`);
  if (service === undefined) return { reason: 'BackendNotFound', message: `Service '${namespace}/${name}' not found` };
  const port = service.spec?.ports?.find((each) => each.port === ref.port && (each.protocol ?? 'TCP') === protocol);
  if (port === undefined) return { reason: 'BackendNotFound', message: `Service '${namespace}/${name}' has no port ${ref.port} of ${protocol}` };
  return { serviceKey: `${namespace}/${name}`, port };
}

/** The certificate of a Secret of type TLS, checked: the parts are there, can be read and belong together. */
export function resolveCertificate(observed: Observed, ref: SecretReference, namespace: string, by = 'Gateway'): TlsPair | Failure {
  const { group = '', kind = 'Secret', name } = ref;
  const where = ref.namespace ?? namespace;
  if (group !== '' || kind !== 'Secret') return { reason: 'InvalidCertificateRef', message: `certificateRef ${group === '' ? 'core' : group}/${kind} '${name}': only Secrets hold certificates` };
  if (!isPermitted(observed, { group: GROUP, kind: by, namespace }, { group, kind, namespace: where, name })) return { reason: 'RefNotPermitted', message: `no ReferenceGrant in namespace '${where}' permits a ${by} of '${namespace}' to refer to Secret '${name}'` };
  return certificateOf(observed, where, name);
}

/** Objects of caches are never changed, so what was found of one holds. */
const known = new WeakMap<Secret, TlsPair | Failure>();

export function certificateOf(observed: Pick<Observed, 'secret'>, namespace: string, name: string): TlsPair | Failure {
  const secret = observed.secret(`${namespace}/${name}`);
  if (secret === undefined) return { reason: 'InvalidCertificateRef', message: `Secret '${namespace}/${name}' not found` };
  const found = known.get(secret) ?? pairOf(secret);
  known.set(secret, found);
  return found;
}

function pairOf(secret: Secret): TlsPair | Failure {
  const wrong = (message: string): Failure => ({ reason: 'InvalidCertificateRef', message: `Secret '${secret.metadata.namespace}/${secret.metadata.name}' ${message}` });
  const { 'tls.crt': crt, 'tls.key': key } = secret.data ?? {};
  if (!crt || !key) return wrong('lacks tls.crt or tls.key');
  const pair: TlsPair = { certificatePem: Buffer.from(crt, 'base64').toString(), keyPem: Buffer.from(key, 'base64').toString() };
  try {
    const certificate = new X509Certificate(pair.certificatePem);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.keyPem))) return wrong('holds a certificate and a key that do not belong together');
  } catch {
    return wrong('holds no PEM certificate and key that can be read');
  }
  try {
    // As HAProxy does, whom one that it does not take would keep from all others: the whole chain is read, and weak keys are refused.
    createSecureContext({ cert: pair.certificatePem, key: pair.keyPem, ca: pair.certificatePem, ciphers: 'DEFAULT@SECLEVEL=2' });
  } catch (error) {
    return wrong(`holds a certificate that cannot be used for TLS: ${(error as Error).message}`);
  }
  return pair;
}

export const isFailure = (value: object): value is Failure => 'reason' in value;
