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
