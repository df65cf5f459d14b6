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

const WHOLE = /^-?\d+$/;

/** JSON.parse that keeps every int64. Texts without a long number, nearly all, are parsed as fast as ever. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  return hasLongNumber(text) ? JSON.parse(text, exact) : JSON.parse(text);
}

const LEAST_DIGITS = 16;

/** Whether a text may hold a number that needs a bigint: such have 16 digits or more, so that one of each 16 characters tells where to look. */
function hasLongNumber(text: string): boolean {
  for (let at = LEAST_DIGITS - 1; at < text.length; at += LEAST_DIGITS) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let from = at;
    while (from > 0 && isDigit(text.charCodeAt(from - 1))) from -= 1;
    while (at < text.length && isDigit(text.charCodeAt(at))) at += 1;
    if (at - from >= LEAST_DIGITS && (from === 0 || mayPrecede(text.charCodeAt(from - 1)))) return true;
  }
  return false;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** A space, a sign, a comma, a colon or a bracket stands before a number; digits in a text have other neighbours as a rule. */
const mayPrecede = (code: number): boolean => code <= 32 || code === 45 || code === 44 || code === 58 || code === 91;

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
