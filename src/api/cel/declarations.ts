/** Types of schemas for the checker of expressions. */
import { resolveSchema, type Schema } from '../schema/schema.ts';
import { checkExpression, showIssues, type Scope } from './checker/check.ts';
import { BOOL, BYTES, DOUBLE, DURATION, DYN, INT, listOf, mapOf, objectOf, STRING, TIMESTAMP, type Type } from './checker/type.ts';
import { createEnvironment } from './environment.ts';
import { REQUEST_VARIABLES } from './request-types.ts';
import { escapedName, isSelectable } from './value.ts';

/** Looks for what is wrong with expressions about objects of a schema (`object`, `oldObject`) and, where it is known, of that of `params`. */
export function typeChecker(schema: Schema, params?: Schema): (expression: string) => string | undefined {
  const declared = new Declarations();
  const type = declared.typeOf(schema);
  const variables = new Map([...REQUEST_VARIABLES, ['object', type], ['oldObject', type], ['params', params === undefined ? DYN : declared.typeOf(params)], ['variables', DYN]] as const);
  const scope: Scope = { variables };
  const environment = createEnvironment({});
  return (expression) => {
    const { issues } = checkExpression(environment, scope, expression);
    return issues.length === 0 ? undefined : showIssues(issues, expression);
  };
}

/** The types that a schema declares. */
export class Declarations {
  #count = 0;
  /** Built-in types refer to themselves. */
  readonly #byName = new Map<string, Type>();

  typeOf(schema: Schema, root = false): Type {
    return this.#typeOf(schema, root) ?? DYN;
  }

  /** undefined for what expressions know nothing of: values of custom resources without a type, and lists and maps of such (cel/common, SchemaDeclType). */
  #typeOf(schema: Schema, root = false): Type | undefined {
    if (schema.xIntOrString === true) return DYN;
    switch (schema.type) {
      case 'integer': return INT;
      case 'number': return DOUBLE;
      case 'boolean': return BOOL;
      // Built-in objects keep times and quantities as text.
      case 'string': return schema.goType === undefined ? typeOfText(schema.format) : schema.format === undefined ? STRING : DYN;
      case 'array': return schema.items === undefined ? listOf(DYN) : this.#within(resolveSchema(schema.items), listOf);
      case 'object': return this.#typeOfObject(schema, root);
      default: return isBuiltIn(schema) ? DYN : undefined;
    }
  }

  #within(inner: Schema, whole: (type: Type) => Type): Type | undefined {
    const type = this.#typeOf(inner);
    return type === undefined ? undefined : whole(type);
  }

  #typeOfObject(schema: Schema, root: boolean): Type | undefined {
    const { properties = {}, additionalProperties: rest } = schema;
    if (rest !== undefined && rest !== true) return this.#within(resolveSchema(rest), (values) => mapOf(STRING, values));
    // What is only kept, of whatever fields, has none that expressions know.
    if (isBuiltIn(schema) && Object.keys(properties).length === 0) return schema.xPreserveUnknownFields === true || rest === true ? DYN : mapOf(DYN, DYN);
    const known = schema.name === undefined ? undefined : this.#byName.get(schema.name);
    if (known !== undefined) return known;
    const fields = new Map<string, Type>();
    const own = this.#object(fields);
    if (schema.name !== undefined) this.#byName.set(schema.name, own);
    for (const [name, ref] of Object.entries(properties)) {
      const key = escapedName(name);
      if (key === undefined) continue;
      const embedded = (root || schema.xEmbeddedResource === true) && name === 'metadata';
      const type = embedded ? this.#object(new Map([['name', STRING], ['generateName', STRING]])) : this.#typeOf(resolveSchema(ref));
      if (type === undefined) continue;
      fields.set(key, type);
      if (isSelectable(name)) fields.set(name, type);
    }
    return own;
  }

  #object(fields: ReadonlyMap<string, Type>): Type {
    return objectOf(`Object${this.#count++}`, fields);
  }
}

function isBuiltIn({ goType, name }: Schema): boolean {
  return goType !== undefined || name !== undefined;
}

function typeOfText(format: string | undefined): Type {
  switch (format) {
    case 'byte': return BYTES;
    case 'date': case 'date-time': return TIMESTAMP;
    case 'duration': return DURATION;
    default: return STRING;
  }
}
