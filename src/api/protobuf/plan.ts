/** How each type is laid out in protobuf, worked out once from the facts: fields by number, with their codes. */
import { ApiError } from '../errors.ts';
import { factType, moduleOf, type FactField } from '../facts/fact-type.ts';

export interface PlannedField extends FactField {
  /** Number and wire type as they stand before each value. */
  readonly tag: number;
}

export interface MessagePlan {
  /** Ascending by number. */
  readonly fields: readonly PlannedField[];
  readonly byNumber: ReadonlyMap<number, PlannedField>;
}

export const VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;

/** Deeper values are refused; JSONSchemaProps nests without bound. */
export const MAX_DEPTH = 200;

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const plans = new Map<string, MessagePlan>();

/** The full type name of a kind that has a protobuf form; kinds of meta/v1 (Status, DeleteOptions) belong to every group. */
export function protobufType(group: string, version: string, kind: string): string | undefined {
  const module = moduleOf(group, version);
  for (const name of [`${module}.${kind}`, `${META}.${kind}`]) {
    const type = factType(name);
    if (type !== undefined && type.enum === undefined && type.fields.every((field) => field.protobufNumber > 0)) return name;
  }
  return undefined;
}

export function planOf(name: string): MessagePlan {
  const known = plans.get(name);
  if (known !== undefined) return known;
  const type = factType(name);
  if (type === undefined) throw new ApiError('InternalError', `the facts have no type ${name}`);
  const fields = type.fields.filter((field) => field.protobufNumber > 0)
    .map((field): PlannedField => ({ ...field, tag: field.protobufNumber * 8 + wireType(field.type) }))
    .sort((a, b) => a.protobufNumber - b.protobufNumber);
  const plan = { fields, byNumber: new Map(fields.map((field) => [field.protobufNumber, field])) };
  plans.set(name, plan);
  return plan;
}

/** The wire type of one value of a code. */
export function wireType(code: string): number {
  if (code.startsWith('[')) return wireType(code.slice(1));
  if (code === 'b' || code === 'i' || code === 'l') return VARINT;
  return code === 'd' ? FIXED64 : BYTES;
}
