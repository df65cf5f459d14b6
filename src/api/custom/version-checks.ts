/** What a version of a definition names beside its schema: paths of scale, selectable fields, a warning (apiextensions validation). */
import { duplicate, invalid, required, tooMany, type FieldError } from '../field-error.ts';
import type { CustomResourceDefinitionVersion, JSONSchemaProps } from '../generated/apiextensions-v1.ts';

const MAX_SELECTABLE_FIELDS = 8;
const MAX_WARNING_BYTES = 256;

/** `path` is that of the version, `pathOf` that where upstream holds what it says; undefined for what was looked at already, as all versions have it alike. */
export function versionDetailErrors(version: CustomResourceDefinitionVersion, path: string, pathOf: (key: 'subresources' | 'selectableFields') => string | undefined): FieldError[] {
  const [scale, fields] = [pathOf('subresources'), pathOf('selectableFields')];
  return [
    ...warningErrors(version, path), ...(scale === undefined ? [] : scaleErrors(version, `${scale}.subresources.scale`)),
    ...(fields === undefined ? [] : selectableErrors(version, `${fields}.selectableFields`)),
  ];
}

function warningErrors({ deprecated, deprecationWarning: warning }: CustomResourceDefinitionVersion, path: string): FieldError[] {
  if (warning === undefined) return [];
  const wrong = (detail: string): FieldError => invalid(`${path}.deprecationWarning`, warning, detail);
  if (deprecated !== true) return [wrong('can only be set for deprecated versions')];
  if (warning === '') return [wrong('must not be an empty string')];
  const errors = Buffer.byteLength(warning) > MAX_WARNING_BYTES ? [wrong(`must be <= ${MAX_WARNING_BYTES} characters long`)] : [];
  const at = warning.search(/[\p{C}]|[^\S ]/u);
  return at < 0 ? errors : [...errors, wrong(`must only contain printable UTF-8 characters; non-printable character found at index ${Buffer.byteLength(warning.slice(0, at))}`)];
}

function scaleErrors({ subresources }: CustomResourceDefinitionVersion, path: string): FieldError[] {
  const scale = subresources?.scale;
  if (scale === undefined || scale === null) return [];
  const check = (field: 'specReplicasPath' | 'statusReplicasPath' | 'labelSelectorPath', below: readonly string[], words: string): FieldError[] => {
    const value = scale[field] ?? '';
    const at = `${path}.${field}`;
    if (value === '') return field === 'labelSelectorPath' ? [] : [required(at)];
    if (!value.startsWith('.')) return [invalid(at, value, 'must be a simple json path starting with .')];
    return below.some((prefix) => value.startsWith(prefix)) ? [] : [invalid(at, value, `should be a json path under ${words}`)];
  };
  return [
    ...check('specReplicasPath', ['.spec.'], '.spec'), ...check('statusReplicasPath', ['.status.'], '.status'),
    ...check('labelSelectorPath', ['.spec.', '.status.'], 'either .spec or .status'),
  ];
}

function selectableErrors({ selectableFields = [], schema }: CustomResourceDefinitionVersion, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { jsonPath = '' }] of selectableFields.entries()) {
    const at = `${path}[${index}].jsonPath`;
    if (jsonPath === '') {
      errors.push(required(at));
      continue;
    }
    const found = fieldAt(schema?.openAPIV3Schema, jsonPath);
    if (typeof found === 'string') {
      errors.push(invalid(at, jsonPath, `is an invalid path: ${found}`));
      continue;
    }
    if (/^\.metadata(\.|$)/.test(jsonPath)) errors.push(invalid(at, jsonPath, 'must not point to fields in metadata'));
    if (!['string', 'boolean', 'integer'].includes(found.type ?? '')) errors.push(invalid(at, jsonPath, 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.'));
    if (seen.has(jsonPath)) errors.push(duplicate(at, jsonPath));
    seen.add(jsonPath);
  }
  if (seen.size > MAX_SELECTABLE_FIELDS) errors.push(tooMany(path, seen.size, MAX_SELECTABLE_FIELDS));
  return errors;
}

/** The schema of the field, or why there is none. */
function fieldAt(schema: JSONSchemaProps | undefined, jsonPath: string): JSONSchemaProps | string {
  if (!/^(\.[^.[\]\s]+)+$/.test(jsonPath)) return 'must be a simple path of fields, such as .spec.field';
  let current: JSONSchemaProps | undefined = schema;
  for (const name of jsonPath.slice(1).split('.')) {
    const rest: JSONSchemaProps['additionalProperties'] = current?.additionalProperties;
    current = current?.properties?.[name] ?? (typeof rest === 'object' ? rest : undefined);
    if (current === undefined) return name === 'metadata' ? { type: 'object' } : 'does not refer to a valid field';
  }
  return current ?? 'does not refer to a valid field';
}
