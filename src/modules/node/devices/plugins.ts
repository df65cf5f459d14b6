/** The plugins that registered at the node's socket, and the devices that they tell of. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { aborted } from '../../../base/aborted.ts';
import type { Log } from '../../../base/log.ts';
import { AllocateRequest, AllocateResponse, Empty, ListAndWatchResponse, Options, plugin, PreferredAllocationRequest, PreferredAllocationResponse, PreStartRequest, REGISTER, RegisterRequest, VERSION, type DeviceGift, type PluginOptions, type Registration } from './api.ts';
import { grpcClient, GrpcError, grpcServer, type GrpcClient } from '../../../sdk/grpc/grpc.ts';
import { decode, encode } from '../../../sdk/grpc/message.ts';

export interface DevicePlugins {
  /** By resource name; plugins that went away have no healthy devices. */
  devices(): ReadonlyMap<string, ReadonlyMap<string, { healthy: boolean }>>;
  knows(resource: string): boolean;
  /** As its plugin said last, also when that is gone since; who never said a word of it did not say that it is ill (upstream: UpdateAllocatedResourcesStatus). */
  isHealthy(resource: string, id: string): boolean;
  /** Told of every word of a plugin, and when one goes; gives what ends that. */
  subscribe(listener: () => void): () => void;
  /** Which of `available` the plugin would take; the first ones when it has no wish. */
  prefer(resource: string, available: readonly string[], mustInclude: readonly string[], count: number): Promise<readonly string[]>;
  allocate(resource: string, ids: readonly string[]): Promise<DeviceGift>;
  /** For plugins that want to know before each start. */
  beforeStart(resource: string, ids: readonly string[]): Promise<void>;
  /** Serves the socket until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

interface Plugin { client: GrpcClient; options: PluginOptions; devices: Map<string, { healthy: boolean }> }

const SOCKET = 'kubelet.sock';
const CALL_MS = 30_000;
const RESOURCE = /^[a-z0-9.-]+\.[a-z0-9.-]+\/[A-Za-z0-9._-]+$/;

/** `folder` is where plugins look for the socket; `memory` a file that remembers names, so that what is gone is said to be none. */
export function devicePlugins(options: { folder: string; memory: string; log: Log; changed: () => void }): DevicePlugins {
  const plugins = new Map<string, Plugin>();
  const said = new Map<string, ReadonlyMap<string, { healthy: boolean }>>();
  const listeners = new Set<() => void>();
  const known = new Map<string, ReadonlyMap<string, { healthy: boolean }>>(namesIn(options.memory).map((name) => [name, new Map()]));

  function of(resource: string): Plugin {
    const found = plugins.get(resource);
    if (found === undefined) throw new Error(`no device plugin is registered for ${resource}`);
    return found;
  }

  async function register(bytes: Buffer): Promise<Buffer> {
    const { version, endpoint, resourceName, options: wishes } = decode(RegisterRequest, bytes) as unknown as Registration;
    if (version !== VERSION) throw new GrpcError(2, `requested API version ${JSON.stringify(version)} is not supported by kubelet. Supported version is ${VERSION}`);
    if (!RESOURCE.test(resourceName) || resourceName.split('/')[0]!.endsWith('kubernetes.io')) throw new GrpcError(2, `invalid name of device plugin socket: the ResourceName ${JSON.stringify(resourceName)} is invalid`);
    if (endpoint === '' || endpoint.includes('/')) throw new GrpcError(2, `the endpoint ${JSON.stringify(endpoint)} must be the name of a socket beside ${SOCKET}`);
    setImmediate(() => void follow(resourceName, endpoint, wishes)); // the plugin answers only after it was answered
    return encode(Empty, {});
  }

  async function follow(resource: string, endpoint: string, wishes: PluginOptions | undefined): Promise<void> {
    plugins.get(resource)?.client.close();
    const client = grpcClient(join(options.folder, endpoint));
    const own: Plugin = { client, options: wishes ?? { preStartRequired: false, preferredAllocation: false }, devices: new Map() };
    plugins.set(resource, own);
    try {
      if (wishes === undefined) own.options = decode(Options, await client.call(plugin('GetDevicePluginOptions'), encode(Empty, {}), CALL_MS)) as unknown as PluginOptions;
      options.log.info('a device plugin registered', { resource });
      await client.stream(plugin('ListAndWatch'), encode(Empty, {}), (message) => {
        const { devices } = decode(ListAndWatchResponse, message) as { devices: { id: string; health: string }[] };
        own.devices = new Map(devices.map(({ id, health }) => [id, { healthy: health === 'Healthy' }]));
        if (plugins.get(resource) !== own) return;
        said.set(resource, own.devices);
        remember(resource, own.devices);
      });
    } catch (error) {
      options.log.warn('a device plugin is gone', { resource, error });
    }
    client.close();
    if (plugins.get(resource) !== own) return; // another took its place
    plugins.delete(resource);
    remember(resource, new Map([...own.devices.keys()].map((id) => [id, { healthy: false }])));
  }

  function remember(resource: string, devices: ReadonlyMap<string, { healthy: boolean }>): void {
    if (!known.has(resource)) writeFileSync(options.memory, JSON.stringify([...known.keys(), resource]));
    known.set(resource, devices);
    options.changed();
    for (const listener of listeners) listener();
  }

  return {
    devices: () => known,
    knows: (resource) => known.has(resource),
    isHealthy: (resource, id) => said.get(resource)?.get(id)?.healthy ?? true,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async prefer(resource, available, mustInclude, count) {
      const { client, options: wishes } = of(resource);
      if (!wishes.preferredAllocation || available.length <= count) return available.slice(0, count);
      const answer = decode(PreferredAllocationResponse, await client.call(plugin('GetPreferredAllocation'), encode(PreferredAllocationRequest, { containers: [{ available, mustInclude, size: count }] }), CALL_MS)) as { containers: { ids: string[] }[] };
      const wished = (answer.containers[0]?.ids ?? []).filter((id) => available.includes(id));
      return [...new Set([...mustInclude, ...wished, ...available])].slice(0, count);
    },
    async allocate(resource, ids) {
      const answer = decode(AllocateResponse, await of(resource).client.call(plugin('Allocate'), encode(AllocateRequest, { containers: [{ ids }] }), CALL_MS)) as { containers: DeviceGift[] };
      const [gift] = answer.containers;
      if (gift === undefined || answer.containers.length !== 1) throw new Error(`the device plugin of ${resource} answered for ${answer.containers.length} containers instead of one`);
      return gift;
    },
    async beforeStart(resource, ids) {
      const own = plugins.get(resource);
      if (own?.options.preStartRequired === true) await own.client.call(plugin('PreStartContainer'), encode(PreStartRequest, { ids }), CALL_MS);
    },
    async run(signal) {
      const socket = join(options.folder, SOCKET);
      const server = grpcServer({ [REGISTER]: register });
      try {
        mkdirSync(options.folder, { recursive: true, mode: 0o750 });
        rmSync(socket, { force: true }); // plugins see the new one and register again
        await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(socket, resolve); });
        chmodSync(socket, 0o600);
      } catch (error) {
        options.log.warn('device plugins cannot register', { socket, error });
      }
      await aborted(signal);
      for (const { client } of plugins.values()) client.close();
      plugins.clear();
      server.close();
      rmSync(socket, { force: true });
    },
  };
}

function namesIn(file: string): string[] {
  try {
    const names: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}
