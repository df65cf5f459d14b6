/**
 * Schema: what is known of a value's shape. One form for built-in kinds (from the generated facts) and for custom resources (from their
 * openAPIV3Schema), so that validation, defaulting, pruning, openapi, strategic merge and server-side apply have one way to ask.
 *
 * The fields follow structural schemas of apiextensions v1; those that begin with x are upstream's `x-kubernetes-*` extensions.
 */
import type { Json } from '../meta.ts';

export interface Schema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  /** int32, int64, double, byte, date-time, int-or-string, quantity, ... */
  format?: string;
  /** Known fields of an object. Values are functions where types refer to themselves; read them with {@link fieldOf}. */
  properties?: Readonly<Record<string, SchemaRef>>;
  required?: readonly string[];
  /** The schema of a map's values; true allows anything. */
  additionalProperties?: SchemaRef | true;
  items?: SchemaRef;
  enum?: readonly Json[];
  default?: Json;
  nullable?: boolean;
  pattern?: string;
  minimum?: number; maximum?: number; exclusiveMinimum?: boolean; exclusiveMaximum?: boolean; multipleOf?: number;
  minLength?: number; maxLength?: number;
  minItems?: number; maxItems?: number; uniqueItems?: boolean;
  minProperties?: number; maxProperties?: number;
  not?: Schema; allOf?: readonly Schema[]; anyOf?: readonly Schema[]; oneOf?: readonly Schema[];
  description?: string;
  title?: string;

  /** x-kubernetes-preserve-unknown-fields */
  xPreserveUnknownFields?: boolean;
  /** x-kubernetes-embedded-resource */
  xEmbeddedResource?: boolean;
  /** What a definition says of apiVersion, kind and metadata beside what holds for those of every object. */
  xMeta?: Readonly<Record<string, Schema>>;
  /** x-kubernetes-int-or-string */
  xIntOrString?: boolean;
  /** x-kubernetes-list-type; absent means atomic */
  xListType?: 'atomic' | 'set' | 'map';
  xListMapKeys?: readonly string[];
  /** x-kubernetes-map-type; absent means granular */
  xMapType?: 'atomic' | 'granular';
  /** x-kubernetes-patch-strategy of built-in kinds: merge, replace, retainKeys; several are comma-separated. */
  xPatchStrategy?: string;
  xPatchMergeKey?: string;
  /** x-kubernetes-validations: CEL rules of custom resources. */
  xValidations?: readonly Json[];

  /** Name of the type in the facts, for instance `io.k8s.api.core.v1.PodSpec`; openapi writes a $ref for it. */
  name?: string;
  /** The Go type that upstream's decoder names in its errors: `int32`, `v1.PodSpec`, `[]v1.Container`. Built-in kinds only. */
  goType?: string;
  /** Fields that Go leaves out when they are empty ('', 0, false, no items): `omitempty` and no pointer. Built-in kinds only. */
  omitEmpty?: ReadonlySet<string>;
  /** Of `required`: those that Go leaves out all the same (`+required` with `omitempty`), and that the rules of their kind ask for. Built-in kinds only. */
  leftToRules?: ReadonlySet<string>;
  /** Fields that are structs and no pointers, which Go writes in any case. Built-in kinds only. */
  structs?: ReadonlySet<string>;
  /** Other fields that Go writes in any case, and what of them says nothing: who makes an object with that owns it not. Built-in kinds only. */
  zeros?: ReadonlyMap<string, Json>;
  /** Where built-in types allow several shapes (JSONSchemaPropsOrBool): each of them. */
  xAnyOf?: readonly SchemaRef[];
}

export type SchemaRef = Schema | (() => Schema);

export function resolveSchema(ref: SchemaRef): Schema {
  return typeof ref === 'function' ? ref() : ref;
}

/** The schema of field `name` of an object, or undefined where nothing is known of it. */
export function fieldOf(schema: Schema, name: string): Schema | undefined {
  const property = schema.properties?.[name];
  if (property !== undefined) return resolveSchema(property);
  const rest = schema.additionalProperties;
  return rest === undefined || rest === true ? undefined : resolveSchema(rest);
}

/** The shape among several (xAnyOf) that `value` has; `schema` itself where there is only one. */
export function shapeFor(schema: Schema, value: unknown): Schema {
  if (schema.xAnyOf === undefined) return schema;
  const type = Array.isArray(value) ? 'array' : typeof value;
  return schema.xAnyOf.map(resolveSchema).find((each) => each.type === type) ?? schema;
}
