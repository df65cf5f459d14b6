/** IPv4 addresses and ranges as numbers, for allocation and membership. */

/** An IPv4 range: `base` to `base + size - 1`. */
export interface Cidr {
  base: number;
  size: number;
  prefix: number;
}

/** The address as an unsigned 32-bit number, or undefined when the text is no IPv4 address (leading zeros refused, as upstream's strict form). */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** `10.96.0.0/16`; undefined when malformed. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', bits = '', more] = text.split('/');
  const value = parseIpv4(address);
  if (value === undefined || more !== undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined;
  const prefix = Number(bits);
  const size = 2 ** (32 - prefix);
  return { base: Math.floor(value / size) * size, size, prefix };
}

/** As {@link parseCidr}, for ranges of the machine's own configuration, which were checked before. */
export function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`'${text}' is no IPv4 range; write it like 10.96.0.0/16`);
  return cidr;
}

export function contains(cidr: Cidr, address: number): boolean {
  return address >= cidr.base && address < cidr.base + cidr.size;
}
