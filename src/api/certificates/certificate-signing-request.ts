/** CertificateSigningRequest (certificates.k8s.io/v1): who wants a certificate, whether it is approved, and the certificate. */
import type { CertificateSigningRequest as CsrType, CertificateSigningRequestCondition } from '../generated/certificates-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { humanDuration } from '../age.ts';
import { duplicate, forbidden, invalid, invalidObject, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { schemaOf } from '../schema/facts.ts';
import { readCertificationRequest } from './pkcs10.ts';
import { signerNameErrors } from './signer-name.ts';

export type CertificateSigningRequest = CsrType;

export const CERTIFICATES = 'certificates.k8s.io';
const USAGES = ['any', 'cert sign', 'client auth', 'code signing', 'content commitment', 'crl sign', 'data encipherment', 'decipher only', 'digital signature', 'email protection', 'encipher only', 'ipsec end system',
  'ipsec tunnel', 'ipsec user', 'key agreement', 'key encipherment', 'microsoft sgc', 'netscape sgc', 'ocsp signing', 's/mime', 'server auth', 'signing', 'timestamping'];
const LEAST_SECONDS = 600;
/** Only /approval writes these. */
const VERDICTS = ['Approved', 'Denied'];

export const CertificateSigningRequest: Kind<CertificateSigningRequest> = defineKind<CertificateSigningRequest>({
  group: CERTIFICATES, version: 'v1', kind: 'CertificateSigningRequest', plural: 'certificatesigningrequests', namespaced: false, shortNames: ['csr'],
  schema: () => schemaOf(CERTIFICATES, 'v1', 'CertificateSigningRequest'),
  rules: {
    generation: false,
    updateKeeps: ['spec'],
    prepareForCreate(request) {
      request.status = {};
    },
    prepareForUpdate(request, old) {
      request.spec = old.spec;
    },
    validate: (request, old) => (old === undefined ? specErrors(request.spec) : []),
    validateStatus: (request, old) => [...conditionErrors(request), ...verdictErrors(request, old), ...certificateErrors(request, old)],
  },
  subresources: { status: true, actions: { approval: { body: { group: CERTIFICATES, version: 'v1', kind: 'CertificateSigningRequest' }, verbs: ['get', 'update', 'patch'], apply: approve } } },
  columns: [
    NAME, AGE, column('SignerName', ({ spec }) => spec?.signerName ?? ''), column('Requestor', ({ spec }) => spec?.username ?? ''),
    column('RequestedDuration', ({ spec }) => (spec?.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1_000))),
    column('Condition', conditionOf),
  ],
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
});

/** The name of the request of a status as kubectl shows it: `Approved,Issued`. */
function conditionOf({ status }: CertificateSigningRequest): string {
  const types = new Set((status?.conditions ?? []).map(({ type }) => type));
  const said = types.has('Denied') ? 'Denied' : types.has('Approved') ? 'Approved' : 'Pending';
  return [said, ...(types.has('Failed') ? ['Failed'] : []), ...(status?.certificate ? ['Issued'] : [])].join(',');
}

/** The PEM of what base64 says, as the wire has requests and certificates. */
export function pemOf(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}

export function isApproved({ status }: CertificateSigningRequest): boolean {
  const types = (status?.conditions ?? []).map(({ type }) => type);
  return types.includes('Approved') && !types.includes('Denied');
}

