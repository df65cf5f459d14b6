/** The addresses of an `ipBlock`: pure. */
import type { IPBlock } from '../../api/generated/networking-v1.ts';
import { formatIPv6, rangeValue } from '../../api/ip.ts';

/**
 * As nftables writes them, each a match of its own: the block as it is, or what is left of it between its holes. A rule that named all holes would have more expressions than the kernel
 * takes, where there are some forty (linux: NFT_RULE_MAXEXPRS).
 */
export function rangesOf({ cidr, except = [] }: IPBlock): string[] {
  const block = rangeValue(cidr);
  if (block === undefined || except.length === 0) return [cidr];
  const end = block.base + block.size;
  const holes = except.flatMap((each) => rangeValue(each) ?? []).filter(({ family, base }) => family === block.family && base < end).toSorted((one, other) => (one.base < other.base ? -1 : 1));
  const ranges: string[] = [];
  let from = block.base;
  for (const { base, size } of [...holes, { base: end, size: 0n }]) {
    if (from < base) ranges.push(rangeText(block.family, from, base - 1n));
    if (from < base + size) from = base + size;
  }
  return ranges;
}

function rangeText(family: 4 | 6, first: bigint, last: bigint): string {
  const text = (value: bigint): string => (family === 6 ? formatIPv6(value) : [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.'));
  return first === last ? text(first) : `${text(first)}-${text(last)}`;
}
