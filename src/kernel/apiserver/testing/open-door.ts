/** A door on a store in a folder of its own, on a free port of 127.0.0.1, for tests. Everything is gone after `close`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kind } from '../../../api/kind.ts';
import { BUILT_IN_KINDS, Namespace } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import type { Client } from '../../../sdk/client.ts';
import { openStore, type Store } from '../../store/index.ts';
import { createApiServer, openIdentity, type ApiServer, type Audit, type Identity, type Listener } from '../index.ts';
import type { OutsideAuthenticator } from '../jwt/authenticator.ts';
import type { Limits } from '../limits.ts';

const ADMIN = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] };

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  bytes: Buffer;
  text: string;
  // What a test looks at differs with every test.
  // oxlint-disable-next-line typescript/no-explicit-any
  json: any;
}

export interface Call {
  body?: unknown;
  headers?: Record<string, string>;
  /** Bearer token instead of the administrator's certificate; '' for nobody. */
  token?: string;
}

export interface OpenDoor {
  folder: string;
  store: Store;
  server: ApiServer;
  identity: Identity;
  listener: Listener;
  client: Client;
  kubeconfig: string;
  call(method: string, path: string, options?: Call): Promise<Answer>;
  /** Opens a watch; `next` gives its lines in turn, undefined at the end. */
  watch(path: string, headers?: Record<string, string>): Promise<{ status: number; next(): Promise<WatchLine | undefined>; close(): void }>;
  close(): Promise<void>;
}

export interface WatchLine {
  type: string;
  object: KubeObject & { rows?: { cells: unknown[] }[]; code?: number; reason?: string };
}

export async function openDoor(options: { kinds?: readonly Kind[]; keepMs?: number; keepRevisions?: number; audit?: Audit; limits?: Partial<Limits>; descriptions?: string; flags?: Readonly<Record<string, string>>; outside?: OutsideAuthenticator } = {}): Promise<OpenDoor> {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-door-'));
  const store = openStore({ folder: join(folder, 'store'), clock: realClock, log: silentLog, keepMs: options.keepMs, keepRevisions: options.keepRevisions });
  const identity = openIdentity({ folder: join(folder, 'pki'), clock: realClock, log: silentLog });
  const server = createApiServer({ store, identity, clock: realClock, log: silentLog, limits: options.limits, descriptions: options.descriptions, flags: options.flags, ...(options.audit === undefined ? {} : { audit: options.audit }), ...(options.outside === undefined ? {} : { outside: options.outside }) });
  for (const kind of options.kinds ?? BUILT_IN_KINDS) server.serve(kind);
  const client = server.client(ADMIN);
  await client.create(Namespace, { metadata: { name: 'default' } });
  const [listener] = await server.listen([{ host: '127.0.0.1', port: 0 }]);
  const agent = new Agent({ keepAlive: true, ca: identity.caPem, cert: identity.admin.certificatePem, key: identity.admin.keyPem });
  const stranger = new Agent({ keepAlive: true, ca: identity.caPem });
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, identity.kubeconfig(`https://${listener!.address}`));
  const payloadOf = (body: unknown): string | Buffer | undefined => (body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  const send = (method: string, path: string, call: Call): ReturnType<typeof request> => request({
    host: '127.0.0.1', port: listener!.port, method, path, agent: call.token === undefined ? agent : stranger,
    headers: { ...(call.token ? { authorization: `Bearer ${call.token}` } : {}), ...(call.body === undefined ? {} : { 'content-type': 'application/json', ...(call.headers?.['transfer-encoding'] ? {} : { 'content-length': String(Buffer.byteLength(payloadOf(call.body)!)) }) }), ...call.headers },
  });
  return {
    folder, store, server, identity, listener: listener!, client, kubeconfig,
    call: (method, path, call = {}) => new Promise((resolve, reject) => {
      const http = send(method, path, call);
      http.on('error', reject);
      http.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(answerOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))));
      });
      http.end(payloadOf(call.body));
    }),
    watch: (path, headers = {}) => new Promise((resolve, reject) => {
      const http = send('GET', path, { headers });
      http.on('error', reject);
      http.on('response', (response) => {
        const lines = linesOf(response);
        resolve({ status: response.statusCode ?? 0, next: async () => (await lines.next()).value ?? undefined, close: () => http.destroy() });
      });
      http.end();
    }),
    async close() {
      agent.destroy();
      stranger.destroy();
      await server.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function answerOf(status: number, headers: Answer['headers'], bytes: Buffer): Answer {
  const text = bytes.toString('utf8');
  return {
    status, headers, bytes, text,
    get json() {
      return JSON.parse(text);
    },
  };
}

async function* linesOf(response: AsyncIterable<Buffer>): AsyncGenerator<WatchLine, undefined> {
  let rest = '';
  try {
    for await (const chunk of response) {
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as WatchLine;
    }
  } catch {
    // closed by the test
  }
  return undefined;
}
