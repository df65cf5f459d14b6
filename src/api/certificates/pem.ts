/** PEM (RFC 7468): the blocks of a text, in order; what stands around them is explanation and does not count. */
import { X509Certificate } from 'node:crypto';

export interface PemBlock {
  /** `CERTIFICATE` */
  type: string;
  /** Whether the block begins with headers (RFC 1421), which certificates have none of. */
  hasHeaders: boolean;
  bytes: Buffer;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([\s\S]*?)-----END \1-----/g;
const LINE = 64;

export function pemBlocks(text: string): PemBlock[] {
  return [...text.matchAll(BLOCK)].map(([, type = '', body = '']) => {
    const hasHeaders = body.includes(':');
    return { type, hasHeaders, bytes: Buffer.from(hasHeaders ? body.slice(body.search(/\r?\n\r?\n/)) : body, 'base64') };
  });
}

export function pemBlock(type: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return `-----BEGIN ${type}-----\n${lines.join('\n')}\n-----END ${type}-----\n`;
}

/** undefined for what is no certificate. */
export function certificateOf({ bytes }: PemBlock): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}
