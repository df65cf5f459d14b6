/** BackendTLSPolicy: which backends are spoken to by TLS, and by which authorities they are known. Pure. */
import type { BackendTLSPolicy } from '../../api/gateway/kinds.ts';
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
  return policy === undefined ? undefined : validationOf(observed, policy);
}

export function validationOf(observed: Observed, policy: BackendTLSPolicy): BackendTls | Failure {
  const { hostname, caCertificateRefs, wellKnownCACertificates, subjectAltNames } = policy.spec.validation;
  // HAProxy looks in the certificate for the name that it asked for, and for no other.
  if (subjectAltNames?.some((each) => each.type !== 'Hostname' || each.hostname !== hostname) === true) return { reason: 'Invalid', message: `validation.subjectAltNames: a backend is known by the name that it is asked for, '${hostname}'; other names, and URIs, cannot be checked` };
  if (wellKnownCACertificates !== undefined && wellKnownCACertificates !== '') {
    return wellKnownCACertificates === 'System' ? { hostname } : { reason: 'Invalid', message: `validation.wellKnownCACertificates '${wellKnownCACertificates}' is unknown; 'System' is known` };
  }
  const pems: string[] = [];
  for (const { group, kind, name } of caCertificateRefs ?? []) {
    if (group !== '' || kind !== 'ConfigMap') return { reason: 'InvalidKind', message: `caCertificateRef ${group === '' ? 'core' : group}/${kind} '${name}': only ConfigMaps hold authorities` };
    const pem = observed.configMap(`${policy.metadata.namespace}/${name}`)?.data?.['ca.crt'];
    if (pem === undefined || !pem.includes('BEGIN CERTIFICATE')) return { reason: 'InvalidCACertificateRef', message: `ConfigMap '${policy.metadata.namespace}/${name}' ${pem === undefined ? 'not found, or without ca.crt' : 'holds no certificate'}` };
    pems.push(pem);
  }
  return { hostname, caPem: pems.join('\n') };
}
