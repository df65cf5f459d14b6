/** Plugins of this node: each has a socket in `plugins_registry`, by which it is found, asked who it is, and told that it is known (kubelet: pluginwatcher, pkg/apis/pluginregistration v1). */
import { mkdirSync, statSync, watch } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Log } from '../../../base/log.ts';
import type { MessageType } from '../../../sdk/grpc/message.ts';
import { namesIn } from '../read-files.ts';
import { callOnce, Nothing } from './call.ts';

export interface Plugin {
  name: string;
  /** Where its own service is. */
  endpoint: string;
  supportedVersions: readonly string[];
  /** The socket by which it was found: two of one name differ in it. */
  socket: string;
}

/** What becomes of plugins of one type. */
export interface PluginSort {
  /** As they call it: `CSIPlugin`, `DRAPlugin`. */
  type: string;
  /** Rejects when it cannot be used; the plugin is told why, and looked at again. */
  came(plugin: Plugin): Promise<void>;
  /** Rejects when it must be told again. */
  left(plugin: Plugin): Promise<void>;
}

export interface PluginRegistry {
  /** Follows the folder until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

const GET_INFO = '/pluginregistration.Registration/GetInfo';
const NOTIFY = '/pluginregistration.Registration/NotifyRegistrationStatus';
const PluginInfo: MessageType = { type: { number: 1, type: 'string' }, name: { number: 2, type: 'string' }, endpoint: { number: 3, type: 'string' }, supportedVersions: { number: 4, type: 'string', repeated: true } };
const RegistrationStatus: MessageType = { pluginRegistered: { number: 1, type: 'bool' }, error: { number: 2, type: 'string' } };
const REGISTER_MS = 10_000;
const SETTLE_MS = 50;
const AGAIN_MS = 2_000;

export function pluginRegistry({ folder, sorts, log }: { folder: string; sorts: readonly PluginSort[]; log: Log }): PluginRegistry {
  /** By socket; without `here` it is of no sort that is known. */
  const known = new Map<string, { stamp: string; here?: { plugin: Plugin; sort: PluginSort } }>();

  const notify = (socket: string, message: object): Promise<unknown> => callOnce(socket, NOTIFY, { type: RegistrationStatus, message }, Nothing, REGISTER_MS);

  async function register(socket: string, stamp: string): Promise<void> {
    const { type, name, endpoint, supportedVersions } = (await callOnce(socket, GET_INFO, { type: Nothing, message: {} }, PluginInfo, REGISTER_MS)) as { type: string; name: string; endpoint: string; supportedVersions: string[] };
    const sort = sorts.find((each) => each.type === type);
    if (sort === undefined) return void known.set(socket, { stamp });
    const plugin: Plugin = { name, supportedVersions, socket, endpoint: endpoint === '' ? socket : isAbsolute(endpoint) ? endpoint : join(folder, endpoint) };
    try {
      await sort.came(plugin);
    } catch (error) {
      await notify(socket, { pluginRegistered: false, error: (error as Error).message }).catch(() => {});
      throw error;
    }
    known.set(socket, { stamp, here: { plugin, sort } });
    await notify(socket, { pluginRegistered: true });
    log.info('a plugin registered', { type, plugin: name });
  }

  /** Gives whether all that lies there was understood. */
  async function look(): Promise<boolean> {
    const sockets = new Map(namesIn(folder).flatMap((name) => stampOf(join(folder, name)) ?? []));
    let complete = true;
    const failed = (words: string, facts: Record<string, unknown>): void => {
      complete = false;
      log.warn(words, facts);
    };
    for (const [socket, { stamp, here }] of known) {
      if (sockets.get(socket) === stamp) continue;
      await here?.sort.left(here.plugin).then(() => known.delete(socket), (error: Error) => failed('a plugin that is gone could not be struck off', { plugin: here.plugin.name, error }));
      if (here === undefined) known.delete(socket);
    }
    for (const [socket, stamp] of sockets) {
      if (!known.has(socket)) await register(socket, stamp).catch((error: Error) => failed('a plugin could not be registered', { socket, error }));
    }
    return complete;
  }

  return {
    async run(signal) {
      for (const each of [folder, join(folder, '../plugins'), join(folder, '../pods')]) mkdirSync(each, { recursive: true, mode: 0o750 }); // what plugins expect there
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

/** Another file of the same name is another plugin. */
function stampOf(file: string): [string, string][] | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isSocket() === true ? [[file, `${stat.ino}/${stat.ctimeMs}`]] : undefined;
}
