/** Modules over a client, without loader: for tests of controllers together. */
import { Event } from '../../src/api/kinds.ts';
import type { Kind } from '../../src/api/kind.ts';
import { realClock } from '../../src/base/clock.ts';
import { createLog, silentLog } from '../../src/base/log.ts';
import { createCaches } from '../../src/sdk/caches.ts';
import { createEventRecorder } from '../../src/sdk/event-recorder.ts';
import type { Caches, Client, Module, ModuleContext } from '../../src/sdk/index.ts';
import { runController } from '../../src/sdk/run-controller.ts';

export interface World {
  client: Client;
  caches: Caches;
  stop(): Promise<void>;
}

export async function startWorld(client: Client, modules: readonly Module[], kinds: readonly Kind[]): Promise<World> {
  const abort = new AbortController();
  const { signal } = abort;
  const log = process.env['LLMOS_TEST_LOG'] ? createLog({ level: 'debug' }) : silentLog;
  const caches = createCaches({ client, log, signal });
  const events = createEventRecorder({ client, kind: Event as never, component: 'test', clock: realClock, log, signal });
  const served = { list: () => kinds, find: (group: string, kind: string) => kinds.find((each) => each.group === group && each.kind === kind), subscribe: () => () => {} };
  const context = {
    client, caches, events, clock: realClock, log, signal, config: {}, kinds: served, serve: () => () => {}, route: () => () => {}, report: () => {},
    machine: { apiServer: { url: 'https://127.0.0.1:6443', port: 6443, caPem: 'CA' }, nodeName: 'n1' },
  } as unknown as ModuleContext;
  const running: Promise<void>[] = [];
  for (const module of modules) {
    await module.start?.(context);
    for (const controller of module.controllers ?? []) running.push(runController(controller, { client, caches, events, clock: realClock, log, signal }));
    if (module.run !== undefined) running.push(module.run(context));
  }
  return {
    client, caches,
    async stop() {
      abort.abort();
      await Promise.all([...running, caches.settled()]);
    },
  };
}

/** Looks every few ms until the condition holds. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 5000): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`it did not come about within ${timeoutMs} ms: ${what}`);
    await realClock.sleep(3);
  }
}
