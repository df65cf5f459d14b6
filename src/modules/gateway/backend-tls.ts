/** BackendTLSPolicy: which backends are spoken to by TLS, and by which authorities they are known. Pure. */
import type { BackendTLSPolicy } from '../../api/gateway/kinds.ts';
import type { LocalReference } from '../../api/gateway/types.ts';
import { authorityFrom } from './authorities.ts';
import type { AlternativeName } from './forward/names.ts';
import type { Observed } from './observed.ts';
import type { Failure } from './references.ts';
import type { BackendTls } from './rules.ts';
import { compareText } from './rules.ts';

/** The policy that speaks for a port of a Service: one for the port before one for the Service, the older before the younger. */
export function policyFor({ policies }: Pick<Observed, 'policies'>, serviceKey: string, portName: string | undefined): BackendTLSPolicy | undefined {
  const [namespace, name] = serviceKey.split('/');
  const of = (policy: BackendTLSPolicy): { sectionName?: string }[] => policy.metadata.namespace !== namespace ? [] : policy.spec.targetRefs.filter((ref) => ref.group === '' && ref.kind === 'Service' && ref.name === name && (!ref.sectionName || ref.sectionName === portName));
  const rank = (policy: BackendTLSPolicy): number => (of(policy).some((ref) => ref.sectionName) ? 0 : 1);
  return policies.filter((policy) => of(policy).length > 0).sort((a, b) => rank(a) - rank(b) || byAge(a, b))[0];
}

export function byAge(a: BackendTLSPolicy, b: BackendTLSPolicy): number {
  return compareText(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') || compareText(a.metadata.name ?? '', b.metadata.name ?? '');
}

/** undefined where no policy speaks of it. */
export function tlsOf(observed: Observed, serviceKey: string, portName: string | undefined): BackendTls | Failure | undefined {
  const policy = policyFor(observed, serviceKey, portName);
  if (policy === undefined) return undefined;
  const { tls, wrong } = validationOf(observed, policy);
  return tls ?? wrong;
}

/** With both there is an authority that cannot be had, and another one that can. */
export function validationOf(observed: Observed, policy: BackendTLSPolicy): { tls: BackendTls; wrong?: Failure } | { tls?: undefined; wrong: Failure } {
  const { hostname, caCertificateRefs = [], wellKnownCACertificates, subjectAltNames = [] } = policy.spec.validation;
  const names = subjectAltNames.map(({ type, hostname: name = '', uri = '' }): AlternativeName => (type === 'URI' ? { type, value: uri } : { type: 'Hostname', value: name }));
  // HAProxy looks in the certificate for the name that it asked for, and for no other.
  const tls: BackendTls = { hostname, ...(names.every(({ type, value }) => type === 'Hostname' && value === hostname) ? {} : { names }) };
  if (wellKnownCACertificates !== undefined && wellKnownCACertificates !== '') {
    return wellKnownCACertificates === 'System' ? { tls } : { wrong: { reason: 'Invalid', message: `validation.wellKnownCACertificates '${wellKnownCACertificates}' is unknown; 'System' is known` } };
  }
  const found = caCertificateRefs.map((ref) => authorityOf(ref, policy.metadata.namespace ?? '', observed));
  const pems = found.filter((each) => typeof each === 'string');
  const wrong = found.find((each) => typeof each !== 'string');
  if (pems.length > 0) return { tls: { ...tls, caPem: pems.join('\n') }, ...(wrong === undefined ? {} : { wrong }) };
  return { wrong: wrong ?? { reason: 'InvalidCACertificateRef', message: 'validation names no authority' } };
}

function authorityOf({ group, kind, name }: LocalReference, namespace: string, observed: Observed): string | Failure {
  return authorityFrom(observed, { group, kind, name }, namespace) ?? { reason: 'InvalidKind', message: `caCertificateRef ${group === '' ? 'core' : group}/${kind} '${name}': only ConfigMaps and ClusterTrustBundles hold authorities` };
}
