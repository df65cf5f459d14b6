/** Quantities (apiserver cel/library quantity): `quantity(self.memory).isLessThan(quantity('1Gi'))`. */
import type { Environment } from '@marcbachmann/cel-js';
import { addQuantities, compareQuantities, isQuantity, parseQuantity, subtractQuantities, type ParsedQuantity } from '../../quantity.ts';
import { define } from './define.ts';

const NANO = 1_000_000_000n;

class Quantity {
  readonly parsed: ParsedQuantity;

  constructor(text: string) {
    this.parsed = parseQuantity(text);
  }
}

export function registerQuantity(environment: Environment): void {
  environment.registerType('kubernetes.Quantity', Quantity);
  const compare = (a: Quantity, b: Quantity): number => compareQuantities(a.parsed, b.parsed);
  define(environment, {
    'quantity(string): kubernetes.Quantity': (text: string) => new Quantity(text),
    'isQuantity(string): bool': (text: string) => isQuantity(text),
    'kubernetes.Quantity.sign(): int': ({ parsed: { nano } }: Quantity) => (nano > 0n ? 1n : nano < 0n ? -1n : 0n),
    'kubernetes.Quantity.isInteger(): bool': ({ parsed: { nano } }: Quantity) => isInt64(nano),
    'kubernetes.Quantity.asInteger(): int': asInteger,
    'kubernetes.Quantity.asApproximateFloat(): double': ({ parsed: { nano } }: Quantity) => Number(nano) / 1e9,
    'kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity': (a: Quantity, b: Quantity) => new Quantity(addQuantities(a.parsed, b.parsed)),
    'kubernetes.Quantity.add(int): kubernetes.Quantity': (a: Quantity, b: bigint) => new Quantity(addQuantities(a.parsed, String(b))),
    'kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity': (a: Quantity, b: Quantity) => new Quantity(subtractQuantities(a.parsed, b.parsed)),
    'kubernetes.Quantity.sub(int): kubernetes.Quantity': (a: Quantity, b: bigint) => new Quantity(subtractQuantities(a.parsed, String(b))),
    'kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool': (a: Quantity, b: Quantity) => compare(a, b) < 0,
    'kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool': (a: Quantity, b: Quantity) => compare(a, b) > 0,
    'kubernetes.Quantity.compareTo(kubernetes.Quantity): int': (a: Quantity, b: Quantity) => BigInt(compare(a, b)),
  });
  environment.registerOperator('kubernetes.Quantity == kubernetes.Quantity', (a: Quantity, b: Quantity) => compare(a, b) === 0);
}

function asInteger({ parsed: { nano } }: Quantity): bigint {
  if (!isInt64(nano)) throw new Error('cannot convert value to integer');
  return nano / NANO;
}

function isInt64(nano: bigint): boolean {
  const whole = nano / NANO;
  return nano % NANO === 0n && BigInt.asIntN(64, whole) === whole;
}
