/**
 * Quantities: `500m`, `1.5Gi`, `2e3` (apimachinery, resource.Quantity). Here they become whole numbers, rounded up as upstream does.
 * Up to 2^53 results are exact.
 */
const FORM = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 };

export function isQuantity(text: string): boolean {
  return FORM.test(text);
}

/** In whole units (bytes, pods, whole cpus), rounded up. Throws RangeError when `text` is no quantity. */
export function quantityValue(text: string | number): number {
  return scaled(text, 0);
}

/** In thousandths, rounded up: `0.1` gives 100. Throws RangeError when `text` is no quantity. */
export function quantityMillis(text: string | number): number {
  return scaled(text, 3);
}

function scaled(quantity: string | number, places: number): number {
  const text = String(quantity);
  const match = FORM.exec(text);
  if (match === null) throw new RangeError(`'${text}' is not a quantity; write a number with an optional suffix, for instance 500m or 2Gi`);
  const [, sign, digits = '', exponent, suffix = ''] = match;
  const [whole = '', fraction = ''] = digits.split('.');
  const power = places - fraction.length + (exponent !== undefined ? Number(exponent.slice(1)) : (DECIMAL[suffix] ?? 0));
  const mantissa = Number(whole + fraction) * (BINARY[suffix] ?? 1);
  const size = power >= 0 ? mantissa * 10 ** power : mantissa / 10 ** -power;
  return sign === '-' ? -Math.floor(size) || 0 : Math.ceil(size);
}
