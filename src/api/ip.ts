/** Whether a text is an IP address, as node:net says it; pure, so that the api floor needs no network module. Leading zeros are refused. */

const OCTET = '(?:0|[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-5])';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/** 4, 6, or 0 for what is no address, undefined included. */
export function isIP(text: string | undefined): 0 | 4 | 6 {
  return isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0;
}

export function isIPv4(text: string | undefined): boolean {
  return text !== undefined && IPV4.test(text);
}

/** RFC 4291 section 2.2, with `::` once and an IPv4 address at the end; a zone (`%eth0`) is refused. */
export function isIPv6(text: string | undefined): boolean {
  if (text === undefined || text.length > 45 || !text.includes(':')) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const tail = groups.at(-1)?.at(-1) ?? '';
  const hasIPv4 = tail.includes('.');
  if (hasIPv4 && !isIPv4(tail)) return false;
  const all = groups.flat();
  const hex = hasIPv4 ? all.slice(0, -1) : all;
  if (!hex.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  const count = hex.length + (hasIPv4 ? 2 : 0);
  return halves.length === 2 ? count <= 7 : count === 8;
}

/** `10.9.8.0/24` or `2001:db8::/64`; bits beyond the mask may be set. */
export function isCidr(text: string | undefined): boolean {
  return text !== undefined && rangeOf(text) !== undefined;
}

/** Whether all addresses of `inner` lie in `outer`, which has more of them. False for what is no CIDR, and across families. */
export function isStrictSubset(inner: string, outer: string): boolean {
  const [small, large] = [rangeOf(inner), rangeOf(outer)];
  if (small === undefined || large === undefined || small.width !== large.width || small.prefix <= large.prefix) return false;
  const beyond = BigInt(large.width - large.prefix);
  return small.value >> beyond === large.value >> beyond;
}

function rangeOf(text: string): { value: bigint; prefix: number; width: 32 | 128 } | undefined {
  const [address = '', bits = '', more] = text.split('/');
  const family = isIP(address);
  const width = family === 4 ? 32 : 128;
  if (family === 0 || more !== undefined || !/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > width) return undefined;
  return { value: family === 4 ? ipv4Value(address) : ipv6Value(address), prefix: Number(bits), width };
}

function ipv4Value(address: string): bigint {
  return address.split('.').reduce((value, part) => value * 256n + BigInt(part), 0n);
}

function ipv6Value(address: string): bigint {
  const tail = /[^:]*\.[^:]*$/.exec(address)?.[0];
  const whole = tail === undefined ? address : address.slice(0, -tail.length) + [ipv4Value(tail) >> 16n, ipv4Value(tail) & 0xffffn].map((each) => each.toString(16)).join(':');
  const [left = '', right] = whole.split('::');
  const groups = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const [before, after] = [groups(left), groups(right ?? '')];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
  return all.reduce((value, group) => value * 65_536n + BigInt(`0x${group}`), 0n);
}

/** An address of either family as a number; undefined for what is none. */
export function addressValue(text: string): bigint | undefined {
  const family = isIP(text);
  return family === 0 ? undefined : family === 4 ? ipv4Value(text) : ipv6Value(text);
}

/** The text of an IPv6 address as RFC 5952 has it: small letters, the longest run of zeros as `::`. */
export function formatIPv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - index * 16)) & 0xffffn).toString(16));
  const runs = [...groups.map((group) => (group === '0' ? '0' : '1')).join('').matchAll(/0{2,}/g)];
  const longest = runs.reduce<RegExpExecArray | undefined>((best, run) => (best === undefined || run[0].length > best[0].length ? run : best), undefined);
  if (longest === undefined) return groups.join(':');
  return `${groups.slice(0, longest.index).join(':')}::${groups.slice(longest.index + longest[0].length).join(':')}`;
}

/** First address and size of a range of either family; undefined for what is none. */
export function rangeValue(text: string): { family: 4 | 6; base: bigint; size: bigint } | undefined {
  const range = rangeOf(text);
  if (range === undefined) return undefined;
  const size = 1n << BigInt(range.width - range.prefix);
  return { family: range.width === 32 ? 4 : 6, base: (range.value / size) * size, size };
}

/** Whether the address lies in the range, both of one family. */
export function isWithin(address: string, range: string): boolean {
  const [value, bounds] = [addressValue(address), rangeValue(range)];
  return value !== undefined && bounds !== undefined && isIP(address) === bounds.family && value >= bounds.base && value < bounds.base + bounds.size;
}

/** The one text of an address (RFC 5952 for IPv6); undefined for what is none. */
export function canonicalIp(text: string): string | undefined {
  const value = addressValue(text);
  return value === undefined ? undefined : isIP(text) === 4 ? text : formatIPv6(value);
}

/** The one text of a range, with no bits beyond its mask; undefined for what is none. */
export function canonicalCidr(text: string): string | undefined {
  const range = rangeValue(text);
  if (range === undefined) return undefined;
  const octets = [24n, 16n, 8n, 0n].map((shift) => (range.base >> shift) & 255n);
  return `${range.family === 4 ? octets.join('.') : formatIPv6(range.base)}/${text.slice(text.indexOf('/') + 1)}`;
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'];
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'];
const LINK_LOCAL_MULTICAST = ['224.0.0.0/24', 'ff02::/16'];

/** Why nobody can be reached from elsewhere at the address; [] where it is none, or an ordinary one. */
export function specialAddressErrors(address: string): string[] {
  if (isIP(address) === 0) return [];
  const within = (ranges: readonly string[]): boolean => ranges.some((range) => range.includes(':') === address.includes(':') && isWithin(address, range));
  if (addressValue(address) === 0n) return [`may not be unspecified (${address})`];
  if (within(LOOPBACK)) return ['may not be in the loopback range (127.0.0.0/8, ::1/128)'];
  if (within(LINK_LOCAL)) return ['may not be in the link-local range (169.254.0.0/16, fe80::/10)'];
  return within(LINK_LOCAL_MULTICAST) ? ['may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'] : [];
}
