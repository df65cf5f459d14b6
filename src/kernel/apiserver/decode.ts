/** Decode: the body of a request as a JSON value, whatever its form. */
import type { Json } from '../../api/meta.ts';
import { decodeProtobuf, PROTOBUF_MEDIA_TYPE } from '../../api/protobuf/envelope.ts';
import { duplicateField, findDuplicateFields } from '../../api/schema/duplicate-fields.ts';
import { decodeYaml } from './decode-yaml.ts';
import { unsupportedMediaType } from './errors.ts';
import { parseJson } from './parse-json.ts';

export interface Decoded {
  value: Json;
  /** Findings about keys that stand twice in one object; undefined when there are none or nobody asks. */
  duplicates?: string[];
}

export interface DuplicateOptions {
  findDuplicates: boolean;
  /** Whether they are for the error that refuses them, and not for warnings. */
  strict?: boolean;
  /** Whose it is: what takes long is done for each user in turn. */
  user?: string;
}

const ACCEPTED = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** The media type without its parameters, in lower case. */
export function mediaTypeOf(contentType: string | undefined): string {
  if (contentType === undefined) return '';
  const end = contentType.indexOf(';');
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

/** Throws BadRequest for a malformed body, UnsupportedMediaType for another form. An empty content type means JSON. */
export async function decodeBody(body: Buffer, contentType: string | undefined, options: DuplicateOptions & { as?: { apiVersion: string; kind: string } }): Promise<Decoded> {
  switch (mediaTypeOf(contentType)) {
    case '':
    case 'application/json':
    case '*/*':
      return decodeJson(body, options);
    case 'application/yaml':
      return decodeYaml(body, options);
    case PROTOBUF_MEDIA_TYPE:
      return { value: decodeProtobuf(body, options.as) as unknown as Json };
    default:
      throw unsupportedMediaType(ACCEPTED);
  }
}

/** `lead` stands before what is wrong with the text. */
export function decodeJson(body: Buffer, options: DuplicateOptions, lead?: string): Decoded {
  const text = body.toString('utf8');
  const value = parseJson(text, lead);
  if (!options.findDuplicates) return { value };
  const duplicates = findDuplicateFields(text);
  return duplicates.length === 0 ? { value } : { value, duplicates: duplicates.map(duplicateField) };
}
