/** The servers that answer for group versions now: what routes, discovery and OpenAPI know of each. */
import type { APIService } from '../../api/apiregistration/api-service.ts';
import { equalJson } from '../../api/json.ts';
import { groupVersionPath } from '../../api/meta.ts';
import type { AggregatedVersion, ModuleContext } from '../../sdk/module.ts';
import { discovered } from './discovery.ts';
import { emptyElsewhere } from './empty.ts';
import { proxy } from './proxy.ts';
import { clientOf } from './objects.ts';
import { createRemote, type Remote } from './remote.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

interface Server {
  service: APIService;
  remote: Remote;
  available: boolean;
  version: AggregatedVersion;
  withdraw(): void;
}

export interface Servers {
  /** The way to the server of an APIService that names one; its route is there from now on. */
  remoteOf(service: APIService): Remote;
  /** What a check found: the APIResourceList of the server, undefined when it is not available. */
  found(service: APIService, resources: unknown): Promise<void>;
  /** The APIService is gone, or names no server any more. */
  forget(name: string): void;
}

export function createServers(context: ModuleContext): Servers {
  const servers = new Map<string, Server>();
  const publish = (): void => context.aggregation?.publish([...servers.values()].map(({ version }) => version));
  const open = (service: APIService): Server => {
    const { group = '', version = '', groupPriorityMinimum, versionPriority } = service.spec!;
    const remote = createRemote(service.spec!, context.client, context.aggregation!.frontProxy);
    const path = groupVersionPath(group, version);
    const server: Server = {
      service, remote, available: false,
      version: {
        group, version, groupPriority: groupPriorityMinimum, versionPriority, resources: [], current: false, openapiV2: () => remote.ask('/openapi/v2', { signal: context.signal }),
        client: clientOf(remote, context.signal),
        emptyNamespace: (namespace) => emptyElsewhere(remote, path, server.version.resources, namespace, context.signal),
      },
      withdraw: context.route({ path, methods: METHODS, handle: (request) => proxy(request, server.available ? remote : undefined) }),
    };
    return server;
  };
  const forget = (name: string): void => {
    const server = servers.get(name);
    if (server === undefined) return;
    servers.delete(name);
    server.withdraw();
    server.remote.close();
    publish();
  };
  const current = (service: APIService): Server => {
    const name = service.metadata.name ?? '';
    const known = servers.get(name);
    if (known !== undefined && equalJson(known.service.spec, service.spec)) return known;
    if (known !== undefined) {
      known.withdraw();
      known.remote.close();
    }
    const server = open(service);
    // What was heard before is better than nothing until the server was asked.
    if (known !== undefined) server.version = { ...server.version, resources: known.version.resources };
    servers.set(name, server);
    publish();
    return server;
  };
  context.signal.addEventListener('abort', () => servers.forEach(({ remote }) => remote.close()), { once: true });
  return {
    remoteOf: (service) => current(service).remote,
    async found(service, list) {
      const server = current(service);
      server.available = list !== undefined;
      const next = list === undefined ? { ...server.version, current: false } : await described(server, list, context.signal);
      if (sayTheSame(server.version, next)) return;
      server.version = next;
      publish();
    },
    forget,
  };
}

async function described({ version, remote }: Server, list: unknown, signal: AbortSignal): Promise<AggregatedVersion> {
  const path = `apis/${version.group}/${version.version}`;
  const { openapiV3: _old, ...rest } = version;
  const next: AggregatedVersion = { ...rest, resources: discovered(list, version.group, version.version), current: true };
  const index = (await remote.ask('/openapi/v3', { signal }).catch(() => undefined)) as { paths?: Record<string, { serverRelativeURL?: string }> } | undefined;
  const url = index?.paths?.[path]?.serverRelativeURL;
  if (typeof url !== 'string' || !url.startsWith('/')) return next;
  const hash = new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('hash') ?? '';
  return { ...next, openapiV3: { hash, read: () => remote.ask(url, { signal }) } };
}

function sayTheSame(a: AggregatedVersion, b: AggregatedVersion): boolean {
  return a.current === b.current && equalJson(a.resources, b.resources) && a.openapiV3?.hash === b.openapiV3?.hash;
}
