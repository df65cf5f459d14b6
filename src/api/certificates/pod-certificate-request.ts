/**
 * PodCertificateRequest (certificates.k8s.io/v1, and v1beta1): a node asks a signer for a certificate of a pod. Only the first word of the signer
 * counts: issued, denied or failed. What is issued must fit the key, and the times that the status says.
 */
import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import type { PodCertificateRequest as RequestType } from '../generated/certificates-v1beta1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, required, tooLong, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123SubdomainErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';
import { CERTIFICATES } from './certificate-signing-request.ts';
import { certificateOf, pemBlock, pemBlocks } from './pem.ts';
import { readCertificationRequest } from './pkcs10.ts';
import { signerNameErrors } from './signer-name.ts';

export type PodCertificateRequest = RequestType;

const VERDICTS = ['Issued', 'Denied', 'Failed'] as const;
/** Of what signers of Kubernetes itself, and others, may give. */
const [LEAST_SECONDS, MOST_SECONDS, MOST_OWN_SECONDS] = [3_600, 7_862_400, 86_400];
const [MOST_UID, MOST_REQUEST_BYTES, MOST_CHAIN_BYTES] = [128, 10 * 1_024, 100 * 1_024];
const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];
const RSA_BITS = [3_072, 4_096];

export const PodCertificateRequest: Kind<PodCertificateRequest> = defineKind<PodCertificateRequest>({
  group: CERTIFICATES, version: 'v1', storageVersion: 'v1', kind: 'PodCertificateRequest', plural: 'podcertificaterequests', namespaced: true,
  schema: () => schemaOf(CERTIFICATES, 'v1', 'PodCertificateRequest'),
  rules: {
    allowUnconditionalUpdate: false,
    statusKeeps: 'metadata',
    generation: false,
    defaults({ spec }) {
      if (spec !== undefined) spec.maxExpirationSeconds ??= MOST_OWN_SECONDS;
    },
    prepareForCreate(request) {
      request.status = {};
    },
    validate: (request, old) => (old === undefined ? specErrors(request.spec) : equalJson(request.spec, old.spec) ? [] : [invalid('spec', '<value omitted>', 'field is immutable')]),
    validateStatus: statusErrors,
  },
  subresources: { status: true },
  columns: [NAME, column('PodName', ({ spec }) => spec?.podName ?? ''), column('ServiceAccountName', ({ spec }) => spec?.serviceAccountName ?? ''), column('NodeName', ({ spec }) => spec?.nodeName ?? ''), column('SignerName', ({ spec }) => spec?.signerName ?? ''), column('State', stateOf), AGE],
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '', 'spec.podName': ({ spec }) => spec?.podName ?? '', 'spec.nodeName': ({ spec }) => spec?.nodeName ?? '' },
});

export const PodCertificateRequestV1Beta1: Kind<PodCertificateRequest> = { ...PodCertificateRequest, version: 'v1beta1', schema: () => schemaOf(CERTIFICATES, 'v1beta1', 'PodCertificateRequest') };

/** The word of the signer; undefined before there is one. */
export function verdictOf({ status }: PodCertificateRequest): { type: (typeof VERDICTS)[number]; reason?: string; message?: string } | undefined {
  return status?.conditions?.find(({ type, status: state }) => VERDICTS.includes(type as 'Issued') && state === 'True') as ReturnType<typeof verdictOf>;
}

function stateOf(request: PodCertificateRequest): string {
  return verdictOf(request)?.type ?? 'Pending';
}

function specErrors(spec: PodCertificateRequest['spec'] | undefined): FieldError[] {
  const errors = signerNameErrors(spec?.signerName, 'spec.signerName');
  for (const field of ['podName', 'serviceAccountName', 'nodeName'] as const) for (const error of dns1123SubdomainErrors(spec?.[field] ?? '')) errors.push(invalid(`spec.${field}`, spec?.[field] ?? '', error));
  for (const field of ['podUID', 'serviceAccountUID', 'nodeUID'] as const) {
    const uid = spec?.[field] ?? '';
    if (uid === '') errors.push(invalid(`spec.${field}`, uid, 'must not be empty'));
    if (uid.length > MOST_UID) errors.push(tooLong(`spec.${field}`, MOST_UID));
  }
  const most = /^([^/]*\.)?kubernetes\.io\//.test(spec?.signerName ?? '') ? MOST_OWN_SECONDS : MOST_SECONDS;
  const seconds = spec?.maxExpirationSeconds ?? 0;
  if (seconds < LEAST_SECONDS || seconds > most) errors.push(invalid('spec.maxExpirationSeconds', seconds, `must be in the range [${LEAST_SECONDS}, ${most}]`));
  return [...errors, ...requestErrors(spec?.stubPKCS10Request ?? '')];
}

/** It proves that the asking one holds the key, and says nothing else. */
function requestErrors(base64: string): FieldError[] {
  const path = 'spec.stubPKCS10Request';
  if (base64 === '') return [required(path)];
  if (base64.length > (MOST_REQUEST_BYTES * 4) / 3 + 4) return [tooLong(path, MOST_REQUEST_BYTES)];
  try {
    const why = keyComplaint(publicKeyOf(base64));
    return why === undefined ? [] : [invalid(path, '<value omitted>', why)];
  } catch (error) {
    return [invalid(path, '<value omitted>', `must be a valid PKCS#10 certificate signing request: ${(error as Error).message}`)];
  }
}

