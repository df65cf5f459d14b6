/** The OpenAPI documents as they are served: /openapi/v3 (an index with hashes, a document a group and version) and /openapi/v2. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Kind } from '../../api/kind.ts';
import { groupVersionPath } from '../../api/meta.ts';
import type { Describe } from './descriptions/open-descriptions.ts';
import type { KindTable } from './kind-table.ts';
import { answerOpenapi, openapiForm, redirect, type Document } from './openapi-answer.ts';
import { resourceUnknown } from './errors.ts';
import type { JsonObject } from '../../api/openapi/schemas.ts';
import { ApiError } from '../../api/errors.ts';
import type { AggregatedVersion } from '../../sdk/module.ts';
import type { RootPath } from '../../api/openapi/root-paths.ts';
import type { AggregatedTable } from './aggregated.ts';
import type { ConnectResource } from './discovery.ts';
import type { RouteTable } from './route-table.ts';
import type { RequestInfo } from './request-info.ts';
import type { VirtualTable } from './virtual.ts';

export interface OpenApi {
  serve(info: RequestInfo, http: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Bodies are big and rarely asked for twice: of a document that nobody asks for only the hash is kept. */
const KEEP_BODY_MS = 60_000;

/**
 * Documents are made when first asked for; what is known of them is forgotten when what is served changes. `descriptions` is the folder of a package
 * that has them, where it is not installed.
 */
export function createOpenApi(kinds: KindTable, virtual: VirtualTable, aggregated: AggregatedTable, routes: RouteTable, descriptions?: string): OpenApi {
  const described = async (): Promise<{ describe: Describe; connects: readonly ConnectResource[] }> => ({ describe: (await import('./descriptions/open-descriptions.ts')).openDescriptions(descriptions), connects: routes.connects() });
  const elsewhere = (path: string): AggregatedVersion | undefined => aggregated.list().find(({ group, version }) => path === `apis/${group}/${version}`);
  const changesNow = (): number => kinds.changes + routes.changes + aggregated.changes;
  const all = (): Kind[] => [...kinds.list(), ...[...virtual.values()].map((each) => each.asKind)];
  const documents = new Map<string, Document>();
  let madeFor = -1;
  const keep = async (name: string, make: () => Promise<object>): Promise<Document> => {
    if (madeFor !== changesNow()) documents.clear();
    madeFor = changesNow();
    const known = documents.get(name);
    if (known !== undefined) return known;
    const changes = changesNow();
    const document = await makeDocument(make);
    if (changesNow() === changes) documents.set(name, document);
    return document;
  };
  const ofPath = ({ path, root, group, version }: DocumentPath): Promise<Document> => keep(path, async () => {
    const { openapiV3, openapiV3Root } = await import('../../api/openapi/v3.ts');
    if (root !== undefined) return openapiV3Root(root);
    return openapiV3(all().filter((kind) => kind.group === group && kind.version === version), await described());
  });
  const wholeV2 = async (): Promise<JsonObject> => mergedV2((await import('../../api/openapi/v2.ts')).openapiV2(all(), await described()), aggregated.list());
  // By its hash too: the document may be one of before a change that came while it was made.
  const keepProtobuf = async (name: string, document: Document): Promise<Document> => ({ hash: document.hash, body: (await keep(`${name} protobuf ${document.hash}`, () => protobufOf(document))).body });
  return {
    async serve(info, http, response) {
      const [, version, ...rest] = info.segments;
      const name = rest.join('/');
      if (version === 'v2' && name === '') {
        const form = openapiForm(http.headers.accept, 2);
        const document = await keep('v2', wholeV2);
        return answerOpenapi(http, response, form.isProtobuf ? await keepProtobuf('v2', document) : document, { contentType: form.contentType });
      }
      if (version !== 'v3') throw resourceUnknown();
      if (name === '') return answerOpenapi(http, response, await keep('v3', async () => makeIndex(await pathsOf(all()), ofPath, aggregated.list())));
      const other = elsewhere(name);
      const found = (await pathsOf(all())).find(({ path }) => path === name);
      if (other === undefined && found === undefined) throw resourceUnknown();
      const form = openapiForm(http.headers.accept, 3);
      const document = other === undefined ? await ofPath(found!) : await documentOf(other);
      const asked = info.query.get('hash') ?? '';
      // Who knows an older index is led on to what is there now, so that nobody keeps that as what it was.
      if (asked !== '' && asked !== document.hash) return redirect(response, (await import('../../api/openapi/v3.ts')).openapiV3Url(name, document.hash));
      return answerOpenapi(http, response, !form.isProtobuf ? document : other === undefined ? await keepProtobuf(name, document) : { hash: document.hash, body: () => protobufOf(document) }, { contentType: form.contentType, isImmutable: asked !== '' });
    },
  };
}

