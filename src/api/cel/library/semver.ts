/** Semantic versions (apiserver cel/library semver; semver.org 2.0.0). */
import type { Environment } from '@marcbachmann/cel-js';
import { define } from './define.ts';

const SHAPE = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

class Semver {
  readonly numbers: readonly bigint[];
  readonly before: readonly string[];

  constructor(text: string) {
    const match = SHAPE.exec(text);
    if (match === null) throw new Error('No Major.Minor.Patch elements found');
    this.numbers = match.slice(1, 4).map((part) => BigInt(part));
    this.before = match[4]?.split('.') ?? [];
  }
}

export function registerSemver(environment: Environment): void {
  environment.registerType('kubernetes.Semver', Semver);
  define(environment, {
    'semver(string): kubernetes.Semver': (text: string) => new Semver(text),
    'semver(string, bool): kubernetes.Semver': (text: string, normalize: boolean) => new Semver(normalize ? normalized(text) : text),
    'isSemver(string): bool': (text: string) => SHAPE.test(text),
    'isSemver(string, bool): bool': (text: string, normalize: boolean) => SHAPE.test(normalize ? normalized(text) : text),
    'kubernetes.Semver.major(): int': ({ numbers }: Semver) => numbers[0]!,
    'kubernetes.Semver.minor(): int': ({ numbers }: Semver) => numbers[1]!,
    'kubernetes.Semver.patch(): int': ({ numbers }: Semver) => numbers[2]!,
    'kubernetes.Semver.compareTo(kubernetes.Semver): int': (a: Semver, b: Semver) => BigInt(compare(a, b)),
    'kubernetes.Semver.isLessThan(kubernetes.Semver): bool': (a: Semver, b: Semver) => compare(a, b) < 0,
    'kubernetes.Semver.isGreaterThan(kubernetes.Semver): bool': (a: Semver, b: Semver) => compare(a, b) > 0,
  });
  environment.registerOperator('kubernetes.Semver == kubernetes.Semver', (a: Semver, b: Semver) => compare(a, b) === 0);
}

/** `v1.02` becomes `1.2.0`. */
function normalized(text: string): string {
  const [, core = '', rest = ''] = /^v?([0-9.]*)(.*)$/s.exec(text) ?? [];
  const parts = core.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length < 3) parts.push('0');
  return parts.join('.') + rest;
}

function compare(a: Semver, b: Semver): number {
  for (let at = 0; at < 3; at++) if (a.numbers[at] !== b.numbers[at]) return a.numbers[at]! < b.numbers[at]! ? -1 : 1;
  if (a.before.length === 0 || b.before.length === 0) return Math.sign(b.before.length - a.before.length);
  for (let at = 0; at < Math.max(a.before.length, b.before.length); at++) {
    const order = compareIdentifiers(a.before[at], b.before[at]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareIdentifiers(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  const [x, y] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (x && y) return Number(a) < Number(b) ? -1 : Number(a) > Number(b) ? 1 : 0;
  if (x !== y) return x ? -1 : 1;
  return a < b ? -1 : 1;
}
