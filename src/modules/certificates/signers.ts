/** The signers that every cluster has, and what each of them will sign ("Certificates and Certificate Signing Requests", Kubernetes signers). */
import type { CertificationRequest } from '../../api/certificates/pkcs10.ts';

interface Signer {
  /** Usages that it gives, at most. */
  usages: readonly string[];
  /** Those that must be asked for. */
  needs: readonly string[];
  /** What is wrong with a request, if anything. */
  refuses?(request: CertificationRequest): string | undefined;
}

export const CLIENT = 'kubernetes.io/kube-apiserver-client';
export const NODE_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';

function ofNode({ commonName, organizations }: CertificationRequest): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== 'system:nodes') return 'subject organization is not system:nodes';
  return commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node: ';
}

const SIGNERS: Readonly<Record<string, Signer>> = {
  [CLIENT]: { usages: ['digital signature', 'key encipherment', 'client auth'], needs: ['client auth'] },
  [NODE_CLIENT]: {
    usages: ['digital signature', 'key encipherment', 'client auth'], needs: ['digital signature', 'client auth'],
    refuses: (request) => ofNode(request) ?? (request.altNames === undefined ? undefined : 'subject alternative names are not allowed'),
  },
  'kubernetes.io/kubelet-serving': {
    usages: ['digital signature', 'key encipherment', 'server auth'], needs: ['digital signature', 'server auth'],
    refuses(request) {
      const { dns, addresses, others } = request.alternatives;
      if (others > 0) return 'only DNS names and IP addresses are allowed as subject alternative names';
      return ofNode(request) ?? (dns + addresses === 0 ? 'at least one DNS name or IP address is required' : undefined);
    },
  },
};

export function isKnownSigner(name: string): boolean {
  return Object.hasOwn(SIGNERS, name);
}

/** Why a signer of ours does not sign the request; undefined when it does. */
export function refusalOf(name: string, request: CertificationRequest, usages: readonly string[]): string | undefined {
  const signer = SIGNERS[name];
  if (signer === undefined) return `${name} is no signer of this cluster`;
  const other = usages.find((usage) => !signer.usages.includes(usage));
  if (other !== undefined) return `usages did not match: ${other} is not given by ${name}`;
  const missing = signer.needs.find((usage) => !usages.includes(usage));
  if (missing !== undefined) return `usages did not match: ${missing} is required`;
  return signer.refuses?.(request);
}