function specErrors(spec: CertificateSigningRequest['spec'] | undefined): FieldError[] {
  const errors: FieldError[] = [];
  try {
    readCertificationRequest(pemOf(spec?.request));
  } catch (error) {
    errors.push(invalid('spec.request', spec?.request ?? '', (error as Error).message));
  }
  if (!spec?.usages || spec.usages.length === 0) errors.push(required('spec.usages', 'usages must be provided'));
  for (const [index, usage] of (spec?.usages ?? []).entries()) {
    if (!USAGES.includes(usage)) errors.push(notSupported(`spec.usages[${index}]`, usage, USAGES));
    else if (spec?.usages?.indexOf(usage) !== index) errors.push(duplicate(`spec.usages[${index}]`, usage));
  }
  const name = spec?.signerName ?? '';
  if (name === 'kubernetes.io/legacy-unknown') errors.push(invalid('spec.signerName', name, 'the legacy signerName is not allowed via this API version'));
  else errors.push(...signerNameErrors(name, 'spec.signerName'));
  if (spec?.expirationSeconds !== undefined && spec.expirationSeconds < LEAST_SECONDS) errors.push(invalid('spec.expirationSeconds', spec.expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)'));
  return errors;
}

/** PUT and PATCH of /approval: the conditions of the body, with their times. */
function approve(request: CertificateSigningRequest, body: KubeObject, nowMs: number = Date.now()): void {
  const wanted = (body as CertificateSigningRequest).status?.conditions ?? [];
  const old = structuredClone(request);
  request.status = { ...request.status, conditions: wanted.map((each) => stamped(each, old, nowMs)) };
  const errors = [...conditionErrors(request), ...removedErrors(request, old)];
  if (errors.length > 0) throw invalidRequest(request, errors);
}

function stamped(condition: CertificateSigningRequestCondition, old: CertificateSigningRequest, nowMs: number): CertificateSigningRequestCondition {
  const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  const before = old.status?.conditions?.find(({ type }) => type === condition.type);
  const lastTransitionTime = condition.lastTransitionTime ?? (before?.status === condition.status ? before.lastTransitionTime : undefined) ?? now;
  return { ...condition, status: condition.status || 'True', lastUpdateTime: condition.lastUpdateTime ?? now, lastTransitionTime };
}

function conditionErrors({ status }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { type, status: state }] of (status?.conditions ?? []).entries()) {
    const at = `status.conditions[${index}]`;
    if (!type) errors.push(required(`${at}.type`));
    if ([...VERDICTS, 'Failed'].includes(type) && state !== 'True') errors.push(state ? notSupported(`${at}.status`, state, ['True']) : required(`${at}.status`));
    if (seen.has(type)) errors.push(duplicate(`${at}.type`, type));
    seen.add(type);
  }
  if (VERDICTS.every((each) => seen.has(each))) errors.push(invalid('status.conditions', 'Denied', 'Approved and Denied conditions are mutually exclusive'));
  return errors;
}

/** What was once said of a request stays said. */
function removedErrors(request: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const has = ({ status }: CertificateSigningRequest, type: string): boolean => status?.conditions?.some((each) => each.type === type) === true;
  return [...VERDICTS, 'Failed'].filter((type) => has(old, type) && !has(request, type)).map((type) => forbidden('status.conditions', `updates may not remove a condition of type "${type}"`));
}

function verdictErrors(request: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const verdicts = ({ status }: CertificateSigningRequest): unknown => VERDICTS.map((type) => status?.conditions?.find((each) => each.type === type) ?? null);
  const errors = removedErrors(request, old);
  if (errors.length === 0 && !equalJson(verdicts(request), verdicts(old))) errors.push(forbidden('status.conditions', 'updates may not add or change Approved and Denied conditions: use the approval subresource'));
  return errors;
}

function certificateErrors({ status }: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const certificate = status?.certificate ?? '';
  const before = old.status?.certificate ?? '';
  if (certificate === before) return [];
  if (before !== '') return [forbidden('status.certificate', 'updates may not change a certificate that was issued')];
  return pemOf(certificate).includes('-----BEGIN CERTIFICATE-----') ? [] : [invalid('status.certificate', '<certificate data>', 'must contain at least one PEM block of type "CERTIFICATE"')];
}

function invalidRequest(request: CertificateSigningRequest, errors: FieldError[]): Error {
  return invalidObject({ group: CERTIFICATES, kind: 'CertificateSigningRequest' }, request.metadata.name ?? '', errors);
}
