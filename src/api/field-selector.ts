/** Field selectors: `status.phase=Running,spec.nodeName!=a` (apimachinery fields). */
import { ApiError } from './errors.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Reads a field selector; '' has no requirements. Throws ApiError BadRequest in upstream's words. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return splitTerms(text).filter((term) => term !== '').sort().map((term) => {
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
    if (match === null) throw new ApiError('BadRequest', `invalid selector: '${text}'; can't understand '${term}'`);
    return { field: match[1] ?? '', operator: match[2] === '!=' ? '!=' : '=', value: unescape(match[3] ?? '') };
  });
}

/**
 * A matcher over objects. `fields` gives each selectable field's value; metadata.name and metadata.namespace are always known.
 * Throws ApiError BadRequest for a field that is not in it.
 */
export function fieldMatcher<T extends { metadata: { name?: string; namespace?: string } }>(
  requirements: readonly FieldRequirement[], fields: Readonly<Record<string, (object: T) => string>>,
): (object: T) => boolean {
  const checks = requirements.map(({ field, operator, value }) => {
    const read = readerOf(field, fields);
    return (object: T): boolean => (read(object) === value) === (operator === '=');
  });
  return (object) => checks.every((check) => check(object));
}

function readerOf<T extends { metadata: { name?: string; namespace?: string } }>(field: string, fields: Readonly<Record<string, (object: T) => string>>): (object: T) => string {
  if (field === 'metadata.name') return (object) => object.metadata.name ?? '';
  if (field === 'metadata.namespace') return (object) => object.metadata.namespace ?? '';
  const read = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (read === undefined) throw new ApiError('BadRequest', `field label not supported: ${field}`);
  return read;
}

function splitTerms(text: string): string[] {
  return text.match(/(?:\\.|[^,\\]|\\$)+/gs) ?? [];
}

function unescape(text: string): string {
  return text.replace(/\\(.?)|([,=])/gs, (whole, escaped: string | undefined, bare: string | undefined) => {
    if (bare !== undefined) throw new ApiError('BadRequest', `invalid field selector: unescaped character in value: ${bare.charCodeAt(0)}`);
    if (escaped === undefined || escaped === '' || !'\\,='.includes(escaped)) throw new ApiError('BadRequest', `invalid field selector: invalid escape sequence: ${whole}`);
    return escaped;
  });
}
