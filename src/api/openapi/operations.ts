/** One operation of a path, and its parameters, as OpenAPI 3 and 2 (swagger) write them. */
import type { JsonObject } from './schemas.ts';

/** What clients look up: the action, the kind, the parameters, the answers. */
export interface OperationInput {
  /** Upstream's word for it (x-kubernetes-action); discovery has none. */
  action?: string;
  gvk?: JsonObject;
  /** As upstream makes them: `listCoreV1NamespacedPod`. */
  id: string;
  /** As upstream groups operations: `core_v1`. */
  tag: string;
  query?: readonly string[];
  body?: JsonObject;
  answer: JsonObject;
  /** Codes of success with that answer, the first one always 200 (OK); default only that. */
  codes?: readonly number[];
  /** Media types of the answer; default JSON and YAML. */
  produces?: readonly string[];
  /** Media types of the body; default those of the answer. */
  consumes?: readonly string[];
}

const CODE_TEXTS: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };
const UNAUTHORIZED = { description: 'Unauthorized' };
const INTEGERS = new Set(['limit', 'timeoutSeconds', 'gracePeriodSeconds', 'limitBytes', 'sinceSeconds', 'tailLines', 'ports']);
const BOOLEANS = new Set([
  'allowWatchBookmarks', 'sendInitialEvents', 'watch', 'orphanDependents', 'force', 'stdin', 'stdout', 'stderr', 'tty', 'follow', 'previous', 'timestamps', 'insecureSkipTLSVerifyBackend',
]);
const MEDIA = ['application/json', 'application/yaml'];

export function operation(input: OperationInput, openapi: 2 | 3): JsonObject {
  const { action, gvk, id, tag, query = [], body, answer, codes = [200], produces = MEDIA } = input;
  const common: JsonObject = { tags: [tag], operationId: id };
  if (action !== undefined) common['x-kubernetes-action'] = action;
  if (gvk !== undefined) common['x-kubernetes-group-version-kind'] = gvk;
  const parameters = query.map((name) => queryParameter(name, openapi));
  const answers = (answerAs: JsonObject): JsonObject => ({ ...Object.fromEntries(codes.map((code) => [code, { description: CODE_TEXTS[code] ?? '', ...answerAs }])), 401: UNAUTHORIZED });
  if (openapi === 3) {
    const content = (schema: JsonObject, media: readonly string[]): JsonObject => Object.fromEntries(media.map((type) => [type, { schema }]));
    const request: JsonObject = body === undefined ? {} : { requestBody: { content: content(body, input.consumes ?? MEDIA) } };
    return { ...common, parameters, ...request, responses: answers({ content: content(answer, produces) }) };
  }
  if (body !== undefined) parameters.push({ name: 'body', in: 'body', required: action !== 'delete' && action !== 'deletecollection', schema: body });
  return { ...common, consumes: [...(input.consumes ?? ['*/*'])], produces: [...produces], parameters, responses: answers({ schema: answer }) };
}

/** Those of a path's own names, and further ones of its query: they hold for all its operations. */
export function pathParameters(path: string, query: readonly string[], openapi: 2 | 3): JsonObject[] {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({ name, in: 'path', required: true, ...typed({ type: 'string', uniqueItems: true }, openapi) }));
  return [...named, ...query.map((name) => queryParameter(name, openapi))];
}

function queryParameter(name: string, openapi: 2 | 3): JsonObject {
  const type = INTEGERS.has(name) ? 'integer' : BOOLEANS.has(name) ? 'boolean' : 'string';
  return { name, in: 'query', ...typed({ type, uniqueItems: true }, openapi) };
}

function typed(schema: JsonObject, openapi: 2 | 3): JsonObject {
  return openapi === 3 ? { schema } : schema;
}
