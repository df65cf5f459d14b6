/** The OpenAPI documents as they are served: /openapi/v3 (an index with hashes, a document a group and version) and /openapi/v2. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Kind } from '../../api/kind.ts';
import { groupVersionPath } from '../../api/meta.ts';
import type { Describe } from './descriptions.ts';
import type { KindTable } from './kind-table.ts';
import { clausesOf } from './negotiate.ts';
import { respond } from './respond.ts';
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

/** What clients ask for; the answer has a dot for the @, which no media type may have. */
const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

interface Document {
  hash: string;
  body(): Promise<Buffer>;
}

/** Bodies are big and rarely asked for twice: of a document that nobody asks for only the hash is kept. */
const KEEP_BODY_MS = 60_000;

/**
 * Documents are made when first asked for; what is known of them is forgotten when what is served changes. `descriptions` is the folder of a package
 * that has them, where it is not installed.
 */
export function createOpenApi(kinds: KindTable, virtual: VirtualTable, aggregated: AggregatedTable, routes: RouteTable, descriptions?: string): OpenApi {
  const described = async (): Promise<{ describe: Describe; connects: readonly ConnectResource[] }> => ({ describe: (await import('./descriptions.ts')).openDescriptions(descriptions), connects: routes.connects() });
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
  return {
    async serve(info, http, response) {
      const [, version, ...rest] = info.segments;
      if (version === 'v2' && rest.length === 0) {
        if (clausesOf(http.headers.accept ?? '')[0]?.type === OPENAPI_V2_PROTOBUF) {
          const document = await keep('v2 protobuf', async () => {
            const { openapiV2Protobuf } = await import('../../api/openapi/v2-protobuf.ts');
            return openapiV2Protobuf(await wholeV2());
          });
          return send(http, response, document, { contentType: OPENAPI_V2_PROTOBUF.replace('@', '.') });
        }
        return send(http, response, await keep('v2', wholeV2));
      }
      if (version !== 'v3') throw resourceUnknown();
      if (rest.length === 0) return send(http, response, await keep('v3', async () => makeIndex(await pathsOf(all()), ofPath, aggregated.list())));
      const other = elsewhere(rest.join('/'));
      if (other !== undefined) return serveOther(http, response, other);
      const found = (await pathsOf(all())).find((each) => each.path === rest.join('/'));
      if (found === undefined) throw resourceUnknown();
      const document = await ofPath(found);
      const immutable: Record<string, string> = info.query.has('hash') ? { 'Cache-Control': 'public, immutable', Expires: new Date(Date.now() + 31_536_000_000).toUTCString() } : {};
      return send(http, response, document, { headers: immutable });
    },
  };
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
async function serveOther(http: IncomingMessage, response: ServerResponse, { openapiV3 }: AggregatedVersion): Promise<void> {
  if (openapiV3 === undefined) throw resourceUnknown();
  let document: unknown;
  try {
    document = await openapiV3.read();
  } catch (error) {
    throw new ApiError('ServiceUnavailable', `the server of these resources does not say what they look like: ${(error as Error).message}`, { retryAfterSeconds: 1 });
  }
  const body = Buffer.from(JSON.stringify(document));
  return send(http, response, { body: () => Promise.resolve(body), hash: openapiV3.hash });
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

async function send(http: IncomingMessage, response: ServerResponse, document: Document, { headers = {}, contentType = 'application/json' }: { headers?: Record<string, string>; contentType?: string } = {}): Promise<void> {
  const etag = `"${document.hash}"`;
  if (http.headers['if-none-match'] === etag) {
    response.writeHead(304, { ETag: etag, ...headers });
    response.end();
    return;
  }
  respond(http, response, 200, { contentType, chunks: [await document.body()] }, { headers: { ETag: etag, Vary: 'Accept', ...headers } });
}
