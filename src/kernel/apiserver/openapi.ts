/** The OpenAPI documents as they are served: /openapi/v3 (an index with hashes, a document a group and version) and /openapi/v2. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Kind } from '../../api/kind.ts';
import type { KindTable } from './kind-table.ts';
import { clausesOf } from './negotiate.ts';
import { respond } from './respond.ts';
import { resourceUnknown } from './errors.ts';
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

/** Documents are made when first asked for; what is known of them is forgotten when the served kinds change. */
export function createOpenApi(kinds: KindTable, virtual: VirtualTable): OpenApi {
  const all = (): Kind[] => [...kinds.list(), ...[...virtual.values()].map((each) => each.asKind)];
  const documents = new Map<string, Document>();
  let madeFor = -1;
  const keep = async (name: string, make: () => Promise<object>): Promise<Document> => {
    if (madeFor !== kinds.changes) documents.clear();
    madeFor = kinds.changes;
    const known = documents.get(name);
    if (known !== undefined) return known;
    const changes = kinds.changes;
    const document = await makeDocument(make);
    if (kinds.changes === changes) documents.set(name, document);
    return document;
  };
  const ofGroup = ({ group, version, path }: GroupPath): Promise<Document> => keep(path, async () => {
    const { openapiV3 } = await import('../../api/openapi/v3.ts');
    return openapiV3(all().filter((kind) => kind.group === group && kind.version === version));
  });
  return {
    async serve(info, http, response) {
      const [, version, ...rest] = info.segments;
      if (version === 'v2' && rest.length === 0) {
        if (clausesOf(http.headers.accept ?? '')[0]?.type === OPENAPI_V2_PROTOBUF) {
          const document = await keep('v2 protobuf', async () => {
            const [{ openapiV2 }, { openapiV2Protobuf }] = await Promise.all([import('../../api/openapi/v2.ts'), import('../../api/openapi/v2-protobuf.ts')]);
            return openapiV2Protobuf(openapiV2(all()));
          });
          return send(http, response, document, { contentType: OPENAPI_V2_PROTOBUF.replace('@', '.') });
        }
        return send(http, response, await keep('v2', async () => (await import('../../api/openapi/v2.ts')).openapiV2(all())));
      }
      if (version !== 'v3') throw resourceUnknown();
      if (rest.length === 0) return send(http, response, await keep('v3', () => makeIndex(pathsOf(all()), ofGroup)));
      const found = pathsOf(all()).find((each) => each.path === rest.join('/'));
      if (found === undefined) throw resourceUnknown();
      const document = await ofGroup(found);
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

interface GroupPath {
  group: string;
  version: string;
  path: string;
}

function pathsOf(kinds: readonly Kind[]): GroupPath[] {
  const found = new Map<string, GroupPath>();
  for (const { group, version } of kinds) {
    const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
    found.set(path, { group, version, path });
  }
  return [...found.values()];
}

async function makeIndex(paths: readonly GroupPath[], ofGroup: (path: GroupPath) => Promise<Document>): Promise<object> {
  const { openapiV3Index } = await import('../../api/openapi/v3.ts');
  const hashes: Record<string, string> = {};
  for (const each of paths) hashes[each.path] = (await ofGroup(each)).hash;
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
