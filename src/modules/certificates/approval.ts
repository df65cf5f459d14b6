/**
 * Approves what nodes ask for to be clients, where the one who asks may ask for that (upstream: pkg/controller/certificates/approver). Nothing
 * else is approved by itself: certificates of servers, of kubelets too, are for people to judge.
 */
import { CERTIFICATES, pemOf, type CertificateSigningRequest } from '../../api/certificates/certificate-signing-request.ts';
import { readCertificationRequest, type CertificationRequest } from '../../api/certificates/pkcs10.ts';
import type { AccessAttributes, UserInfo } from '../../sdk/module.ts';
import { NODE_CLIENT, refusalOf } from './signers.ts';

export interface Approval {
  reason: 'AutoApproved';
  message: string;
}

/** Pure but for the question; undefined where the request is for somebody to judge. */
export function approvalOf({ spec }: CertificateSigningRequest, may: (user: UserInfo, attributes: AccessAttributes) => boolean): Approval | undefined {
  if (spec.signerName !== NODE_CLIENT) return undefined;
  let wanted: CertificationRequest;
  try {
    wanted = readCertificationRequest(pemOf(spec.request));
  } catch {
    return undefined;
  }
  if (refusalOf(NODE_CLIENT, wanted, spec.usages ?? []) !== undefined) return undefined;
  const user: UserInfo = { name: spec.username ?? '', groups: spec.groups ?? [], ...(spec.uid ? { uid: spec.uid } : {}), ...(spec.extra === undefined ? {} : { extra: spec.extra }) };
  const asks = (subresource: string): boolean => may(user, { verb: 'create', resource: { group: CERTIFICATES, plural: 'certificatesigningrequests', subresource } });
  if (wanted.commonName === user.name && asks('selfnodeclient')) return { reason: 'AutoApproved', message: 'Auto approving self kubelet client certificate after SubjectAccessReview.' };
  return asks('nodeclient') ? { reason: 'AutoApproved', message: 'Auto approving kubelet client certificate after SubjectAccessReview.' } : undefined;
}
