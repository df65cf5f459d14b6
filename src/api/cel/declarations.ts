/** Types of schemas for the checker of expressions. */
import { resolveSchema, type Schema } from '../schema/schema.ts';
import { createEnvironment, type Environment } from './environment.ts';
import { registerAdmission } from './library/authorizer.ts';
import { checkTypes, compileMessage } from './program.ts';
import { escapedName, isSelectable } from './value.ts';

const PRIMITIVE = /^no such overload: (int|string|bool|double|uint|bytes) \S+ (int|string|bool|double|uint|bytes)$/;

/** The evaluator's types are coarser than cel-go's: what it says is certain of fields that do not exist and of simple types that do not fit. */
export function isCertain(error: unknown): boolean {
  const { code, summary = '' } = error as { code?: string; summary?: string };
  return code === 'no_such_key' || PRIMITIVE.test(summary);
}

/** Looks for what is wrong with expressions about objects of a schema (`object`, `oldObject`) and, where it is known, of that of `params`. */
export function typeChecker(schema: Schema, params?: Schema): (expression: string) => string | undefined {
  const declared = new Declarations();
  const type = declared.typeOf(schema);
  const names = { object: type, oldObject: type, request: 'dyn', params: params === undefined ? 'dyn' : declared.typeOf(params), namespaceObject: 'dyn', authorizer: 'kubernetes.authorization.Authorizer', variables: 'kubernetes.Variables' };
  const environment = createEnvironment(names, (made) => {
    registerAdmission(made);
    declared.register(made);
  });
  return (expression) => {
    const checked = checkTypes(environment, expression);
    return checked.valid || !isCertain(checked.error) ? undefined : compileMessage(checked.error, expression);
  };
}

/** The types that a schema declares, in the evaluator's terms. */
export class Declarations {
  readonly #types: { name: string; fields: Record<string, string> }[] = [];
  /** Built-in types refer to themselves. */
  readonly #byName = new Map<string, string>();

  typeOf(schema: Schema, root = false): string {
    return this.#typeOf(schema, root) ?? 'dyn';
  }

  /** undefined for what expressions know nothing of: values of custom resources without a type, and lists and maps of such (cel/common, SchemaDeclType). */
  #typeOf(schema: Schema, root = false): string | undefined {
    if (schema.xIntOrString === true) return 'dyn';
    switch (schema.type) {
      case 'integer': return 'int';
      case 'number': return 'double';
      case 'boolean': return 'bool';
      // Built-in objects keep times and quantities as text.
      case 'string': return schema.goType === undefined ? typeOfText(schema.format) : schema.format === undefined ? 'string' : 'dyn';
      case 'array': return schema.items === undefined ? 'list' : this.#within(resolveSchema(schema.items), (items) => `list<${items}>`);
      case 'object': return this.#typeOfObject(schema, root);
      default: return isBuiltIn(schema) ? 'dyn' : undefined;
    }
  }

  #within(inner: Schema, whole: (type: string) => string): string | undefined {
    const type = this.#typeOf(inner);
    return type === undefined ? undefined : whole(type);
  }

  #typeOfObject(schema: Schema, root: boolean): string | undefined {
    const { properties = {}, additionalProperties: rest } = schema;
    if (rest !== undefined && rest !== true) return this.#within(resolveSchema(rest), (values) => `map<string, ${values}>`);
    // What is only kept, of whatever fields, has none that expressions know.
    if (isBuiltIn(schema) && Object.keys(properties).length === 0) return schema.xPreserveUnknownFields === true || rest === true ? 'dyn' : 'map';
    const known = schema.name === undefined ? undefined : this.#byName.get(schema.name);
    if (known !== undefined) return known;
    const own = this.#add({});
    if (schema.name !== undefined) this.#byName.set(schema.name, own);
    const fields: Record<string, string> = {};
    for (const [name, ref] of Object.entries(properties)) {
      const key = escapedName(name);
      if (key === undefined) continue;
      const embedded = (root || schema.xEmbeddedResource === true) && name === 'metadata';
      const type = embedded ? this.#add({ name: 'string', generateName: 'string' }) : this.#typeOf(resolveSchema(ref));
      if (type === undefined) continue;
      fields[key] = type;
      if (isSelectable(name)) fields[name] = type;
    }
    this.#types[Number(own.slice('Object'.length))]!.fields = fields;
    return own;
  }

  #add(fields: Record<string, string>): string {
    const name = `Object${this.#types.length}`;
    this.#types.push({ name, fields });
    return name;
  }

  register(environment: Environment): void {
    // Types may refer to each other: with a class of its own, no type has to be there before another.
    // oxlint-disable-next-line typescript/no-extraneous-class
    for (const { name, fields } of this.#types) environment.registerType(name, { fields, ctor: class {} } as never);
  }
}

function isBuiltIn({ goType, name }: Schema): boolean {
  return goType !== undefined || name !== undefined;
}

function typeOfText(format: string | undefined): string {
  switch (format) {
    case 'byte': return 'bytes';
    case 'date': case 'date-time': return 'google.protobuf.Timestamp';
    case 'duration': return 'google.protobuf.Duration';
    default: return 'string';
  }
}
