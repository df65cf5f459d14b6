/** IPv4 ranges, as numbers. Pure. */
export interface Cidr {
  /** The first address, as a number. */
  base: number;
  prefixLength: number;
}

/** `10.96.0.0/16`; undefined when it is none. Host bits are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(text);
  if (match === null) return undefined;
  const [a, b, c, d, prefixLength] = match.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((part) => part > 255) || prefixLength < 8 || prefixLength > 30) return undefined;
  const address = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  const size = 2 ** (32 - prefixLength);
  return { base: address - (address % size), prefixLength };
}

/** The address at `offset` in the range: 1 is the first usable one. */
export function addressAt(cidr: Cidr, offset: number): string {
  const address = cidr.base + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

export function contains(cidr: Cidr, address: number): boolean {
  return address >= cidr.base && address < cidr.base + 2 ** (32 - cidr.prefixLength);
}
