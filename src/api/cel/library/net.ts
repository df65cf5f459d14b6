/** Addresses and networks (apiserver cel/library ip, cidr). */
import type { Environment } from '@marcbachmann/cel-js';
import { isIPv4, isIPv6 } from '../../ip.ts';
import { define, defineNamespace } from './define.ts';

class Ip {
  readonly family: 4 | 6;
  readonly bits: bigint;

  constructor(family: 4 | 6, bits: bigint) {
    this.family = family;
    this.bits = bits;
  }

  /** In bytes. */
  get size(): number {
    return widthOf(this) / 8;
  }
}

class Cidr {
  readonly ip: Ip;
  readonly length: number;

  constructor(ip: Ip, length: number) {
    this.ip = ip;
    this.length = length;
  }

  /** Of the prefix, in bytes. */
  get size(): number {
    return Math.ceil(this.length / 8);
  }
}

export function registerNet(environment: Environment): void {
  environment.registerType('net.IP', Ip);
  environment.registerType('net.CIDR', Cidr);
  const namespace = defineNamespace(environment, 'ip');
  define(environment, {
    'ip(string): net.IP': parseIp,
    'isIP(string): bool': (text: string) => tryParse(() => parseIp(text)),
    [`${namespace}.isCanonical(string): bool`]: (_: unknown, text: string) => showIp(parseIp(text)) === text,
    'string(net.IP): string': showIp,
    'net.IP.family(): int': ({ family }: Ip) => BigInt(family),
    'net.IP.isUnspecified(): bool': ({ bits }: Ip) => bits === 0n,
    'net.IP.isLoopback(): bool': (ip: Ip) => isLoopback(ip),
    'net.IP.isLinkLocalMulticast(): bool': (ip: Ip) => within(ip, ip.family === 4 ? '224.0.0.0/24' : 'ff02::/16'),
    'net.IP.isLinkLocalUnicast(): bool': (ip: Ip) => isLinkLocal(ip),
    'net.IP.isGlobalUnicast(): bool': (ip: Ip) => isGlobalUnicast(ip),
    'cidr(string): net.CIDR': parseCidr,
    'isCIDR(string): bool': (text: string) => tryParse(() => parseCidr(text)),
    'string(net.CIDR): string': (cidr: Cidr) => `${showIp(cidr.ip)}/${cidr.length}`,
    'net.CIDR.containsIP(net.IP): bool': (cidr: Cidr, ip: Ip) => contains(cidr, ip),
    'net.CIDR.containsIP(string): bool': (cidr: Cidr, ip: string) => contains(cidr, parseIp(ip)),
    'net.CIDR.containsCIDR(net.CIDR): bool': (cidr: Cidr, part: Cidr) => part.length >= cidr.length && contains(cidr, part.ip),
    'net.CIDR.containsCIDR(string): bool': (cidr: Cidr, text: string) => parseCidr(text).length >= cidr.length && contains(cidr, parseCidr(text).ip),
    'net.CIDR.ip(): net.IP': (cidr: Cidr) => cidr.ip,
    'net.CIDR.masked(): net.CIDR': (cidr: Cidr) => new Cidr(new Ip(cidr.ip.family, prefixOf(cidr.ip, cidr.length) << BigInt(widthOf(cidr.ip) - cidr.length)), cidr.length),
    'net.CIDR.prefixLength(): int': (cidr: Cidr) => BigInt(cidr.length),
  });
  environment.registerOperator('net.IP == net.IP', (a: Ip, b: Ip) => a.family === b.family && a.bits === b.bits);
  environment.registerOperator('net.CIDR == net.CIDR', (a: Cidr, b: Cidr) => a.length === b.length && a.ip.family === b.ip.family && a.ip.bits === b.ip.bits);
}

function tryParse(parse: () => unknown): boolean {
  try {
    return parse() !== undefined;
  } catch {
    return false;
  }
}

function parseIp(text: string): Ip {
  if (isIPv4(text)) return new Ip(4, text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n));
  if (!isIPv6(text)) throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`);
  if (text.includes('.')) throw new Error(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const all = tail === undefined ? left : [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  return new Ip(6, all.reduce((bits, part) => (bits << 16n) | BigInt(`0x${part}`), 0n));
}

function parseCidr(text: string): Cidr {
  const start = 'network address parse error during conversion from string: ';
  const wrong = (why: string): Error => new Error(`${start}${start}netip.ParsePrefix(${JSON.stringify(text)}): ${why}`);
  const slash = text.lastIndexOf('/');
  if (slash < 0) throw wrong("no '/'");
  const length = text.slice(slash + 1);
  const ip = parseIp(text.slice(0, slash));
  if (!/^(0|[1-9]\d*)$/.test(length)) throw wrong(`bad bits after slash: ${JSON.stringify(length)}`);
  if (Number(length) > widthOf(ip)) throw wrong('prefix length out of range');
  return new Cidr(ip, Number(length));
}

function widthOf(ip: Ip): number {
  return ip.family === 4 ? 32 : 128;
}

function prefixOf(ip: Ip, length: number): bigint {
  return ip.bits >> BigInt(widthOf(ip) - length);
}

function contains(cidr: Cidr, ip: Ip): boolean {
  return cidr.ip.family === ip.family && prefixOf(cidr.ip, cidr.length) === prefixOf(ip, cidr.length);
}

function within(ip: Ip, cidr: string): boolean {
  return contains(parseCidr(cidr), ip);
}

function isLoopback(ip: Ip): boolean {
  return ip.family === 4 ? within(ip, '127.0.0.0/8') : ip.bits === 1n;
}

function isLinkLocal(ip: Ip): boolean {
  return within(ip, ip.family === 4 ? '169.254.0.0/16' : 'fe80::/10');
}

function isGlobalUnicast(ip: Ip): boolean {
  if (ip.bits === 0n || isLoopback(ip) || isLinkLocal(ip)) return false;
  return ip.family === 4 ? !within(ip, '224.0.0.0/4') && ip.bits !== 0xffffffffn : !within(ip, 'ff00::/8');
}

/** The canonical text: the longest run of zero groups is left out (RFC 5952). */
function showIp({ family, bits }: Ip): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_each, index) => ((bits >> BigInt(16 * (7 - index))) & 0xffffn).toString(16));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (groups[at + length] === '0') length++;
    if (length > best.length) best = { at, length };
  }
  if (best.at < 0) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}
