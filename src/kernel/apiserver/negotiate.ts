/** Negotiate: which form an answer has, by the Accept header (upstream: endpoints/handlers/negotiation). */
import { notAcceptable } from './errors.ts';

export type Encoding = 'json' | 'yaml' | 'protobuf';

export interface Form {
  encoding: Encoding;
  /** Table, PartialObjectMetadata or PartialObjectMetadataList of meta.k8s.io instead of the kind itself. */
  as?: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';
  /** Version of `as`. */
  version?: string;
  pretty: boolean;
}

const JSON_FORM: Form = { encoding: 'json', pretty: false };
export const MEDIA_TYPES: Record<Encoding, string> = { json: 'application/json', yaml: 'application/yaml', protobuf: 'application/vnd.kubernetes.protobuf' };
const ACCEPTED = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const TRANSFORMS = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);

/** Programs whose users read what comes; their texts are laid out without being asked for. */
const READ_BY_PEOPLE = /^(?:curl|Wget)/;
const BROWSER = 'Mozilla/5.0';
const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);

interface Clause {
  type: string;
  parameters: Record<string, string>;
  quality: number;
}

const parsed = new Map<string, Clause[]>();

/**
 * `protobuf` says whether the answer can be written so, `plain` that it cannot be a Table or metadata alone; otherwise the next wish of the
 * client counts. Throws NotAcceptable.
 */
export function negotiate(accept: string | undefined, query: URLSearchParams, options: { protobuf: boolean; plain?: boolean } & Reader): Form {
  const pretty = isPretty(query, options);
  if ((accept === undefined || accept === '*/*' || accept === 'application/json' || accept === '') && !pretty) return JSON_FORM;
  for (const clause of clausesOf(accept ?? '*/*')) {
    const encoding = encodingOf(clause.type);
    const as = clause.parameters['as'];
    // Metadata alone has a protobuf form whatever it is of, custom resources too; a Table has none.
    const isMetadata = as !== undefined && as !== 'Table';
    if (encoding === undefined || (encoding === 'protobuf' && !options.protobuf && !isMetadata)) continue;
    const isLaidOut = pretty || clause.parameters['pretty'] === '1';
    if (as === undefined) return { encoding, pretty: isLaidOut };
    if (options.plain === true || !TRANSFORMS.has(as) || clause.parameters['g'] !== 'meta.k8s.io' || (encoding === 'protobuf' && (!isMetadata || clause.parameters['v'] !== 'v1'))) continue;
    const version = clause.parameters['v'];
    if (version !== 'v1' && version !== 'v1beta1') continue;
    return { encoding, pretty: isLaidOut, as: as as 'Table', version };
  }
  throw notAcceptable(ACCEPTED);
}

/** Who reads the answer. */
export interface Reader {
  userAgent?: string | undefined;
  /** Of many objects, which pages in browsers read themselves. */
  isList?: boolean;
}

/** Whether JSON is laid out for people, but for who accepts it so (`application/json;pretty=1`): as the query asks, else by who reads it (upstream: endpoints/handlers/negotiation, isPrettyPrint, which does so for lists in browsers, too). */
export function isPretty(query: URLSearchParams, { userAgent = '', isList = false }: Reader): boolean {
  const asked = query.get('pretty');
  if (asked !== null && asked !== '') return TRUE.has(asked);
  return READ_BY_PEOPLE.test(userAgent) || (!isList && userAgent.startsWith(BROWSER));
}

/** The clauses of an Accept header, best first; kept, since clients send few different ones. */
export function clausesOf(accept: string): readonly Clause[] {
  const known = parsed.get(accept);
  if (known !== undefined) return known;
  const clauses = accept.slice(0, 2_000).split(',').map(parseClause).filter((clause) => clause.type !== '' && clause.quality > 0);
  clauses.sort((a, b) => b.quality - a.quality);
  if (parsed.size >= 200) parsed.clear();
  parsed.set(accept, clauses);
  return clauses;
}

function parseClause(text: string): Clause {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters: Record<string, string> = {};
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters[part.slice(0, equals)] = part.slice(equals + 1);
  }
  const quality = parameters['q'] === undefined ? 1 : Number(parameters['q']);
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 0 : quality };
}

/** Undefined for what is not spoken here. */
export function encodingOf(type: string): Encoding | undefined {
  switch (type) {
    case 'application/json':
    case '*/*':
    case 'application/*':
      return 'json';
    case 'application/yaml':
      return 'yaml';
    case 'application/vnd.kubernetes.protobuf':
      return 'protobuf';
    default:
      return undefined;
  }
}
