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

type Read<T> = (object: T) => string;
type Named = { metadata: { name?: string; namespace?: string } };

/** What a kind says of its fields. */
export interface SelectableFields<T> {
  readonly selectableFields: Readonly<Record<string, Read<T>>>;
  readonly namespaced: boolean;
  readonly isCustom?: boolean;
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
}

/** A matcher over objects; metadata.name and, but for kinds of no namespace with fields of their own, metadata.namespace are always known. Throws ApiError BadRequest for a field that is not. */
export function fieldMatcher<T extends Named>(requirements: readonly FieldRequirement[], kind: SelectableFields<T>): (object: T) => boolean {
  const checks = requirements.map(({ field, operator, value }) => {
    const read = readerOf(field, kind);
    return (object: T): boolean => (read(object) === value) === (operator === '=');
  });
  return (object) => checks.every((check) => check(object));
}

function readerOf<T extends Named>(field: string, kind: SelectableFields<T>): Read<T> {
  // Upstream: a kind with fields of its own converts labels by its own function, others by DefaultMetaV1FieldSelectorConversion.
  const converts = kind.isCustom === true || Object.keys(kind.selectableFields).length > 0;
  if (field === 'metadata.name') return (object) => object.metadata.name ?? '';
  if (field === 'metadata.namespace' && (kind.namespaced || !converts)) return (object) => object.metadata.namespace ?? '';
  const read = Object.hasOwn(kind.selectableFields, field) ? kind.selectableFields[field] : undefined;
  if (read === undefined) throw new ApiError('BadRequest', converts ? unsupported(field, kind) : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
  return read;
}

/** In the words of each kind's own function. */
function unsupported(field: string, { group, version, kind }: Pick<SelectableFields<never>, 'group' | 'version' | 'kind'>): string {
  if (group === 'batch' && kind === 'Job') return `field label "${field}" not supported for batchv1.Job`;
  if (kind === 'ResourceSlice') return `field label not supported for ${group}/${version}, Kind=${kind}: ${field}`;
  return `field label not supported: ${field}`;
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