async function protobufOf({ body }: Document): Promise<Buffer> {
  const document = JSON.parse((await body()).toString()) as JsonObject;
  if ('swagger' in document) return (await import('../../api/openapi/v2-protobuf.ts')).openapiV2Protobuf(document);
  return (await import('../../api/openapi/v3-protobuf.ts')).openapiV3Protobuf(document);
}

async function makeDocument(make: () => Promise<object>): Promise<Document> {
  let kept: Buffer | undefined;
  const body = async (): Promise<Buffer> => {
    if (kept !== undefined) return kept;
    const made = await make();
    kept = Buffer.isBuffer(made) ? made : Buffer.from(JSON.stringify(made));
    setTimeout(() => (kept = undefined), KEEP_BODY_MS).unref();
    return kept;
  };
  return { hash: createHash('sha512').update(await body()).digest('hex').toUpperCase(), body };
}

/** A document of version 3: that of a group and version, or of one path. */
interface DocumentPath {
  path: string;
  group?: string;
  version?: string;
  root?: RootPath;
}

async function pathsOf(kinds: readonly Kind[]): Promise<DocumentPath[]> {
  const { rootPaths } = await import('../../api/openapi/root-paths.ts');
  const found = new Map<string, DocumentPath>();
  for (const root of rootPaths(kinds)) {
    const path = root.path.replace(/^\/|\/$/g, '');
    found.set(path, { path, root });
  }
  for (const { group, version } of kinds) {
    const path = groupVersionPath(group, version).slice(1);
    found.set(path, { group, version, path });
  }
  return [...found.values()];
}

/** What another server says of its own. */
async function documentOf({ openapiV3 }: AggregatedVersion): Promise<Document> {
  if (openapiV3 === undefined) throw resourceUnknown();
  try {
    const body = Buffer.from(JSON.stringify(await openapiV3.read()));
    return { hash: openapiV3.hash, body: () => Promise.resolve(body) };
  } catch (error) {
    throw new ApiError('ServiceUnavailable', `the server of these resources does not say what they look like: ${(error as Error).message}`, { retryAfterSeconds: 1 });
  }
}

/** A server that does not answer now is left out until something changes. */
async function mergedV2(own: JsonObject, versions: readonly AggregatedVersion[]): Promise<JsonObject> {
  if (versions.length === 0) return own;
  const { mergeOpenapiV2 } = await import('../../api/openapi/merge-v2.ts');
  const others = await Promise.all(versions.map(async ({ group, version, openapiV2 }) => ({ prefix: `/apis/${group}/${version}`, document: await openapiV2?.().catch(() => undefined) })));
  return mergeOpenapiV2(own, others);
}

async function makeIndex(paths: readonly DocumentPath[], ofPath: (path: DocumentPath) => Promise<Document>, others: readonly AggregatedVersion[]): Promise<object> {
  const { openapiV3Index } = await import('../../api/openapi/v3.ts');
  const hashes: Record<string, string> = {};
  for (const each of paths) hashes[each.path] = (await ofPath(each)).hash;
  for (const { group, version, openapiV3 } of others) {
    if (openapiV3 === undefined) delete hashes[`apis/${group}/${version}`];
    else hashes[`apis/${group}/${version}`] = openapiV3.hash;
  }
  return openapiV3Index(hashes);
}
