/**
 * JSON with whole numbers of 64 bits. A number of JavaScript is exact up to 2^53 - 1; upstream keeps every int64, in objects of any kind, and takes for a
 * float64 what none can hold (sigs.k8s.io/json, apimachinery util/json). So a whole number beyond 2^53 - 1 that an int64 holds is a bigint here, and every
 * other number a number: a value has one form, and `===`, Map, structuredClone and JSON.stringify take it for what it is.
 */

/** A whole number of 64 bits: a bigint where a number would not be exact. */
export type Int64 = number | bigint;

declare global {
  // oxlint-disable-next-line no-redeclare -- the global one is added to
  interface JSON {
    parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
  }
  interface BigInt {
    toJSON(): object;
  }
}

// For every JSON.stringify of the process: a bigint is the number that it is, where it would throw.
// oxlint-disable-next-line no-extend-native -- the one hook that the language has for it
Object.defineProperty(BigInt.prototype, 'toJSON', { value(this: bigint) { return JSON.rawJSON(this.toString()); }, configurable: true, writable: true });

/** Whether a text may hold a number that needs a bigint: such have 16 digits or more. */
const LONG = /[:,[\s-]\d{16}/;
const WHOLE = /^-?\d+$/;

/** JSON.parse that keeps every int64. Texts without a long number, nearly all, are parsed as fast as ever. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  return LONG.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
}

function exact(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined || !WHOLE.test(source)) return value;
  const whole = BigInt(source);
  return BigInt.asIntN(64, whole) === whole ? whole : value;
}

/** The one form of an int64. */
export function int64Of(value: bigint): Int64 {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Whether it is a whole number. Beyond 2^53 - 1 a number is a float64, which upstream does not take for one (swag.IsFloat64AJSONInteger). */
export function isInteger(value: unknown): value is Int64 {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

/** Whether it is any number of JSON. */
export function isNumeric(value: unknown): value is Int64 {
  return typeof value === 'number' || typeof value === 'bigint';
}
