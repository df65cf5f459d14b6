/** Certificates by which a conversion webhook is believed. */
import { certificateOf, pemBlocks } from '../certificates/pem.ts';

/**
 * Whether at least one certificate stands in it, and none that cannot be read, as client-go wants it (util/cert ParseCertsPEM): other blocks do not count.
 * @param base64 of PEM
 */
export function isCaBundle(base64: string): boolean {
  const blocks = pemBlocks(Buffer.from(base64, 'base64').toString('latin1')).filter(({ type, hasHeaders }) => type === 'CERTIFICATE' && !hasHeaders);
  return blocks.length > 0 && blocks.every((block) => certificateOf(block) !== undefined);
}
