/**
 * The loader: reads Module values, starts them in order, isolates them, and stops them in reverse. Unloading gives back every kind,
 * route, timer and child. It knows neither the store nor the door: what a module is given comes from a Host, so that the same loader
 * attaches portable modules to any cluster.
 */
import { resourceKey, type Kind } from '../../api/kind.ts';
import { exponentialBackoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Module } from '../../sdk/module.ts';
import type { Host, HostedModule } from './host.ts';
import { orderModules } from './order.ts';
import { runModule } from './run-module.ts';

export type ModuleState = 'starting' | 'running' | 'restarting' | 'stopping' | 'failed';

/** What `llmos module list` shows. */
export interface ModuleStatus {
  name: string;
  description: string;
  state: ModuleState;
  gives: string[];
  needs: string[];
  controllers: string[];
  restarts: number;
  /** Time from start to ready, in ms. */
  startMs: number | undefined;
  lastError: string | undefined;
  facts: Readonly<Record<string, string>>;
}

export interface Loader {
  /** Starts modules in the order of their kinds. Rejects, with all of them unloaded again, when one cannot start. */
  load(modules: readonly Module[]): Promise<void>;
  /** Stops one module. Rejects while another loaded module needs a kind that it gives. */
  unload(name: string): Promise<void>;
  list(): ModuleStatus[];
  /** Unloads all in reverse; `reason` is what the modules find in `signal.reason`: 'stop' or 'down'. */
  stop(reason: string): Promise<void>;
}

export interface LoaderOptions {
  host: Host;
  clock: Clock;
  log: Log;
  /** How long a module may take to stop before it is left behind, in ms; default 15,000. */
  stopTimeoutMs?: number;
  /** The same when the reason is `down`: then it gives back all that it made on the machine; default 60,000. */
  downTimeoutMs?: number;
}

interface Loaded {
  module: Module;
  status: ModuleStatus;
  abort: AbortController;
  hosted: HostedModule;
  /** Settles when everything that runs in the module has ended. */
  ended: Promise<void>;
}

export function createLoader(options: LoaderOptions): Loader {
  const loaded = new Map<string, Loaded>();
  const served = (key: string): boolean => [...loaded.values()].some(({ module }) => gives(module, key));

  const startOne = async (module: Module): Promise<void> => {
    if (loaded.has(module.name)) throw new Error(`module '${module.name}' is loaded already; unload it first`);
    const entry = open(module, options);
    loaded.set(module.name, entry);
    try {
      await begin(entry, options);
    } catch (error) {
      entry.status.state = 'failed';
      await close(entry, 'stop', options);
      loaded.delete(module.name);
      throw new Error(`module '${module.name}' did not start: ${(error as Error).message}`, { cause: error });
    }
  };

  const stopOne = async (name: string, reason: string): Promise<void> => {
    const entry = loaded.get(name);
    if (entry === undefined) return;
    await close(entry, reason, options);
    loaded.delete(name);
  };

  return {
    async load(modules) {
      const ordered = orderModules(modules, served);
      const begun: string[] = [];
      try {
        for (const module of ordered) {
          await startOne(module);
          begun.push(module.name);
        }
      } catch (error) {
        for (const name of begun.reverse()) await stopOne(name, 'stop');
        throw error;
      }
    },
    async unload(name) {
      const entry = loaded.get(name);
      if (entry === undefined) throw new Error(`module '${name}' is not loaded; 'llmos module list' shows those that are`);
      const dependent = [...loaded.values()].find(({ module }) => module.name !== name && needsAny(module, entry.module.kinds ?? []));
      if (dependent !== undefined) throw new Error(`module '${dependent.module.name}' needs kinds of '${name}'; unload it first`);
      await stopOne(name, 'stop');
    },
    list: () => [...loaded.values()].map(({ status }) => ({ ...status })),
    async stop(reason) {
      for (const name of [...loaded.keys()].reverse()) await stopOne(name, reason);
    },
  };
}

function open(module: Module, { host }: LoaderOptions): Loaded {
  const abort = new AbortController();
  const status: ModuleStatus = {
    name: module.name,
    description: module.description,
    state: 'starting',
    gives: (module.kinds ?? []).map(resourceKey),
    needs: (module.needs ?? []).map(resourceKey),
    controllers: (module.controllers ?? []).map((each) => each.name),
    restarts: 0,
    startMs: undefined,
    lastError: undefined,
    facts: {},
  };
  const hosted = host.open(module, abort.signal, (facts) => void (status.facts = { ...status.facts, ...facts }));
  return { module, status, abort, hosted, ended: Promise.resolve() };
}

/** Kinds and admissions first, so that `start` may write its own kinds; routes when it can answer them; then the long-running parts. */
async function begin(entry: Loaded, { clock, log }: LoaderOptions): Promise<void> {
  const { module, hosted, status, abort } = entry;
  const fromMs = performance.now();
  for (const kind of module.kinds ?? []) hosted.serve(kind);
  for (const admission of module.admissions ?? []) hosted.admit(admission);
  await module.start?.(hosted.context);
  for (const route of module.routes ?? []) hosted.route(route);
  status.startMs = performance.now() - fromMs;
  status.state = 'running';
  entry.ended = supervise(entry, { clock, log: log.child(module.name), signal: abort.signal });
}

/** Who has run for so long has recovered from what failed before, as containers have to the kubelet (Pod Lifecycle, "Container restarts"). */
const RECOVERED_MS = 600_000;

/** Runs the module's long-running parts, and again with back-off when they fail, until its signal aborts. */
async function supervise(entry: Loaded, { clock, log, signal }: { clock: Clock; log: Log; signal: AbortSignal }): Promise<void> {
  const backoff = exponentialBackoff({ baseMs: 200, maxMs: 60_000 });
  while (!signal.aborted) {
    const fromMs = clock.nowMs();
    try {
      await runModule(entry.module, entry.hosted, signal);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (clock.nowMs() - fromMs >= RECOVERED_MS) backoff.forget('');
      entry.status.state = 'restarting';
      entry.status.restarts += 1;
      entry.status.lastError = (error as Error).message;
      const delayMs = backoff.next('');
      log.error('the module failed and is started again', { delayMs, error });
      await clock.sleep(delayMs, signal);
      entry.status.state = 'running';
    }
  }
}

async function close(entry: Loaded, reason: string, { clock, log, stopTimeoutMs = 15_000, downTimeoutMs = 60_000 }: LoaderOptions): Promise<void> {
  const mostMs = reason === 'down' ? downTimeoutMs : stopTimeoutMs;
  entry.status.state = 'stopping';
  entry.abort.abort(reason);
  const waited = new AbortController();
  const late = clock.sleep(mostMs, waited.signal).then(() => waited.signal.aborted || log.error('a module did not stop in time and is left behind', { module: entry.module.name, stopTimeoutMs: mostMs }));
  await Promise.race([Promise.all([entry.ended, entry.hosted.settled()]), late]);
  waited.abort();
  entry.hosted.release();
}

function gives(module: Module, key: string): boolean {
  return (module.kinds ?? []).some((kind) => resourceKey(kind) === key);
}

function needsAny(module: Module, kinds: readonly Kind[]): boolean {
  const keys = new Set(kinds.map(resourceKey));
  return (module.needs ?? []).some((kind) => keys.has(resourceKey(kind)));
}
