/** What stands where the scale of a custom resource is read from (apiextensions registry/customresource, ValidateScaleSpec and ValidateScaleStatus). */
import { invalid, type FieldError } from '../field-error.ts';
import { isJsonObject } from '../json.ts';
import type { ScalePaths } from '../kind.ts';

const MOST = 2_147_483_647;

/** The replicas that are wanted; they may be left out. */
export function scaleSpecErrors(object: unknown, { specReplicasPath }: ScalePaths): FieldError[] {
  return replicasErrors(object, specReplicasPath);
}

/** The replicas that are there, and the selector as text. */
export function scaleStatusErrors(object: unknown, { statusReplicasPath, labelSelectorPath }: ScalePaths): FieldError[] {
  const errors = replicasErrors(object, statusReplicasPath);
  if (labelSelectorPath === undefined) return errors;
  const { value, fault } = at(object, labelSelectorPath);
  if (fault !== undefined) return [...errors, invalid(labelSelectorPath, '', fault)];
  return value === undefined || typeof value === 'string' ? errors : [...errors, invalid(labelSelectorPath, '', mistyped(labelSelectorPath, value, 'string'))];
}

function replicasErrors(object: unknown, path: string): FieldError[] {
  const { value, fault } = at(object, path);
  if (fault !== undefined) return [invalid(path, 0, fault)];
  if (value === undefined) return [];
  if (typeof value !== 'bigint' && !Number.isInteger(value)) return [invalid(path, 0, mistyped(path, value, 'int64'))];
  const replicas = value as number | bigint;
  if (replicas < 0) return [invalid(path, replicas, 'should be a non-negative integer')];
  return replicas > MOST ? [invalid(path, replicas, `should be less than or equal to ${MOST}`)] : [];
}

/** A field is named between dots, whatever else its name has. */
function at(object: unknown, path: string): { value?: unknown; fault?: string } {
  let value = object;
  for (const name of path.replace(/^\./, '').split('.')) {
    if (!isJsonObject(value)) return { fault: `${path} accessor error: ${shown(value)} is of the type ${goType(value)}, expected map[string]interface{}` };
    if (!Object.hasOwn(value, name)) return {};
    value = value[name];
  }
  return { value };
}

function mistyped(path: string, value: unknown, wanted: string): string {
  return `${path} accessor error: ${shown(value)} is of the type ${goType(value)}, expected ${wanted}`;
}

function shown(value: unknown): string {
  return value === null ? '<nil>' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function goType(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  switch (typeof value) {
    case 'string': return 'string';
    case 'boolean': return 'bool';
    case 'number': return Number.isInteger(value) ? 'int64' : 'float64';
    case 'bigint': return 'int64';
    default: return 'map[string]interface {}';
  }
}