function publicKeyOf(base64: string): KeyObject {
  return createPublicKey({ key: readCertificationRequest(pemBlock('CERTIFICATE REQUEST', Buffer.from(base64, 'base64'))).publicKey, format: 'der', type: 'spki' });
}

function keyComplaint({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'ed25519') return undefined;
  if (type === 'ec') return ['prime256v1', 'secp384r1', 'secp521r1'].includes(details?.namedCurve ?? '') ? undefined : 'elliptic public keys must use curve P256, P384 or P521';
  if (type === 'rsa') return RSA_BITS.includes(details?.modulusLength ?? 0) ? undefined : 'RSA keys must have modulus size 3072 or 4096';
  return 'unknown public key type; supported types are Ed25519, ECDSA, and RSA';
}

function statusErrors(request: PodCertificateRequest, old: PodCertificateRequest): FieldError[] {
  const errors = conditionErrors(request);
  if (errors.length > 0) return errors;
  const same = equalJson(request.status ?? {}, old.status ?? {});
  if (verdictOf(old) !== undefined) return same ? [] : [invalid('status', '<value omitted>', 'immutable after PodCertificateRequest is issued, denied, or failed')];
  const verdict = verdictOf(request);
  if (verdict === undefined) return same ? [] : [invalid('status', '<value omitted>', 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"')];
  if (verdict.type === 'Issued') return issueErrors(request);
  const { conditions: _conditions, ...others } = request.status ?? {};
  return Object.values(others).every((value) => value === undefined || value === '') ? [] : [invalid('status', '<value omitted>', 'non-condition status fields must be empty when denying or failing the PodCertificateRequest')];
}

function conditionErrors({ status }: PodCertificateRequest): FieldError[] {
  return (status?.conditions ?? []).flatMap(({ type, status: state, reason, lastTransitionTime }, index) => {
    const at = `status.conditions[${index}]`;
    const errors: FieldError[] = [];
    if (!VERDICTS.includes(type as 'Issued')) return [notSupported(`${at}.type`, type, [...VERDICTS])];
    if (index > 0) errors.push(invalid(`${at}.type`, type, 'There may be at most one condition with type "Issued", "Denied", or "Failed"'));
    if (state !== 'True') errors.push(notSupported(`${at}.status`, state, ['True']));
    if (!reason) errors.push(required(`${at}.reason`));
    if (!lastTransitionTime) errors.push(required(`${at}.lastTransitionTime`));
    return errors;
  });
}

function issueErrors({ spec, status }: PodCertificateRequest): FieldError[] {
  const chain = status?.certificateChain ?? '';
  const wrong = (why: string, field = 'certificateChain'): FieldError[] => [invalid(`status.${field}`, '<value omitted>', why)];
  if (chain.length > MOST_CHAIN_BYTES) return [tooLong('status.certificateChain', MOST_CHAIN_BYTES)];
  const blocks = pemBlocks(chain);
  if (blocks.length === 0) return wrong('issued certificate chain must contain at least one certificate');
  if (blocks.some(({ type }) => type !== 'CERTIFICATE')) return wrong('issued certificate chain must consist entirely of CERTIFICATE PEM blocks');
  const [leaf, ...others] = blocks.map(certificateOf);
  if (leaf === undefined) return wrong('leaf certificate does not parse as valid X.509');
  if (others.includes(undefined)) return wrong('intermediate certificate does not parse as valid X.509');
  if (!leaf.publicKey.equals(publicKeyOf(spec.stubPKCS10Request))) return wrong('leaf certificate was not issued to the requested public key');
  return timeErrors(leaf, spec, status ?? {});
}

function timeErrors(leaf: X509Certificate, { maxExpirationSeconds = 0 }: PodCertificateRequest['spec'], status: NonNullable<PodCertificateRequest['status']>): FieldError[] {
  const missing = (['notBefore', 'notAfter', 'beginRefreshAt'] as const).filter((field) => !status[field]);
  if (missing.length > 0) return missing.map((field) => required(`status.${field}`, field === 'beginRefreshAt' ? 'must be present and in the range [notbefore+10min, notafter-10min]' : 'must be present and consistent with the issued certificate'));
  const [from, to, renewal] = [Date.parse(status.notBefore!), Date.parse(status.notAfter!), Date.parse(status.beginRefreshAt!)];
  const wrong = (field: string, why: string): FieldError[] => [invalid(`status.${field}`, status[field as 'notBefore'] ?? '<value omitted>', why)];
  if (from !== leaf.validFromDate.getTime()) return wrong('notBefore', 'must be set to the NotBefore time encoded in the leaf certificate');
  if (Math.abs(from - Date.now()) >= 5 * MINUTE_MS) return wrong('notBefore', "must be set to within 5 minutes of kube-apiserver's current time");
  if (to !== leaf.validToDate.getTime()) return wrong('notAfter', 'must be set to the NotAfter time encoded in the leaf certificate');
  if (to - from < HOUR_MS) return [invalid('status.certificateChain', '<value omitted>', 'leaf certificate lifetime must be >= 1 hour')];
  if (to - from > maxExpirationSeconds * 1_000) return [invalid('status.certificateChain', '<value omitted>', `leaf certificate lifetime must be <= spec.maxExpirationSeconds (${maxExpirationSeconds})`)];
  if (renewal < from + 10 * MINUTE_MS) return wrong('beginRefreshAt', 'must be at least 10 minutes after status.notBefore');
  return renewal > to - 10 * MINUTE_MS ? wrong('beginRefreshAt', 'must be at least 10 minutes before status.notAfter') : [];
}
