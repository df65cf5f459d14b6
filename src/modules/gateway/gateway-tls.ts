/** What Gateways say of TLS beyond certificates of listeners: by which authorities clients are known (GEP-91), and what backends are shown (GEP-3155). Pure. */
import { GROUP } from '../../api/gateway/parts.ts';
import type { Gateway } from '../../api/gateway/kinds.ts';
import type { Listener, ObjectReference } from '../../api/gateway/types.ts';
import { authorityFrom } from './authorities.ts';
import type { Observed, TlsPair } from './observed.ts';
import { isFailure, isPermitted, resolveCertificate, type Failure } from './references.ts';

export interface ClientValidation {
  caPem: string;
  /** Clients without a certificate, or with a wrong one, come in all the same. */
  isOptional: boolean;
}

/** What holds for a listener of protocol HTTPS: its own, that of its port, that of the Gateway. With `wrong` alone there is none by which it could work. */
export function clientValidationOf({ metadata, spec }: Gateway, listener: Listener, observed: Observed): { clients?: ClientValidation; wrong?: Failure } {
  const { frontend } = spec.tls ?? {};
  const { validation } = frontend?.perPort?.find(({ port }) => port === listener.port)?.tls ?? frontend?.default ?? {};
  const refs = listener.tls?.frontendValidation?.caCertificateRefs ?? validation?.caCertificateRefs;
  if (refs === undefined) return {};
  const found = refs.map((ref) => authorityOf(ref, metadata.namespace ?? '', observed));
  const pems = found.filter((each) => typeof each === 'string');
  const wrong = found.find((each) => typeof each !== 'string');
  const isOptional = listener.tls?.frontendValidation === undefined && validation?.mode === 'AllowInsecureFallback';
  return { ...(pems.length === 0 ? {} : { clients: { caPem: pems.join('\n'), isOptional } }), ...(wrong === undefined ? {} : { wrong }) };
}

function authorityOf({ group = '', kind = 'ConfigMap', name, namespace: where }: ObjectReference, from: string, observed: Observed): string | Failure {
  const namespace = where ?? from;
  const found = authorityFrom(observed, { group, kind, name }, namespace);
  if (found === undefined) return { reason: 'InvalidCACertificateKind', message: `caCertificateRef ${group === '' ? 'core' : group}/${kind} '${name}': only ConfigMaps and ClusterTrustBundles hold authorities` };
  if (kind === 'ConfigMap' && !isPermitted(observed, { group: GROUP, kind: 'Gateway', namespace: from }, { group, kind, namespace, name })) return { reason: 'RefNotPermitted', message: `no ReferenceGrant in namespace '${namespace}' permits a Gateway of '${from}' to refer to ConfigMap '${name}'` };
  return found;
}

/** Whether somebody comes in without being known. */
export function isInsecure({ spec }: Gateway): boolean {
  const { frontend } = spec.tls ?? {};
  return [frontend?.default, ...(frontend?.perPort ?? []).map(({ tls }) => tls)].some((each) => each?.validation?.mode === 'AllowInsecureFallback');
}

export function clientCertificateOf({ metadata, spec }: Gateway, observed: Observed): { clientCertificate?: TlsPair; unresolved?: Failure } {
  const ref = spec.tls?.backend?.clientCertificateRef;
  if (ref === undefined) return {};
  const found = resolveCertificate(observed, ref, metadata.namespace ?? '');
  if (!isFailure(found)) return { clientCertificate: found };
  return { unresolved: { ...found, reason: found.reason === 'InvalidCertificateRef' ? 'InvalidClientCertificateRef' : found.reason } };
}
