/**
 * Admission of certificate requests: they say who made them, and only who may approve or sign for a signer does (upstream: the strategy of
 * the resource, and the plugins CertificateApproval, CertificateSigning and CertificateSubjectRestriction).
 */
import { CERTIFICATES, CertificateSigningRequest, pemOf } from '../../api/certificates/certificate-signing-request.ts';
import { readCertificationRequest } from '../../api/certificates/pkcs10.ts';
import { ApiError } from '../../api/errors.ts';
import { equalJson } from '../../api/json.ts';
import type { Admission, AdmissionRequest } from '../../sdk/module.ts';
import { CLIENT } from './signers.ts';

export const certificateAdmission: Admission = {
  name: 'Certificates', kinds: [CertificateSigningRequest as never], operations: ['CREATE', 'UPDATE'],
  admit({ operation, object, user }) {
    if (operation !== 'CREATE' || object === undefined) return;
    const { spec } = object as CertificateSigningRequest;
    if (spec === undefined) return;
    delete spec.uid;
    delete spec.extra;
    Object.assign(spec, { username: user.name, groups: [...user.groups], ...(user.uid ? { uid: user.uid } : {}), ...(user.extra === undefined ? {} : { extra: { ...user.extra } }) });
  },
  validate(request) {
    const { operation, subresource, object, oldObject } = request;
    const next = object as CertificateSigningRequest;
    if (operation === 'CREATE') return refuseMasters(request, next);
    const old = oldObject as CertificateSigningRequest;
    if (subresource === 'approval') mustMay(request, old, 'approve');
    if (subresource === 'status' && !sameSigning(next, old)) mustMay(request, old, 'sign');
  },
};

function sameSigning(next: CertificateSigningRequest, old: CertificateSigningRequest): boolean {
  return (next.status?.certificate ?? '') === (old.status?.certificate ?? '') && equalJson(next.status?.conditions ?? [], old.status?.conditions ?? []);
}

/** The rights stand on `signers`, by name or by the name's domain and a star. */
function mustMay(request: AdmissionRequest, { spec }: CertificateSigningRequest, verb: 'approve' | 'sign'): void {
  const names = [spec.signerName, `${spec.signerName.split('/')[0]}/*`];
  if (names.some((name) => request.may?.({ verb, resource: { group: CERTIFICATES, plural: 'signers', name } }) === true)) return;
  throw forbidden(request, `user not permitted to ${verb} requests with signerName ${JSON.stringify(spec.signerName)}`);
}

/** Nobody becomes a master of the cluster by a certificate. */
function refuseMasters(request: AdmissionRequest, { spec }: CertificateSigningRequest): void {
  if (spec?.signerName !== CLIENT) return;
  let organizations: string[];
  try {
    ({ organizations } = readCertificationRequest(pemOf(spec.request)));
  } catch {
    return; // validation has said so
  }
  if (organizations.includes('system:masters')) throw forbidden(request, `use of ${CLIENT} signer with system:masters group is not allowed`);
}

function forbidden({ name = '' }: AdmissionRequest, why: string): ApiError {
  return new ApiError('Forbidden', `certificatesigningrequests.${CERTIFICATES} "${name}" is forbidden: ${why}`, { name, group: CERTIFICATES, kind: 'certificatesigningrequests' });
}
