/** ClusterTrustBundle (certificates.k8s.io/v1, and v1beta1): certificates of authorities that pods may trust, by name or by the signer that they belong to. */
import type { ClusterTrustBundle as BundleType } from '../generated/certificates-v1beta1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, tooLong, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123SubdomainErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';
import { CERTIFICATES } from './certificate-signing-request.ts';
import { certificateOf, pemBlock, pemBlocks } from './pem.ts';
import { signerNameErrors } from './signer-name.ts';

export type ClusterTrustBundle = BundleType;

const MOST_BYTES = 2 ** 20;

export const ClusterTrustBundle: Kind<ClusterTrustBundle> = defineKind<ClusterTrustBundle>({
  group: CERTIFICATES, version: 'v1', storageVersion: 'v1', kind: 'ClusterTrustBundle', plural: 'clustertrustbundles', namespaced: false,
  schema: () => schemaOf(CERTIFICATES, 'v1', 'ClusterTrustBundle'),
  rules: {
    allowUnconditionalUpdate: false,
    generation: false,
    nameErrors: (name) => dns1123SubdomainErrors(name.slice(name.lastIndexOf(':') + 1)),
    validate: (bundle, old) => [...nameErrors(bundle), ...specErrors(bundle, old)],
  },
  columns: [NAME, column('SignerName', ({ spec }) => spec?.signerName || '<none>'), AGE],
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
});

export const ClusterTrustBundleV1Beta1: Kind<ClusterTrustBundle> = { ...ClusterTrustBundle, version: 'v1beta1', schema: () => schemaOf(CERTIFICATES, 'v1beta1', 'ClusterTrustBundle') };

/** A bundle of a signer bears its name, so that nobody else's takes its place. */
function nameErrors({ metadata: { name = '' }, spec }: ClusterTrustBundle): FieldError[] {
  const signer = spec?.signerName ?? '';
  if (signer === '') return name.includes(':') ? [invalid('metadata.name', name, 'ClusterTrustBundle without signer name must not have ":" in its name')] : [];
  const prefix = `${signer.replace('/', ':')}:`;
  return name.startsWith(prefix) && !name.slice(prefix.length).includes(':') ? [] : [invalid('metadata.name', name, `ClusterTrustBundle for signerName ${signer} must be named with prefix ${prefix}`)];
}

function specErrors({ spec }: ClusterTrustBundle, old: ClusterTrustBundle | undefined): FieldError[] {
  const errors = spec?.signerName ? signerNameErrors(spec.signerName, 'spec.signerName') : [];
  if (old !== undefined && (old.spec?.signerName ?? '') !== (spec?.signerName ?? '')) errors.push(invalid('spec.signerName', spec?.signerName ?? '', 'field is immutable'));
  return old !== undefined && old.spec?.trustBundle === spec?.trustBundle ? errors : [...errors, ...trustErrors(spec?.trustBundle ?? '')];
}

function trustErrors(text: string): FieldError[] {
  const path = 'spec.trustBundle';
  if (text.length > MOST_BYTES) return [tooLong(path, MOST_BYTES)];
  const blocks = pemBlocks(text);
  const errors = blocks.flatMap((block, index) => {
    const why = block.type !== 'CERTIFICATE' ? `has bad block type: ${block.type}` : block.hasHeaders ? 'has PEM block headers' : certificateOf(block) === undefined ? 'does not parse as X.509' : certificateOf(block)!.ca ? undefined : 'does not have the CA bit set';
    return why === undefined ? [] : [invalid(path, '<value omitted>', `entry ${index} ${why}`)];
  });
  if (errors.length > 0) return errors;
  if (blocks.length === 0) return [invalid(path, '<value omitted>', 'at least one trust anchor must be provided')];
  const places = Map.groupBy(blocks.keys(), (index) => blocks[index]!.bytes.toString('base64'));
  return [...places.values()].filter((indices) => indices.length > 1).map((indices) => invalid(path, '<value omitted>', `duplicate trust anchor (indices [${indices.join(' ')}])`));
}

/** The certificates of several bundles, each once, in an order that says nothing. */
export function trustAnchors(bundles: readonly ClusterTrustBundle[]): string {
  const anchors = new Set(bundles.flatMap(({ spec }) => pemBlocks(spec.trustBundle).map(({ bytes }) => bytes.toString('base64'))));
  return [...anchors].sort().map((each) => pemBlock('CERTIFICATE', Buffer.from(each, 'base64'))).join('');
}
