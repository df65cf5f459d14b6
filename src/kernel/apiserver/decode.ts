/** Decode: the body of a request as a JSON value, whatever its form. */
import type { Json } from '../../api/meta.ts';
import { decodeProtobuf, PROTOBUF_MEDIA_TYPE } from '../../api/protobuf/envelope.ts';
import { duplicateField, findDuplicateFields } from '../../api/schema/duplicate-fields.ts';
import { badRequest, unsupportedMediaType } from './errors.ts';

export interface Decoded {
  value: Json;
  /** Findings about keys that stand twice in one object; undefined when there are none or nobody asks. */
  duplicates?: string[];
}

const ACCEPTED = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** The media type without its parameters, in lower case. */
export function mediaTypeOf(contentType: string | undefined): string {
  if (contentType === undefined) return '';
  const end = contentType.indexOf(';');
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

/** Throws BadRequest for a malformed body, UnsupportedMediaType for another form. An empty content type means JSON. */
export async function decodeBody(body: Buffer, contentType: string | undefined, options: { findDuplicates: boolean; as?: { apiVersion: string; kind: string } }): Promise<Decoded> {
  switch (mediaTypeOf(contentType)) {
    case '':
    case 'application/json':
    case '*/*':
      return decodeJson(body, options);
    case 'application/yaml':
      return { value: await decodeYaml(body) };
    case PROTOBUF_MEDIA_TYPE:
      return { value: decodeProtobuf(body, options.as) as unknown as Json };
    default:
      throw unsupportedMediaType(ACCEPTED);
  }
}

function decodeJson(body: Buffer, options: { findDuplicates: boolean }): Decoded {
  const text = body.toString('utf8');
  const value = parseJson(text);
  if (!options.findDuplicates) return { value };
  const duplicates = findDuplicateFields(text);
  return duplicates.length === 0 ? { value } : { value, duplicates: duplicates.map(duplicateField) };
}

/** The deepest nesting that is read; deeper values would end the stack of what walks them. */
const MAX_DEPTH = 1_000;

export function parseJson(text: string): Json {
  if (!/\S/.test(text)) throw badRequest('the body of the request was empty: unexpected end of JSON input');
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
  }
  checkDepth(text);
  return value;
}

/** Counts brackets without regard to strings: too much only for texts that are strange anyway. */
function checkDepth(text: string): void {
  if (!hasMany(text, MAX_DEPTH)) return;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 92) at++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 123 || code === 91) {
      if (++depth > MAX_DEPTH) throw badRequest(`the body of the request is nested deeper than ${MAX_DEPTH} levels`);
    } else if (code === 125 || code === 93) depth--;
  }
}

/** Whether so many brackets stand in it at all; looking for them is much cheaper than looking at everything. */
function hasMany(text: string, count: number): boolean {
  let left = count;
  for (const bracket of ['{', '[']) for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) if (--left <= 0) return true;
  return false;
}

export async function decodeYaml(body: Buffer): Promise<Json> {
  const { parseAllDocuments } = await import('yaml');
  const documents = parseAllDocuments(body.toString('utf8'), { maxAliasCount: 100, uniqueKeys: true, version: '1.1' } as never);
  const first = Array.isArray(documents) ? documents.find((document) => document.contents !== null) ?? documents[0] : undefined;
  if (first === undefined) throw badRequest('the body of the request was empty');
  if (first.errors.length > 0) throw badRequest(`error converting YAML to JSON: yaml: ${first.errors[0]!.message.split('\n')[0]}`);
  try {
    return JSON.parse(JSON.stringify(first.toJS({ maxAliasCount: 100 }) ?? null)) as Json;
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: yaml: ${(error as Error).message}`);
  }
}
