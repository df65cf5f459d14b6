/**
 * Health checks of load balancers whose Service says `externalTrafficPolicy: Local`: on its healthCheckNodePort this machine says how many
 * ready endpoints it has; 503 for none (upstream: kube-proxy's service health server).
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { isIPv4 } from '../../api/ip.ts';
import { createServer } from '../../base/http.ts';
import type { Log } from '../../base/log.ts';
import { keyOf, type Cache } from '../../sdk/cache.ts';
import type { EventRecorder } from '../../sdk/events.ts';
import { isNodePortAddress } from './node-port-addresses.ts';
import { isLeftAlone } from './service-rules.ts';

export interface HealthChecksInput {
  services: Cache<Service>;
  /** With the index `service` (service-index.ts). */
  slices: Cache<EndpointSlice>;
  nodeName: string;
  /** Ranges of the machine's addresses on which it answers; default on all. */
  nodePortAddresses?: readonly string[];
  events?: EventRecorder;
  /** Whether the rules keep up; default always. */
  isHealthy?(): boolean;
  /** How soon a port that somebody else has is tried again, in ms; default 10,000. */
  retryMs?: number;
  log: Log;
  signal: AbortSignal;
}

/** Listens for each such Service until the signal aborts. Counts are taken when asked. */
export function startHealthChecks({ services, slices, nodeName, nodePortAddresses = [], events, isHealthy = () => true, retryMs = 10_000, log, signal }: HealthChecksInput): void {
  const servers = new Map<string, { port: number; server: Server }>();

  const stopOne = (key: string): void => {
    servers.get(key)?.server.close();
    servers.get(key)?.server.closeAllConnections();
    servers.delete(key);
  };
  const stop = services.subscribe(({ key, object, type }) => {
    const port = type === 'deleted' ? undefined : healthPortOf(object);
    if (servers.get(key)?.port === port) return;
    stopOne(key);
    if (port === undefined) return;
    const server = createServer(({ socket }, response) => {
      const local = localEndpoints(slices.byIndex('service', key), { nodeName, family: isIPv4(calledAt(socket)) ? 'IPv4' : 'IPv6' });
      const serviceProxyHealthy = isHealthy();
      const body = JSON.stringify({ service: { namespace: object.metadata.namespace, name: object.metadata.name }, localEndpoints: local, serviceProxyHealthy });
      response.writeHead(local > 0 && serviceProxyHealthy ? 200 : 503, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff', 'x-load-balancing-endpoint-weight': String(local) });
      response.end(body);
    });
    server.on('connection', (socket) => { if (!isNodePortAddress(calledAt(socket), nodePortAddresses)) socket.resetAndDestroy(); });
    let isTold = false;
    server.on('error', (error) => {
      if (!isTold) {
        log.warn('the health check of a load balancer does not answer; it is tried again', { service: keyOf(object), port, error });
        events?.event(object, 'Warning', 'FailedToStartServiceHealthcheck', `node ${nodeName} failed to start healthcheck "${keyOf(object)}" on port ${port}: ${error.message}`);
      }
      isTold = true;
      setTimeout(() => { if (servers.get(key)?.server === server) server.listen(port); }, retryMs).unref();
    });
    server.listen(port);
    server.unref();
    servers.set(key, { port, server });
  });
  signal.addEventListener('abort', () => {
    stop();
    for (const key of [...servers.keys()]) stopOne(key);
  }, { once: true });
}

/** The address of the machine. */
function calledAt({ localAddress = '' }: Socket): string {
  return localAddress.replace(/^::ffff:/, '');
}

/** Undefined too for who is another proxy's: that one answers there. */
export function healthPortOf(service: Service): number | undefined {
  const { spec } = service;
  const wanted = !isLeftAlone(service) && spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local' && (spec.healthCheckNodePort ?? 0) > 0;
  return wanted ? spec.healthCheckNodePort : undefined;
}

/** Of the family in which it is asked, where the Service has that one: a pod of two addresses is one endpoint. */
function localEndpoints(slices: readonly EndpointSlice[], { nodeName, family }: { nodeName: string; family: string }): number {
  const own = slices.filter(({ addressType }) => (addressType as string) === family);
  const ready = (own.length > 0 ? own : slices).flatMap((slice) => slice.endpoints ?? []).filter((each) => each.nodeName === nodeName && each.conditions?.ready !== false);
  return new Set(ready.map((each) => each.addresses[0])).size;
}
