/**
 * What attached modules serve, to the cluster that they are attached to: an API server of its own behind an APIService, as metrics are served on any cluster. Whoever asks is the
 * cluster's door, known by its certificate (kube-system/extension-apiserver-authentication), and says in headers for whom.
 */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { APIService } from '../api/apiregistration/api-service.ts';
import { ConfigMap } from '../api/core/config-map.ts';
import { Service } from '../api/core/service.ts';
import { EndpointSlice } from '../api/discovery/endpoint-slice.ts';
import { ApiError, isApiError } from '../api/errors.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Kind } from '../api/kind.ts';
import type { Log } from '../base/log.ts';
import { makeAuthority, makeLeaf } from '../kernel/apiserver/identity/certificates.ts';
import type { Client } from '../sdk/client.ts';
import type { Route } from '../sdk/module.ts';

export interface ServingOptions {
  client: Client;
  /** The address and port at which the cluster reaches this process. */
  host: string;
  port: number;
  /** In which Service and EndpointSlice are made. */
  namespace: string;
  log: Log;
  signal: AbortSignal;
}

/** A route under `/apis/GROUP/VERSION`; what is given back withdraws it. */
export type ServeRoute = (route: Route) => () => void;

const NAME = 'llmos-attach';
const GROUP_PATH = /^\/apis\/([^/]+)\/([^/]+)$/;

/** `HOST:PORT`, the host an IP address that the cluster can reach. Throws Error that says so. */
export function parseServing(text: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(text) ?? [];
  if (isIP(host) === 0 || !(Number(port) > 0 && Number(port) < 65_536)) throw new Error(`--serve must be ADDRESS:PORT, an IP address of this machine that the cluster can reach, not ${JSON.stringify(text)}`);
  return { host, port: Number(port) };
}

/** Rejects with Error when the port is taken, or the cluster does not say by whom it asks. What it made in the cluster goes with `close`. */
export async function serveRoutes({ client, host, port, namespace, log, signal }: ServingOptions): Promise<{ serve: ServeRoute; close(): Promise<void> }> {
  const { data = {} } = await client.get(ConfigMap, 'extension-apiserver-authentication', { namespace: 'kube-system' });
  const ca = data['requestheader-client-ca-file'];
  if (ca === undefined) throw new Error('the cluster does not say by which certificate its door is known (requestheader-client-ca-file of kube-system/extension-apiserver-authentication), so that nothing can be served to it');
  const names = JSON.parse(data['requestheader-allowed-names'] ?? '[]') as string[];
  const authority = makeAuthority(`${NAME}-ca`, Date.now());
  const leaf = makeLeaf(authority, { commonName: NAME, usage: 'server', names: [`${NAME}.${namespace}.svc`], nowMs: Date.now() });
  const routes = new Map<string, Route>();
  const registered: [string, string][] = [];
  const server = createServer({ key: leaf.keyPem, cert: leaf.certificatePem, ca, requestCert: true, rejectUnauthorized: true }, (asked, answered) => {
    handle(asked, answered).catch((error: unknown) => {
      const known = isApiError(error) ? error : new ApiError('InternalError', (error as Error).message);
      if (!answered.headersSent) answered.writeHead(known.code, { 'content-type': 'application/json' });
      answered.end(JSON.stringify(known.toStatus()));
    });
  });
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, host, listening));

  async function handle(asked: IncomingMessage, answered: ServerResponse): Promise<void> {
    const { subject } = (asked.socket as TLSSocket).getPeerCertificate();
    if (names.length > 0 && !names.includes(String(subject?.CN))) throw new ApiError('Forbidden', 'this certificate is not that of the door');
    const url = new URL(asked.url ?? '/', 'https://llmos');
    const route = [...routes.values()].find(({ path = '' }) => url.pathname === path || url.pathname.startsWith(`${path}/`));
    if (route === undefined || asked.method !== 'GET') throw new ApiError('NotFound', `there is no ${asked.method} ${url.pathname}`);
    const groups = asked.headersDistinct['x-remote-group'] ?? [];
    await route.handle({ method: 'GET', url, user: { name: String(asked.headers['x-remote-user'] ?? ''), groups }, rest: url.pathname.slice(route.path!.length).replace(/^\//, ''), http: asked, response: answered, signal });
  }

  /** What leads from the cluster's door to here. */
  const ways = (group: string, version: string): [Kind<KubeObject>, KubeObject][] => [
    [Service as Kind<KubeObject>, { apiVersion: 'v1', kind: 'Service', metadata: { name: NAME, namespace }, spec: { ports: [{ name: 'https', port: 443, targetPort: port, protocol: 'TCP' }] } } as KubeObject],
    [EndpointSlice as Kind<KubeObject>, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: NAME, namespace, labels: { 'kubernetes.io/service-name': NAME } }, addressType: isIP(host) === 6 ? 'IPv6' : 'IPv4', endpoints: [{ addresses: [host], conditions: { ready: true } }], ports: [{ name: 'https', port, protocol: 'TCP' }] } as KubeObject],
    [APIService as Kind<KubeObject>, { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: `${version}.${group}` }, spec: { service: { name: NAME, namespace, port: 443 }, group, version, caBundle: Buffer.from(authority.certificatePem).toString('base64'), groupPriorityMinimum: 100, versionPriority: 100 } } as KubeObject],
  ];

  async function register(group: string, version: string): Promise<void> {
    const there = await client.get(APIService, `${version}.${group}`).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
      return undefined;
    });
    const other = there?.spec?.service;
    if (other !== undefined && other.name !== NAME) throw new Error(`${group}/${version} is served by ${other.namespace}/${other.name} already: remove that APIService first`);
    for (const [kind, object] of ways(group, version)) await client.apply(kind, object, { force: true, fieldManager: NAME });
    log.info('served to the cluster', { api: `${group}/${version}`, at: `${host}:${port}` });
  }

  return {
    serve(route) {
      const [, group, version] = GROUP_PATH.exec(route.path ?? '') ?? [];
      if (group === undefined || version === undefined) throw new Error(`the route ${route.path ?? ''} is no group and version of an API, and cannot be served to another cluster`);
      routes.set(route.path!, route);
      registered.push([group, version]);
      void register(group, version).catch((error: unknown) => log.error('could not be served to the cluster', { api: `${group}/${version}`, error: (error as Error).message }));
      return () => void routes.delete(route.path!);
    },
    async close() {
      // APIServices first: a door that asks nobody is better than one that gets no answer.
      const made = new Map(registered.flatMap(([group, version]) => ways(group, version)).map((way) => [`${way[0].kind}/${way[1].metadata.name}`, way]));
      for (const [kind, { metadata }] of [...made.values()].sort(([left], [right]) => Number(right.kind === 'APIService') - Number(left.kind === 'APIService'))) {
        const mine = kind.kind !== 'APIService' || ((await client.get(APIService, metadata.name ?? '').catch(() => undefined))?.spec?.service?.name === NAME);
        if (mine) await client.delete(kind, metadata.name ?? '', { namespace: metadata.namespace }).catch(() => undefined);
      }
      await closed(server);
    },
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((settled) => {
    server.close(() => settled());
    server.closeAllConnections();
  });
}
