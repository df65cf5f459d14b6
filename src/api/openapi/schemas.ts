/** Schemas as OpenAPI writes them, in version 3 (components.schemas) and version 2 (definitions), gathered from the kinds that need them. */
import type { Kind } from '../kind.ts';
import type { Json } from '../meta.ts';
import { schemaOfType } from '../schema/facts.ts';
import { resolveSchema, type Schema, type SchemaRef } from '../schema/schema.ts';

export type JsonObject = { [key: string]: Json };

export interface OpenapiOptions {
  openapi: 2 | 3;
  /** The text for a type, or for one of its fields, where a source of descriptions is there. A field within others that have no type of their own is a path: `spec.objective.price`. */
  describe?: (type: string, field?: string) => string | undefined;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
export const LIST_META = `${META}.ListMeta`;
export const STATUS = `${META}.Status`;
export const WATCH_EVENT = `${META}.WatchEvent`;
export const DELETE_OPTIONS = `${META}.DeleteOptions`;

/** Where a schema stands: in which named type, and below which fields of it (joined by points, '' in none); without a path it is the type itself. */
interface Place {
  type: string;
  path?: string;
}

/** Schemas made so far, by name; `refer` adds what it meets. */
export class SchemaBook {
  readonly schemas = new Map<string, JsonObject>();
  readonly #options: OpenapiOptions;
  readonly #pending: [string, Schema][] = [];

  constructor(options: OpenapiOptions) {
    this.#options = options;
  }

  /** A reference to a type of the facts; undefined when they lack it. */
  referTo(name: string): JsonObject | undefined {
    const schema = schemaOfType(name);
    return schema === undefined ? undefined : this.refer(name, schema);
  }

  /** A reference to `schema` under `name`; it is written once. */
  refer(name: string, schema: Schema): JsonObject {
    if (!this.schemas.has(name)) {
      this.schemas.set(name, {});
      this.#pending.push([name, schema]);
      // Only the outermost call writes, so that deep types do not deepen the stack.
      if (this.#pending.length === 1) this.#writePending();
    }
    return { $ref: this.#options.openapi === 3 ? `#/components/schemas/${name}` : `#/definitions/${name}` };
  }

  #writePending(): void {
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      const [name, schema] = next;
      const written = this.#write(schema, { type: name });
      const text = this.#options.describe?.(name);
      this.schemas.set(name, { ...(text === undefined ? {} : { description: text }), ...written });
      this.#pending.shift();
    }
  }

  /** The schema of a named type itself, or of what is below it. */
  #write(schema: Schema, { type, path }: Place): JsonObject {
    if (schema.name !== undefined && path !== undefined) return this.#writeReference(schema, schema.name);
    const special = specialForm(schema, this.#options.openapi);
    if (special !== undefined) return special;
    const out: JsonObject = {};
    copyPlain(schema, out, this.#options.openapi);
    if (schema.properties !== undefined) {
      out['properties'] = Object.fromEntries(Object.entries(schema.properties).map(([key, ref]) => {
        const field = path === undefined || path === '' ? key : `${path}.${key}`;
        return [key, this.#describe(this.#write(resolveSchema(ref), { type, path: field }), type, field)];
      }));
    }
    const within = { type, path: path ?? '' };
    if (schema.additionalProperties !== undefined) out['additionalProperties'] = schema.additionalProperties === true ? true : this.#write(resolveSchema(schema.additionalProperties), within);
    if (schema.items !== undefined) out['items'] = this.#write(resolveSchema(schema.items), within);
    if (this.#options.openapi === 3) {
      for (const key of ['allOf', 'anyOf', 'oneOf'] as const) if (schema[key] !== undefined) out[key] = schema[key].map((each) => this.#write(each, within));
      if (schema.not !== undefined) out['not'] = this.#write(schema.not, within);
    }
    return out;
  }

  #writeReference(schema: Schema, name: string): JsonObject {
    const base: SchemaRef = schemaOfType(name) ?? withoutFieldMarks(schema);
    const ref = this.refer(name, base);
    const marks: JsonObject = {};
    if (schema.default !== undefined) marks['default'] = schema.default;
    copyMarks(schema, marks);
    if (base.xMapType === schema.xMapType) delete marks['x-kubernetes-map-type'];
    if (Object.keys(marks).length === 0) return ref;
    return this.#options.openapi === 3 ? { allOf: [ref], ...marks } : { ...ref, ...marks };
  }

  #describe(written: JsonObject, type: string, field: string): JsonObject {
    const text = this.#options.describe?.(type, field);
    if (text === undefined) return written;
    const ref = written['$ref'];
    return ref !== undefined && this.#options.openapi === 3 ? { description: text, allOf: [{ $ref: ref }] } : { description: text, ...written };
  }
}

/** The name of a kind's schema: that of the facts, or for a custom resource its group backwards (`dev.llmos.v1.Function`). */
export function schemaName(kind: Pick<Kind, 'group' | 'version' | 'kind'>, schema: Schema): string {
  return schema.name ?? [...kind.group.split('.').reverse(), kind.version, kind.kind].join('.');
}

function withoutFieldMarks(schema: Schema): Schema {
  const { default: _default, xListType: _list, xListMapKeys: _keys, xPatchStrategy: _strategy, xPatchMergeKey: _key, ...rest } = schema;
  return rest;
}

/** Types that OpenAPI writes in a way of their own. */
function specialForm(schema: Schema, openapi: 2 | 3): JsonObject | undefined {
  if (schema.name?.endsWith('.IntOrString')) return openapi === 3 ? { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] } : { type: 'string', format: 'int-or-string' };
  if (schema.format === 'quantity' && schema.name !== undefined) return openapi === 3 ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' };
  if (schema.name?.endsWith('.RawExtension') || schema.name?.endsWith('.FieldsV1')) return { type: 'object' };
  if (schema.name?.endsWith('.Duration')) return { type: 'string' };
  if (schema.name?.endsWith('apiextensions.v1.JSON') || schema.xAnyOf !== undefined) return {};
  return undefined;
}

const PLAIN = ['type', 'format', 'required', 'enum', 'default', 'pattern', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf',
  'minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems', 'minProperties', 'maxProperties', 'description', 'title'] as const;

function copyPlain(schema: Schema, out: JsonObject, openapi: 2 | 3): void {
  for (const key of PLAIN) if (schema[key] !== undefined) out[key] = schema[key] as Json;
  if (schema.nullable === true && openapi === 3) out['nullable'] = true;
  if (schema.xPreserveUnknownFields === true) out['x-kubernetes-preserve-unknown-fields'] = true;
  if (schema.xEmbeddedResource === true) out['x-kubernetes-embedded-resource'] = true;
  if (schema.xIntOrString === true) out['x-kubernetes-int-or-string'] = true;
  if (schema.xValidations !== undefined) out['x-kubernetes-validations'] = [...schema.xValidations];
  copyMarks(schema, out);
}

function copyMarks(schema: Schema, out: JsonObject): void {
  if (schema.xListType !== undefined) out['x-kubernetes-list-type'] = schema.xListType;
  if (schema.xListMapKeys !== undefined) out['x-kubernetes-list-map-keys'] = [...schema.xListMapKeys];
  if (schema.xMapType !== undefined) out['x-kubernetes-map-type'] = schema.xMapType;
  if (schema.xPatchStrategy !== undefined) out['x-kubernetes-patch-strategy'] = schema.xPatchStrategy;
  if (schema.xPatchMergeKey !== undefined) out['x-kubernetes-patch-merge-key'] = schema.xPatchMergeKey;
}
