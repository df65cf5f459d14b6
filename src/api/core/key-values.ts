/** What ConfigMap and Secret share: keys, size, and that `immutable: true` stays. */
import { forbidden, invalid, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { configMapKeyErrors } from '../names.ts';

/** One MiB for all values together. */
const MAX_DATA_BYTES = 1024 * 1024;

type Data = Readonly<Record<string, string>>;

/** Keys must be valid, and not stand in `other` as well. */
export function keyErrors(data: Data | undefined, path: string, other?: Data): FieldError[] {
  return Object.keys(data ?? {}).flatMap((key) => [
    ...configMapKeyErrors(key).map((error) => invalid(`${path}[${key}]`, key, error)),
    ...(other !== undefined && Object.hasOwn(other, key) ? [invalid(`${path}[${key}]`, key, `duplicate of key present in ${other === undefined ? '' : 'data'}`)] : []),
  ]);
}

/** All values together may have so many bytes; base64 ones count decoded. `path` is where the error is reported: '[]' is the object itself, as upstream prints a path without a name. */
export function sizeErrors(values: { plain?: Data; base64?: Data }, path: string): FieldError[] {
  let bytes = 0;
  for (const value of Object.values(values.plain ?? {})) bytes += Buffer.byteLength(value);
  for (const value of Object.values(values.base64 ?? {})) bytes += Buffer.byteLength(value, 'base64');
  return bytes > MAX_DATA_BYTES ? [{ type: 'FieldValueTooLong', field: path, message: `Too long: may not be more than ${MAX_DATA_BYTES} bytes` }] : [];
}

interface Immutable { immutable?: boolean }

/** Once `immutable` is true neither it nor the named fields may change. */
export function immutableErrors<T extends Immutable>(object: T, old: T | undefined, fields: { names: readonly (keyof T & string)[] }): FieldError[] {
  if (old?.immutable !== true) return [];
  const errors: FieldError[] = [];
  if (object.immutable !== true) errors.push(forbidden('immutable', 'field is immutable when `immutable` is set'));
  for (const name of fields.names) if (!equalJson(object[name] ?? {}, old[name] ?? {})) errors.push(forbidden(name, 'field is immutable when `immutable` is set'));
  return errors;
}
