/**
 * How upstream says that the result of a strategic merge patch has a value of a wrong type: it is made into a Go value by a converter of its own and not by the
 * JSON decoder (apimachinery/pkg/runtime, converter.go).
 */
import { isInteger, isNumeric } from '../int64.ts';
import type { Schema } from './schema.ts';

export function converterMismatch(schema: Schema, value: unknown): string {
  if (schema.type === 'array' || schema.format === 'byte') return `cannot restore slice from ${goKindOf(value)}`;
  if (schema.properties !== undefined) return `cannot restore struct from: ${goKindOf(value)}`;
  if (schema.additionalProperties !== undefined || schema.type === 'object') return `cannot restore map from ${goKindOf(value)}`;
  return isConvertible(value, schema) ? `cannot convert ${goKindOf(value)} to ${schema.goType ?? scalarOf(schema)}` : `unrecognized type: ${scalarOf(schema)}`;
}

export function converterBase64Error(why: string): string {
  return `error decoding from json: ${why}`;
}

/** As Go's reflection has it: each number to each other, and a whole one to a string, for the letter of that number. */
function isConvertible(value: unknown, { type }: Schema): boolean {
  if (!isNumeric(value)) return false;
  return type === 'integer' || type === 'number' || (type === 'string' && isInteger(value));
}

function scalarOf({ type, format }: Schema): string {
  switch (type) {
    case 'integer': return format ?? 'int64';
    case 'number': return 'float64';
    case 'boolean': return 'bool';
    default: return 'string';
  }
}

function goKindOf(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  if (isNumeric(value)) return isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value === 'string' ? 'string' : 'map';
}
