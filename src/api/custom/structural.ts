/** Whether an openAPIV3Schema is structural, judged in upstream's words (apiextensions apiserver/schema validation). */
import { forbidden, invalid, required, type FieldError } from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import { compile } from '../schema/regular-expression.ts';

type Level = 'root' | 'item' | 'field';

const EMPTY_TYPE = { root: 'must not be empty at the root', item: 'must not be empty for specified array items', field: 'must not be empty for specified object fields' };

/** Everything that keeps the schema from being structural, sorted as upstream sorts. */
export function structuralErrors(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  judge(schema, 'root', path, errors);
  judgeCompleteness(schema, schema, path, path, errors);
  return errors.toSorted((a, b) => (`${a.field}: ${a.message}` < `${b.field}: ${b.message}` ? -1 : 1));
}

function judge(schema: JSONSchemaProps, level: Level, path: string, errors: FieldError[]): void {
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const { type = '', properties = {}, additionalProperties: rest } = schema;
  if (type === 'array' && schema.items === undefined) errors.push(required(`${path}.items`, 'must be specified'));
  if (schema.items !== undefined && !Array.isArray(schema.items)) judge(schema.items, 'item', `${path}.items`, errors);
  for (const [key, value] of Object.entries(properties)) {
    judge(value, 'field', `${path}.properties[${key}]`, errors);
  }
  if (rest !== undefined) {
    if (level === 'root') errors.push(forbidden(`${path}.additionalProperties`, 'must not be used at the root'));
    if (typeof rest === 'object') judge(rest, 'field', `${path}.additionalProperties`, errors);
    if (embedded) errors.push(forbidden(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set'));
  }
  if (intOrString && preserves) errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, true, 'must be false if x-kubernetes-int-or-string is true'));
  if (intOrString && embedded) errors.push(invalid(`${path}.x-kubernetes-embedded-resource`, true, 'must be false if x-kubernetes-int-or-string is true'));
  if (embedded && type !== 'object') {
    const text = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type === '' ? required(`${path}.type`, text) : invalid(`${path}.type`, type, text));
  } else if (type === '' && !intOrString && !preserves) errors.push(required(`${path}.type`, EMPTY_TYPE[level]));
  if (level === 'root' && type !== '' && type !== 'object') errors.push(invalid(`${path}.type`, type, 'must be object at the root'));
  if (level === 'root' || embedded) judgeMetaFields(properties, level, path, errors);
  if (embedded && !preserves && Object.keys(properties).length === 0) {
    errors.push(required(`${path}.properties`, 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields'));
  }
  judgeValueValidations(schema, path, errors, intOrString);
}

function judgeMetaFields(properties: Record<string, JSONSchemaProps>, level: Level, path: string, errors: FieldError[]): void {
  for (const key of ['kind', 'apiVersion']) {
    const type = properties[key]?.type;
    if (properties[key] !== undefined && type !== 'string') errors.push(invalid(`${path}.properties[${key}].type`, type ?? '', 'must be string'));
  }
  const metadata = properties['metadata'];
  if (metadata === undefined) return;
  const at = `${path}.properties[metadata]`;
  if (metadata.type !== 'object') errors.push(invalid(`${at}.type`, metadata.type ?? '', 'must be object'));
  const { type: _type, description: _description, default: _default, properties: named = {}, ...others } = metadata;
  const more = Object.keys(named).some((key) => key !== 'name' && key !== 'generateName');
  if (level === 'root' && (more || Object.keys(others).length > 0)) errors.push(forbidden(at, 'must not specify anything other than name and generateName, but metadata is implicitly specified'));
}

function judgeValueValidations(schema: JSONSchemaProps, path: string, errors: FieldError[], intOrString: boolean): void {
  for (const key of ['anyOf', 'allOf', 'oneOf'] as const) {
    for (const [index, each] of (schema[key] ?? []).entries()) {
      const allowed = intOrString && ((key === 'anyOf' && isIntOrStringPair(schema.anyOf)) || (key === 'allOf' && index === 0 && isIntOrStringPair(each.anyOf)));
      if (!allowed) judgeNested(each, `${path}.${key}[${index}]`, errors);
    }
  }
  if (schema.not !== undefined) judgeNested(schema.not, `${path}.not`, errors);
  if (schema.pattern !== undefined && compile(schema.pattern) === undefined) errors.push(invalid(`${path}.pattern`, schema.pattern, `must be a valid regular expression, but isn't: error parsing regexp: ${schema.pattern}`));
}

function isIntOrStringPair(list: readonly JSONSchemaProps[] | undefined): boolean {
  return list?.length === 2 && list[0]?.type === 'integer' && list[1]?.type === 'string';
}

const NESTED_FORBIDDEN: readonly [keyof JSONSchemaProps, string][] = [
  ['type', 'must be empty to be structural'], ['default', 'must be undefined to be structural'], ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'], ['nullable', 'must be false to be structural'], ['additionalProperties', 'must be undefined to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'], ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'], ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'], ['x-kubernetes-validations', 'must be empty to be structural'], ['x-kubernetes-map-type', 'must be undefined to be structural'],
];

/** Below a combination only judgements of values may stand, no shapes. */
function judgeNested(schema: JSONSchemaProps, path: string, errors: FieldError[]): void {
  for (const [key, text] of NESTED_FORBIDDEN) {
    const value = schema[key];
    if (value !== undefined && value !== '' && value !== false && value !== null) errors.push(forbidden(`${path}.${key}`, text));
  }
  if (schema.properties?.['metadata'] !== undefined) errors.push(forbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context'));
  if (schema.items !== undefined && !Array.isArray(schema.items)) judgeNested(schema.items, `${path}.items`, errors);
  for (const [key, value] of Object.entries(schema.properties ?? {})) judgeNested(value, `${path}.properties[${key}]`, errors);
  judgeValueValidations(schema, path, errors, false);
}

/** Fields that a combination speaks of must stand in the schema itself. */
function judgeCompleteness(schema: JSONSchemaProps, shape: JSONSchemaProps | undefined, valuePath: string, shapePath: string, errors: FieldError[]): void {
  const nested: [JSONSchemaProps, string][] = [];
  for (const key of ['anyOf', 'allOf', 'oneOf'] as const) for (const [index, each] of (schema[key] ?? []).entries()) nested.push([each, `${valuePath}.${key}[${index}]`]);
  if (schema.not !== undefined) nested.push([schema.not, `${valuePath}.not`]);
  for (const [each, path] of nested) judgeNestedCompleteness(each, shape, path, shapePath, errors);
}

function judgeNestedCompleteness(schema: JSONSchemaProps, shape: JSONSchemaProps | undefined, valuePath: string, shapePath: string, errors: FieldError[]): void {
  judgeCompleteness(schema, shape, valuePath, shapePath, errors);
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    const own = shape?.properties?.[key] ?? (typeof shape?.additionalProperties === 'object' ? shape.additionalProperties : undefined);
    const [at, shapeAt] = [`${valuePath}.properties[${key}]`, `${shapePath}.properties[${key}]`];
    if (own === undefined) errors.push(required(shapeAt, `because it is defined in ${at}`));
    else judgeNestedCompleteness(value, own, at, shapeAt, errors);
  }
  if (schema.items === undefined || Array.isArray(schema.items)) return;
  const items = Array.isArray(shape?.items) ? undefined : shape?.items;
  if (items === undefined) errors.push(required(`${shapePath}.items`, `because it is defined in ${valuePath}.items`));
  else judgeNestedCompleteness(schema.items, items, `${valuePath}.items`, `${shapePath}.items`, errors);
}
