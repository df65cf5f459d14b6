/**
 * Quantities: `500m`, `1Gi`, `12e6` (apimachinery api/resource). Exact: a quantity is a whole number of billionths, held as a bigint.
 *
 * Every function takes a quantity as written or as parsed.
 */
import { isNumeric, type Int64 } from './int64.ts';

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface ParsedQuantity {
  /** The value in billionths. */
  readonly nano: bigint;
  /** How it is written again; taken from the suffix it was read with. */
  readonly format: QuantityFormat;
}

export type QuantityLike = string | Int64 | ParsedQuantity;

const NANO = 1_000_000_000n;
const MAX_BINARY = (2n ** 63n - 1n) * NANO;
/** Bounds the work a hostile exponent can cause. */
const MAX_EXPONENT = 400;
/** Longer ones are no quantities that anybody means, and their digits cost more than in proportion. */
const MAX_LENGTH = 500;
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const SHAPE = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*(?:[-+]?[0-9]*))$/;
/** What is said of what is no quantity. */
export const WRONG_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_SUFFIX = "unable to parse quantity's suffix";

/** Reads a quantity; throws RangeError in upstream's words. Digits beyond the ninth after the point round away from zero. */
export function parseQuantity(input: QuantityLike): ParsedQuantity {
  if (typeof input === 'object') return input;
  const match = typeof input === 'string' && input.length > MAX_LENGTH ? null : SHAPE.exec(typeof input === 'string' ? input.trim() : String(input));
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match ?? [];
  if (match === null || whole + fraction === '') throw new RangeError(WRONG_FORMAT);
  const { multiplier, exponent, format } = readSuffix(suffix);
  const scaled = atNano(BigInt(whole + fraction) * multiplier, exponent - fraction.length + 9);
  const capped = format === 'BinarySI' && scaled > MAX_BINARY ? MAX_BINARY : scaled;
  return { nano: sign === '-' ? -capped : capped, format: format === 'BinarySI' && capped > 0n && capped < NANO ? 'DecimalSI' : format };
}

/** True when `input` reads as a quantity. */
export function isQuantity(input: unknown): input is string | Int64 {
  if (typeof input !== 'string' && !isNumeric(input)) return false;
  try {
    parseQuantity(input);
    return true;
  } catch {
    return false;
  }
}

/** Writes the canonical form: no fraction, and the largest suffix that loses nothing (`1.5` is `1500m`, `1024Mi` is `1Gi`). */
export function formatQuantity(input: QuantityLike): string {
  const { nano, format } = parseQuantity(input);
  if (nano === 0n) return '0';
  const small = nano > -1024n * NANO && nano < 1024n * NANO;
  if (format === 'BinarySI' && !small && nano % NANO === 0n) return withLargest(nano / NANO, 1024n, BINARY);
  return format === 'DecimalExponent' ? withExponent(nano) : withLargest(nano, 1000n, DECIMAL);
}

/** A quantity of a whole number, for instance bytes. */
export function quantityOf(value: number | bigint, format: QuantityFormat = 'DecimalSI'): string {
  return formatQuantity({ nano: BigInt(value) * NANO, format });
}

/** A quantity of thousandths, for instance CPU. */
export function quantityOfMilli(milli: number | bigint, format: QuantityFormat = 'DecimalSI'): string {
  return formatQuantity({ nano: BigInt(milli) * 1_000_000n, format });
}

/** The value as a whole number, rounded away from zero. Numbers beyond 2^53 lose their last digits; none is beyond an int64, so that sums and differences of them are numbers. */
export function quantityValue(input: QuantityLike): number {
  return withinInt64(roundAway(parseQuantity(input).nano, NANO));
}

/** The value in thousandths, rounded away from zero, and bounded as {@link quantityValue} is. */
export function quantityMillis(input: QuantityLike): number {
  return withinInt64(roundAway(parseQuantity(input).nano, 1_000_000n));
}

/** The greatest int64 that a number is exactly. */
const MOST = 2 ** 63 - 1_024;

function withinInt64(value: bigint): number {
  return Math.min(Math.max(Number(value), -MOST), MOST);
}

/** A whole quantity, rounded away from zero; one that is whole stays as it is written. */
export function wholeQuantity(input: string): string {
  const { nano, format } = parseQuantity(input);
  return nano % NANO === 0n ? input : formatQuantity({ nano: roundAway(nano, NANO) * NANO, format });
}

/** Below zero, zero or above, as for sort. */
export function compareQuantities(a: QuantityLike, b: QuantityLike): number {
  const [left, right] = [parseQuantity(a).nano, parseQuantity(b).nano];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The sum in canonical form, in the format of `a` unless that is zero. */
export function addQuantities(a: QuantityLike, b: QuantityLike): string {
  const [left, right] = [parseQuantity(a), parseQuantity(b)];
  return formatQuantity({ nano: left.nano + right.nano, format: left.nano === 0n ? right.format : left.format });
}

/** The difference `a - b`, formatted as {@link addQuantities} does. */
export function subtractQuantities(a: QuantityLike, b: QuantityLike): string {
  const right = parseQuantity(b);
  return addQuantities(a, { nano: -right.nano, format: right.format });
}

function readSuffix(suffix: string): { multiplier: bigint; exponent: number; format: QuantityFormat } {
  const decimal = DECIMAL.indexOf(suffix);
  if (decimal >= 0) return { multiplier: 1n, exponent: (decimal - 3) * 3, format: 'DecimalSI' };
  const binary = BINARY.indexOf(suffix);
  if (binary > 0) return { multiplier: 1024n ** BigInt(binary), exponent: 0, format: 'BinarySI' };
  const written = /^[eE]([-+]?[0-9]+)$/.exec(suffix)?.[1];
  if (written === undefined || Math.abs(Number(written)) > MAX_EXPONENT) throw new RangeError(WRONG_SUFFIX);
  return { multiplier: 1n, exponent: Number(written), format: 'DecimalExponent' };
}

/** `digits` times ten to the `power`; what is too small to show rounds away from zero. */
function atNano(digits: bigint, power: number): bigint {
  return power >= 0 ? digits * 10n ** BigInt(power) : roundAway(digits, 10n ** BigInt(-power));
}

function roundAway(amount: bigint, unit: bigint): bigint {
  const whole = amount / unit;
  if (whole * unit === amount) return whole;
  return amount > 0n ? whole + 1n : whole - 1n;
}

function withLargest(amount: bigint, step: bigint, suffixes: readonly string[]): string {
  let [rest, index] = [amount, 0];
  while (index < suffixes.length - 1 && rest % step === 0n) [rest, index] = [rest / step, index + 1];
  return `${rest}${suffixes[index]}`;
}

function withExponent(nano: bigint): string {
  let [rest, exponent] = [nano, -9];
  while (rest % 1000n === 0n) [rest, exponent] = [rest / 1000n, exponent + 3];
  return exponent === 0 ? `${rest}` : `${rest}e${exponent}`;
}
