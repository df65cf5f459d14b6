/**
 * Who may read what at the kubelet's port (upstream: pkg/kubelet/server/auth.go; "Kubelet authentication/authorization"): client certificates of the cluster's authority and bearer tokens
 * are known, nobody else; what they may is asked of the door, by subresources of the node. Never loaded before somebody comes.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { implicit, oid, sequence, set, utf8 } from '../../../api/certificates/der.ts';
import { ApiError } from '../../../api/errors.ts';
import { createServer } from '../../../base/http.ts';
import type { AccessAttributes, ModuleContext } from '../../../sdk/module.ts';
import type { NodeParts } from '../parts.ts';
import type { KubeletPaths } from './kubelet-paths.ts';

const RENEW_MS = 180 * 24 * 3_600_000;
const ASK_MS = 10_000;
const HANDSHAKE_MS = 10_000;
const MOST_TOKEN_BYTES = 16_384;
const MOST_ANSWER_BYTES = 1_048_576;
const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';

/** Gives what serves a connection. */
export function kubeletServer(parts: NodeParts, kubelet: KubeletPaths): (socket: Socket) => void {
  const http = createServer((request, response) => void answer(parts, kubelet, request, response));
  const tls = createTlsServer({ ...ownPair(parts), handshakeTimeout: HANDSHAKE_MS, requestCert: true, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.2' }, (socket) => http.emit('connection', socket));
  tls.on('tlsClientError', (_, socket) => socket.destroy());
  let madeMs = performance.now();
  return (raw) => {
    if (performance.now() - madeMs > RENEW_MS) {
      tls.setSecureContext(ownPair(parts));
      madeMs = performance.now();
    }
    tls.emit('connection', raw);
  };
}

/** A certificate for the names and addresses of the node, as kubernetes.io/kubelet-serving has it. */
function ownPair({ context, hostIps }: NodeParts): { cert: string; key: string; ca: string } {
  const { machine, authority } = context;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = (id: string, text: string): Buffer => set(sequence(oid(id), utf8(text)));
  const names = [...new Set([machine.nodeName, 'localhost', '127.0.0.1', ...hostIps, machine.network.gatewayIp])];
  const cert = authority!.sign({
    subject: sequence(name(ORGANIZATION, 'system:nodes'), name(COMMON_NAME, `system:node:${machine.nodeName}`)), publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    altNames: sequence(...names.filter((each) => isIP(each) !== 6).map((each) => (isIP(each) === 4 ? implicit(7, Buffer.from(each.split('.').map(Number))) : implicit(2, Buffer.from(each))))), usages: ['digital signature', 'server auth'],
  });
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), ca: machine.apiServer.caPem };
}

async function answer({ context }: NodeParts, kubelet: KubeletPaths, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const say = (code: number, text: string, type = 'text/plain; charset=utf-8'): void => {
    if (response.headersSent) return void response.destroy();
    response.writeHead(code, { 'Content-Type': type });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  try {
    const path = new URL(request.url ?? '/', 'https://node').pathname;
    const subresources = subresourcesOf(path);
    const verb = VERBS[request.method ?? ''] ?? '';
    const who = await whoMay(context, request, subresources.map((subresource) => ({ verb, resource: { group: '', plural: 'nodes', subresource, name: context.machine.nodeName } })));
    if (who === undefined) return say(401, 'Unauthorized');
    if (!who.allowed) return say(403, `Forbidden (user=${who.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n`);
    if (verb !== 'get') return say(405, '405: Method Not Allowed');
    if (await kubelet.logs(decodeURIComponent(path.slice(1)), request, response)) return;
    const found = await kubelet.answer(path.replace(/^\/+|\/+$/g, ''));
    if (found === undefined) return say(404, '404 page not found\n');
    say(200, found.body, found.type);
  } catch (error) {
    const isKnown = error instanceof ApiError;
    if (!isKnown) context.log.warn('the port of the node could not answer', { error });
    say(500, isKnown ? error.message : 'Internal Server Error');
  }
}

const VERBS: Readonly<Record<string, string>> = { GET: 'get', HEAD: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** Any of them is enough. Some paths have one of their own since KEP-2862, beside the one that all had. Pure. */
export function subresourcesOf(path: string): string[] {
  const isBelow = (folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  for (const [folder, name] of [['/stats', 'stats'], ['/metrics', 'metrics'], ['/logs', 'log']] as const) if (isBelow(folder)) return [name];
  for (const [folder, name] of [['/configz', 'configz'], ['/healthz', 'healthz'], ['/pods', 'pods'], ['/runningpods', 'pods']] as const) if (isBelow(folder)) return [name, 'proxy'];
  return ['proxy'];
}

interface Who { name: string; allowed: boolean }

/** Undefined: nobody knows who that is. */
async function whoMay(context: ModuleContext, request: IncomingMessage, wanted: readonly AccessAttributes[]): Promise<Who | undefined> {
  const socket = request.socket as TLSSocket;
  if (socket.authorized) {
    const { subject } = socket.getPeerCertificate();
    const name = subject === undefined ? undefined : [subject.CN].flat()[0];
    if (!name) return undefined;
    const user = { name, groups: [...[subject.O ?? []].flat(), 'system:authenticated'] };
    return { name, allowed: wanted.some((each) => context.may!(user, each)) };
  }
  const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined || token.length > MOST_TOKEN_BYTES) return undefined;
  const self = await askAs(context, token, '/apis/authentication.k8s.io/v1/selfsubjectreviews', { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
  const user = self?.['userInfo'] as { username?: string; groups?: string[]; uid?: string; extra?: Record<string, string[]> } | undefined;
  if (user?.username === undefined) return undefined;
  return { name: user.username, allowed: wanted.some((each) => context.may!({ name: user.username!, groups: user.groups ?? [], ...(user.uid === undefined ? {} : { uid: user.uid }), ...(user.extra === undefined ? {} : { extra: user.extra }) }, each)) };
}

/** What the door tells the bearer of the token; undefined when it does not know it. The status of the answer. */
function askAs({ machine }: ModuleContext, token: string, path: string, body: object): Promise<Record<string, unknown> | undefined> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = httpsRequest(new URL(path, machine.apiServer.url), { method: 'POST', ca: machine.apiServer.caPem, agent: false, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }, timeout: ASK_MS }, (reply) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      reply.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > MOST_ANSWER_BYTES) call.destroy(new Error('the door says too much'));
        else pieces.push(piece);
      });
      reply.once('error', reject);
      reply.once('end', () => {
        if (reply.statusCode === 401) return resolve(undefined);
        if (reply.statusCode !== 200 && reply.statusCode !== 201) return reject(new Error(`the door answered ${reply.statusCode} when it was asked who a token is of`));
        try { resolve((JSON.parse(Buffer.concat(pieces).toString()) as { status?: Record<string, unknown> }).status); } catch (error) { reject(error as Error); }
      });
    });
    call.once('timeout', () => call.destroy(new Error('the door does not answer')));
    call.once('error', reject);
    call.end(text);
  });
}
