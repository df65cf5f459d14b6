/** Drivers of container storage on this node: each has a socket in `plugins_registry`, by which it is found, asked who it is, and told that it is known (kubelet: pluginwatcher). */
import { mkdirSync, statSync, watch } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Log } from '../../../base/log.ts';
import { grpcClient } from '../../../sdk/grpc/grpc.ts';
import { decode, encode, type MessageType } from '../../../sdk/grpc/message.ts';
import { namesIn } from '../read-files.ts';
import { GET_INFO, NodeCapabilities, NodeInfo, nodeService, NOTIFY, Nothing, PluginInfo, RegistrationStatus, type NodeInfoAnswer } from './api.ts';

export interface Driver {
  name: string;
  info: NodeInfoAnswer;
  can(capability: number): boolean;
  /** Rejects with GrpcError. */
  call(path: string, type: MessageType, message: object, answer?: MessageType): Promise<Record<string, unknown>>;
}

export interface Drivers {
  /** Throws in the kubelet's words when it is not registered. */
  get(name: string): Driver;
  list(): readonly Driver[];
  /** Follows the folder until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface DriversOptions {
  /** `plugins_registry`. */
  folder: string;
  log: Log;
  /** Tells the cluster which drivers are here. A rejection is the driver's to know. */
  announce(drivers: readonly Driver[]): Promise<void>;
}

const CALL_MS = 120_000;
const REGISTER_MS = 10_000;
const SETTLE_MS = 50;
const AGAIN_MS = 2_000;

export function csiDrivers({ folder, log, announce }: DriversOptions): Drivers {
  /** By socket; undefined for plugins of another sort. */
  const known = new Map<string, { stamp: string; driver?: Driver }>();
  const list = (): Driver[] => [...known.values()].flatMap(({ driver }) => driver ?? []);

  async function register(file: string, stamp: string): Promise<void> {
    const info = (await once(file, GET_INFO, Nothing, {}, PluginInfo, REGISTER_MS)) as { type: string; name: string; endpoint: string; supportedVersions: string[] };
    if (info.type !== 'CSIPlugin') return void known.set(file, { stamp });
    try {
      if (!info.supportedVersions.some((each) => /^v?1\./.test(each))) throw new Error(`versions of CSI ${info.supportedVersions.join(', ')} are not spoken here: 1.x is`);
      const endpoint = info.endpoint === '' ? file : isAbsolute(info.endpoint) ? info.endpoint : join(folder, info.endpoint);
      known.set(file, { stamp, driver: await meet(info.name, endpoint) });
      await announce(list());
    } catch (error) {
      known.delete(file);
      await once(file, NOTIFY, RegistrationStatus, { pluginRegistered: false, error: (error as Error).message }, Nothing, REGISTER_MS).catch(() => {});
      throw error;
    }
    await once(file, NOTIFY, RegistrationStatus, { pluginRegistered: true }, Nothing, REGISTER_MS);
    log.info('a storage driver registered', { driver: info.name });
  }

  /** Gives whether all that lies there was understood. */
  async function look(): Promise<boolean> {
    const sockets = new Map(namesIn(folder).flatMap((name) => stampOf(join(folder, name)) ?? []));
    const gone = [...known].filter(([file, { stamp }]) => sockets.get(file) !== stamp);
    for (const [file] of gone) known.delete(file);
    let complete = true;
    if (gone.some(([, { driver }]) => driver !== undefined)) await announce(list()).catch((error: Error) => { complete = false; log.warn('a storage driver that is gone could not be struck off', { error }); });
    for (const [file, stamp] of sockets) {
      if (known.has(file)) continue;
      await register(file, stamp).catch((error: Error) => { complete = false; log.warn('a storage driver could not be registered', { socket: file, error }); });
    }
    return complete;
  }

  return {
    list,
    get(name) {
      const found = list().find((each) => each.name === name);
      if (found === undefined) throw new Error(`driver name ${name} not found in the list of registered CSI drivers`);
      return found;
    },
    async run(signal) {
      for (const each of [folder, join(folder, '../plugins'), join(folder, '../pods')]) mkdirSync(each, { recursive: true, mode: 0o750 }); // what drivers expect there
      let changed = Promise.withResolvers<void>();
      const ring = (): void => changed.resolve();
      const watcher = watch(folder, { persistent: false }, ring);
      watcher.on('error', () => {});
      signal.addEventListener('abort', ring, { once: true });
      while (!signal.aborted) {
        changed = Promise.withResolvers();
        const complete = await look();
        const timer = complete ? undefined : setTimeout(ring, AGAIN_MS);
        if (!signal.aborted) await changed.promise;
        clearTimeout(timer);
        if (!signal.aborted) await new Promise((settle) => setTimeout(settle, SETTLE_MS)); // a socket is made before it is listened on
      }
      watcher.close();
    },
  };
}

async function meet(name: string, endpoint: string): Promise<Driver> {
  const call: Driver['call'] = (path, type, message, answer = Nothing) => once(endpoint, path, type, message, answer, CALL_MS);
  const info = (await call(nodeService('NodeGetInfo'), Nothing, {}, NodeInfo)) as unknown as NodeInfoAnswer;
  if (info.nodeId === '') throw new Error(`the driver ${name} gives this node no id`);
  const { capabilities } = (await call(nodeService('NodeGetCapabilities'), Nothing, {}, NodeCapabilities)) as { capabilities: { rpc?: { type: number } }[] };
  const types = new Set(capabilities.map(({ rpc }) => rpc?.type));
  return { name, info, can: (capability) => types.has(capability), call };
}

/** A connection a call: there are few, and a driver may start anew between them. */
async function once(socket: string, path: string, type: MessageType, message: object, answer: MessageType, timeoutMs: number): Promise<Record<string, unknown>> {
  const client = grpcClient(socket);
  try {
    return decode(answer, await client.call(path, encode(type, message as Record<string, unknown>), timeoutMs));
  } finally {
    client.close();
  }
}

/** Another file of the same name is another plugin. */
function stampOf(file: string): [string, string][] | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isSocket() === true ? [[file, `${stat.ino}/${stat.ctimeMs}`]] : undefined;
}
