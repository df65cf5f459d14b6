/**
 * Admission of certificate requests: they say who made them, and only who may approve or sign for a signer does (upstream: the strategy of
 * the resource, and the plugins CertificateApproval, CertificateSigning and CertificateSubjectRestriction).
 */
import { CERTIFICATES, CertificateSigningRequest, pemOf } from '../../api/certificates/certificate-signing-request.ts';
import { ClusterTrustBundle } from '../../api/certificates/cluster-trust-bundle.ts';
import { PodCertificateRequest } from '../../api/certificates/pod-certificate-request.ts';
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

/** Who speaks for a signer says which authorities it has (upstream: the plugin ClusterTrustBundleAttest). */
export const trustAdmission: Admission = {
  name: 'ClusterTrustBundleAttest', kinds: [ClusterTrustBundle as never], operations: ['CREATE', 'UPDATE'],
  validate(request) {
    const { spec, metadata } = request.object as ClusterTrustBundle;
    const signerName = spec?.signerName ?? '';
    if (signerName === '' || maySpeakFor(request, signerName, 'attest')) return;
    throw new ApiError('Forbidden', `clustertrustbundles.${CERTIFICATES} "${metadata.name}" is forbidden: user not permitted to attest for signerName ${JSON.stringify(signerName)}`, { name: metadata.name, group: CERTIFICATES, kind: 'clustertrustbundles' });
  },
};

/** Only who signs for a signer answers in its name (upstream: the plugin CertificateSigning). */
export const podCertificateAdmission: Admission = {
  name: 'PodCertificateSigning', kinds: [PodCertificateRequest as never], operations: ['UPDATE'],
  validate(request) {
    const { spec, metadata, status } = request.object as PodCertificateRequest;
    const old = request.oldObject as PodCertificateRequest;
    if (request.subresource !== 'status' || equalJson(status ?? {}, old.status ?? {}) || maySpeakFor(request, spec.signerName, 'sign')) return;
    throw new ApiError('Forbidden', `podcertificaterequests.${CERTIFICATES} "${metadata.name}" is forbidden: user not permitted to sign requests with signerName ${JSON.stringify(spec.signerName)}`, { name: metadata.name, group: CERTIFICATES, kind: 'podcertificaterequests' });
  },
};

function sameSigning(next: CertificateSigningRequest, old: CertificateSigningRequest): boolean {
  return (next.status?.certificate ?? '') === (old.status?.certificate ?? '') && equalJson(next.status?.conditions ?? [], old.status?.conditions ?? []);
}

function mustMay(request: AdmissionRequest, { spec }: CertificateSigningRequest, verb: 'approve' | 'sign'): void {
  if (!maySpeakFor(request, spec.signerName, verb)) throw forbidden(request, `user not permitted to ${verb} requests with signerName ${JSON.stringify(spec.signerName)}`);
}

/** The rights stand on `signers`, by name or by the name's domain and a star. */
function maySpeakFor(request: AdmissionRequest, signerName: string, verb: 'approve' | 'sign' | 'attest'): boolean {
  return [signerName, `${signerName.split('/')[0]}/*`].some((name) => request.may?.({ verb, resource: { group: CERTIFICATES, plural: 'signers', name } }) === true);
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
