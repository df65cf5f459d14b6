/** Whether an applied configuration fits its schema. Source: structured-merge-diff typed.Validate. */
import { unclassified } from '../../errors.ts';
import { isNumeric } from '../../int64.ts';
import { isJsonObject } from '../../json.ts';
import type { Json, KubeObject } from '../../meta.ts';
import { showPath } from './field-set.ts';
import { resolveSchema, type Schema } from '../../schema/schema.ts';
import { elementOf, granularShape, shapeOf, type Shape } from './shape.ts';

/** Throws when a field is not declared, has the wrong type, or a list has two items of one key; in upstream's words and code (StructuredMergeManager.Apply). */
export function checkTyped(applied: KubeObject, shape: Shape): void {
  const errors: string[] = [];
  check(applied as unknown as Json, shape, [], errors);
  if (errors.length === 0) return;
  const { group, version } = versionOf(applied.apiVersion ?? '');
  const about = `${applied.metadata.namespace ?? ''}/${applied.metadata.name ?? ''}; ${group}/${version}, Kind=${applied.kind ?? ''}`;
  const text = errors.length === 1 ? errors[0]! : ['errors:', ...errors.map((error) => `  ${error}`)].join('\n');
  throw unclassified(`failed to create typed patch object (${about}): ${text}`);
}

function versionOf(apiVersion: string): { group: string; version: string } {
  const [first = '', second] = apiVersion.split('/');
  return second === undefined ? { group: '', version: first } : { group: first, version: second };
}

function check(value: Json, shape: Shape, path: string[], errors: string[]): void {
  if (value === null || errors.length >= 20) return;
  if (shape.form === 'map') checkMap(value, shape, path, errors);
  else if (shape.form === 'keyed' || shape.form === 'set') checkList(value, shape, path, errors);
  else if (shape.form === 'leaf') checkLeaf(value, shape, path, errors);
}

function checkMap(value: Json, shape: Shape, path: string[], errors: string[]): void {
  if (!isJsonObject(value)) {
    errors.push(`${showPath(path)}: expected map, got ${JSON.stringify(value)}`);
    return;
  }
  const open = shape.schema?.additionalProperties !== undefined || shape.schema?.xPreserveUnknownFields === true;
  for (const key in value) {
    const here = [...path, `f:${key}`];
    if (!open && !shape.declares(key)) errors.push(`${showPath(here)}: field not declared in schema`);
    else check(value[key]!, shape.field(key), here, errors);
  }
}

function checkList(value: Json, shape: Shape, path: string[], errors: string[]): void {
  if (!Array.isArray(value)) {
    errors.push(`${showPath(path)}: expected list, got ${JSON.stringify(value)}`);
    return;
  }
  const seen = new Set<string>();
  value.forEach((item, index) => {
    const element = elementOf(shape, item);
    if (element === undefined) {
      errors.push(`${showPath(path)}: element ${index}: ${whyNoElement(item, shape)}`);
      return;
    }
    if (seen.has(element)) errors.push(`${showPath(path)}: duplicate entries for key ${showPath([element])}`);
    seen.add(element);
    check(item, shape.item, [...path, element], errors);
  });
}

/** One value, whose parts must fit all the same. */
function checkAtomicList(value: Json, schema: Schema, path: string[], errors: string[]): void {
  if (!Array.isArray(value)) {
    errors.push(`${showPath(path)}: expected list, got ${JSON.stringify(value)}`);
    return;
  }
  const item = shapeOf(schema.items === undefined ? undefined : resolveSchema(schema.items));
  value.forEach((each, index) => check(each, item, [...path, `i:${index}`], errors));
}

function whyNoElement(item: Json, shape: Shape): string {
  if (shape.form === 'set') return item === null ? 'associative list without keys has an element that\'s an explicit null' : 'associative list without keys has an element that\'s a map type';
  if (!isJsonObject(item)) return item === null ? 'associative list with keys may not have a null element' : 'associative list with keys may not have non-map elements';
  return `associative list with keys has an element that omits all key fields [${shape.schema?.xListMapKeys?.map((key) => JSON.stringify(key)).join(' ')}] (and doesn't have default values for any key fields)`;
}

function checkLeaf(value: Json, shape: Shape, path: string[], errors: string[]): void {
  const schema = shape.schema;
  if (schema === undefined || schema.xIntOrString === true || schema.format === 'int-or-string' || schema.format === 'quantity') return;
  if ((schema.type === 'integer' || schema.type === 'number') && !isNumeric(value)) errors.push(`${showPath(path)}: expected numeric (int or float), got ${typeof value}`);
  else if (schema.type === 'string' && typeof value !== 'string') errors.push(`${showPath(path)}: expected string, got &value.valueUnstructured{Value:${JSON.stringify(value)}}`);
  else if (schema.type === 'boolean' && typeof value !== 'boolean') errors.push(`${showPath(path)}: expected boolean, got ${JSON.stringify(value)}`);
  else if (schema.type === 'array' || schema.items !== undefined) checkAtomicList(value, schema, path, errors);
  else if (schema.properties !== undefined || schema.additionalProperties !== undefined) checkMap(value, granularShape(schema), path, errors);
}
