/**
 * Addresses and ranges in fields of the API (KEP-4858, as of Kubernetes 1.36): one meaning for every reader, so no leading zeros, no IPv4 in the clothes of
 * IPv6, no bits beyond a mask. Objects that had such values before these were refused keep them: `kept` are the values of the old object, a set because both may
 * be many.
 */
import { invalid, type FieldError } from './field-error.ts';
import { addressValue, canonicalCidr, canonicalIp, isIP, rangeValue } from './ip.ts';

const NO_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
type Kept = ReadonlySet<string | undefined>;

const NOTHING: Kept = new Set();
const NO_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

export function ipErrors(path: string, text: string, kept: Kept = NOTHING): FieldError[] {
  if (isIP(text) === 0 && isIP(withoutZeros(text)) === 0) return [invalid(path, text, NO_IP)];
  if (kept.has(text)) return [];
  if (isIP(text) === 0) return [invalid(path, text, 'must not have leading 0s')];
  return isMapped(text) ? [invalid(path, text, 'must not be an IPv4-mapped IPv6 address')] : [];
}

export function cidrErrors(path: string, text: string, kept: Kept = NOTHING): FieldError[] {
  const range = rangeValue(text);
  if (range === undefined && rangeValue(withoutZeros(text)) === undefined) return [invalid(path, text, NO_CIDR)];
  if (kept.has(text)) return [];
  if (range === undefined) return [invalid(path, text, 'must not have leading 0s in IP or prefix length')];
  const [address = ''] = text.split('/');
  if (isMapped(address)) return [invalid(path, text, 'must not have an IPv4-mapped IPv6 address')];
  return addressValue(address) === range.base ? [] : [invalid(path, text, 'must not have bits set beyond the prefix length')];
}

/** That an address is not written as others write it. */
export function ipWarnings(path: string, text: string): string[] {
  const right = isIP(text) === 6 ? canonicalIp(text) : text;
  return right === undefined || right === text ? [] : [`${path}: IPv6 address ${JSON.stringify(text)} should be in RFC 5952 canonical format (${JSON.stringify(right)})`];
}

export function cidrWarnings(path: string, text: string): string[] {
  const right = text.includes(':') ? canonicalCidr(text) : text;
  return right === undefined || right === text || cidrErrors(path, text).length > 0 ? [] : [`${path}: IPv6 CIDR value ${JSON.stringify(text)} should be in RFC 5952 canonical format (${JSON.stringify(right)})`];
}

/** IPv4 as IPv6: `::ffff:192.0.2.1`. */
function isMapped(address: string): boolean {
  return isIP(address) === 6 && (addressValue(address) ?? 0n) >> 32n === 0xffffn;
}

/** As readers read IPv4 that do not mind them. */
function withoutZeros(text: string): string {
  return text.replace(/^\d{1,3}(\.\d{1,3}){3}(?=\/|$)/, (quad) => quad.split('.').map(Number).join('.')).replace(/\/0+(?=\d)/, '/');
}
