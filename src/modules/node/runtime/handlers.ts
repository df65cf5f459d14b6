/** The runtimes of this machine by their handler's name, as one: each container is with the runtime that made it. */
import { basename } from 'node:path';
import { CRUN_FLAVOUR, conmonRuntime, type ConmonOptions, type RuntimeFlavour } from './conmon.ts';
import type { ContainerPlace, ContainerRuntime } from './runtime.ts';

export interface Handlers extends ContainerRuntime {
  /** Throws in containerd's words when no such handler is configured; undefined is the default one. */
  check(handler: string | undefined): void;
  names(): readonly string[];
}

export const DEFAULT_HANDLER = 'crun';

/** runc and runsc hold back the container in their own way, and take no cgroup manager on their command line. */
const RUNC_FLAVOUR: RuntimeFlavour = { globalArgs: [], gate: false, forgets: false, keyring: true, tellsLeft: false, kept: (id) => id };
/** gVisor. It takes the network of the pod as it is: its own stack cannot be set up on every kernel. */
const RUNSC_FLAVOUR: RuntimeFlavour = { globalArgs: ['--network=host'], gate: false, forgets: false, keyring: false, tellsLeft: false, kept: (id) => `${id}_sandbox:${id}.state` };

/** `programs` are those found on the machine; `configured` is modules.node.runtimes, handler to absolute path of a program with runc's command line. */
export function runtimeHandlers(options: Omit<ConmonOptions, 'runtime' | 'flavour'> & { programs: Readonly<Record<string, string>>; configured?: unknown }): Handlers {
  const { programs, configured, ...common } = options;
  const made = new Map<string, ContainerRuntime>([[DEFAULT_HANDLER, conmonRuntime({ ...common, runtime: programs['crun'] ?? 'crun', flavour: CRUN_FLAVOUR })]]);
  const other = (handler: string, runtime: string): void => void made.set(handler, conmonRuntime({ ...common, runtime, runtimeRoot: `${common.runtimeRoot}-${handler}`, flavour: basename(runtime).startsWith('runsc') ? RUNSC_FLAVOUR : RUNC_FLAVOUR }));
  for (const name of ['runc', 'runsc']) if (programs[name] !== undefined) other(name, programs[name]);
  for (const [handler, runtime] of Object.entries(configuredRuntimes(configured))) other(handler, runtime);
  const of = (place: ContainerPlace): ContainerRuntime => {
    const found = made.get(place.handler ?? DEFAULT_HANDLER);
    if (found === undefined) throw new Error(`no runtime for "${place.handler}" is configured`);
    return found;
  };
  return {
    check(handler) {
      if (handler !== undefined && !made.has(handler)) throw new Error(`failed to get sandbox runtime: no runtime for "${handler}" is configured; this node has ${[...made.keys()].join(', ')} (modules.node.runtimes adds others)`);
    },
    names: () => [...made.keys()],
    create: (place, io) => of(place).create(place, io),
    start: (place, pid, how) => of(place).start(place, pid, how),
    kill: (place, pid, name) => of(place).kill(place, pid, name),
    async delete(place, what) {
      // What is broken does not say whose it was.
      for (const runtime of place.handler === undefined ? made.values() : [of(place)]) await runtime.delete(place, what);
    },
    execCommand: (place, files) => of(place).execCommand(place, files),
  };
}

function configuredRuntimes(configured: unknown): Record<string, string> {
  if (configured === undefined) return {};
  const ok = typeof configured === 'object' && configured !== null && !Array.isArray(configured) && Object.values(configured).every((path) => typeof path === 'string' && path.startsWith('/'));
  if (!ok) throw new Error('modules.node.runtimes must be a map from handler to the absolute path of a runtime');
  if (Object.hasOwn(configured, DEFAULT_HANDLER)) throw new Error(`modules.node.runtimes may not replace ${DEFAULT_HANDLER}`);
  return configured as Record<string, string>;
}
