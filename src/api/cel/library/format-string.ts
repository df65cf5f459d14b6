/** `'%s has %d'.format([name, count])` (cel-go ext formatting). */
import { Duration } from '@marcbachmann/cel-js/evaluator';
import type { Value } from './define.ts';
import { showTime } from '../zoned-times.ts';

/** Throws in upstream's words where a clause does not fit its value. */
export function formatString(text: string, values: readonly Value[]): string {
  let next = 0;
  return text.replace(/%(?:\.(\d+))?(.?)/gs, (_match, precision: string | undefined, clause: string) => {
    if (clause === '%') return '%';
    if (clause === '') throw new Error('could not parse formatting clause: unexpected end of string');
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    return formatValue(clause, values[next++], precision === undefined ? undefined : Math.min(Number(precision), 100));
  });
}

function formatValue(clause: string, value: Value, precision: number | undefined): string {
  switch (clause) {
    case 's': return show(value);
    case 'd': return whole(value, 'decimal clause').toString();
    case 'f': return real(value).toFixed(precision ?? 6);
    case 'e': return scientific(real(value), precision ?? 6);
    case 'b': return typeof value === 'boolean' ? (value ? '1' : '0') : whole(value, 'binary clause').toString(2);
    case 'o': return whole(value, 'octal clause').toString(8);
    case 'x': return hex(value);
    case 'X': return hex(value).toUpperCase();
    default: throw new Error(`could not parse formatting clause: unrecognized formatting clause "${clause}"`);
  }
}

/** A value as `%s` writes it. */
export function show(value: Value): string {
  if (value === null) return 'null';
  if (value instanceof Date) return showTime(value);
  if (value instanceof Duration) return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value === 'object' && (value instanceof Map || value.constructor === Object)) {
    const entries: [string, Value][] = value instanceof Map ? [...value] : Object.entries(value);
    return `{${entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => `${key}: ${show(each)}`).join(', ')}}`;
  }
  return String(value);
}

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `3.140000×10⁰⁰`: two digits at least, as Go's text package has it. */
function scientific(value: number, precision: number): string {
  const [digits = '', exponent] = value.toExponential(precision).split('e');
  if (exponent === undefined) return digits;
  const raised = exponent.replace(/^[+-]/, '').padStart(2, '0').replace(/\d/g, (digit) => RAISED[Number(digit)]!);
  return `${digits}×10${exponent.startsWith('-') ? '⁻' : ''}${raised}`;
}

function whole(value: Value, clause: string): bigint {
  const plain: unknown = typeof value === 'object' ? value?.valueOf() : value;
  if (typeof plain === 'bigint') return plain;
  throw new Error(`error during formatting: ${clause} can only be used on integers`);
}

function real(value: Value): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  throw new Error('error during formatting: fixed-point clause can only be used on doubles');
}

function hex(value: Value): string {
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('hex');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return whole(value, 'hex clause').toString(16);
}
