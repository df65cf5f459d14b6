/** The worker side of an isolated module: reads the file, says what it declares, runs it over the port. */
import { pathToFileURL } from 'node:url';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Event } from '../api/core/event.ts';
import type { Kind } from '../api/kind.ts';
import { resolveSchema, type Schema, type SchemaRef } from '../api/schema/schema.ts';
import { realClock } from '../base/clock.ts';
import { createLog, type Log } from '../base/log.ts';
import type { HostedModule } from '../kernel/loader/index.ts';
import { runModule } from '../kernel/loader/run-module.ts';
import { createCaches } from '../sdk/caches.ts';
import { createPortClient } from '../sdk/client/port.ts';
import { createEventRecorder } from '../sdk/event-recorder.ts';
import type { Module, ModuleContext } from '../sdk/module.ts';
import { permitOfController, permitOfModule, restrictClient } from '../sdk/permit.ts';
import type { Declaration, FromWorker, KindData, ToWorker } from './worker-protocol.ts';

const parent = parentPort as MessagePort;
const { file } = workerData as { file: string };
const stopping = new AbortController();
const say = (message: FromWorker): void => parent.postMessage(message);

parent.on('message', (message: ToWorker) => {
  if (message.type === 'ping') say({ type: 'pong' });
  if (message.type === 'stop') stopping.abort(message.reason);
  if (message.type === 'declare') void reporting(async () => say({ type: 'declared', declaration: declarationOf(await readModule()) }));
  if (message.type === 'run') void reporting(async () => {
    await runHere(await readModule(), message);
    say({ type: 'finished' });
  });
});

async function reporting(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    say({ type: 'failed', message: (error as Error).message });
  }
}

async function readModule(): Promise<Module> {
  const { default: module } = (await import(pathToFileURL(file).href)) as { default?: Module };
  if (typeof module?.name !== 'string' || !/^[a-z][a-z0-9-]*$/.test(module.name)) {
    throw new Error(`${file} has no module as its default export: it must be an object with a name in kebab-case`);
  }
  const built = (['routes', 'admissions'] as const).find((part) => (module[part]?.length ?? 0) > 0);
  if (built !== undefined) throw new Error(`module '${module.name}' has ${built}, which only built-in modules may have; use a webhook or an APIService instead`);
  return module;
}

function declarationOf(module: Module): Declaration {
  const controllers = module.controllers ?? [];
  const written = controllers.flatMap((each) => [each.for, ...(each.owns ?? []), ...(each.writes ?? [])] as Kind[]);
  const read = controllers.flatMap((each) => [...(each.watches ?? []).map(({ kind }) => kind), ...(each.reads ?? [])] as Kind[]);
  const data = (kinds: readonly Kind[]): KindData[] => kinds.map(dataOf);
  return {
    name: module.name,
    description: module.description ?? '',
    kinds: data(module.kinds ?? []),
    needs: data(module.needs ?? []),
    reads: module.reads === 'all' ? 'all' : data([...(module.reads ?? []), ...read]),
    writes: module.writes === 'all' ? 'all' : data([...(module.writes ?? []), ...written]),
  };
}

function dataOf({ group, version, kind, plural, singular, shortNames, categories, namespaced, subresources, schema }: Kind): KindData {
  const builtIn = schema().name !== undefined; // its schema is known on the other side and may refer to itself
  return { group, version, kind, plural, singular, shortNames, categories, namespaced, subresources: { status: subresources.status === true }, schema: builtIn ? {} : plain(schema()) };
}

/** The schema with its references followed, as plain data. */
function plain(schema: Schema): Schema {
  const { properties, items, additionalProperties, ...rest } = schema;
  const follow = (ref: SchemaRef): Schema => plain(resolveSchema(ref));
  return {
    ...rest,
    ...(properties === undefined ? {} : { properties: Object.fromEntries(Object.entries(properties).map(([name, ref]) => [name, follow(ref)])) }),
    ...(items === undefined ? {} : { items: follow(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: additionalProperties === true ? true : follow(additionalProperties) }),
  };
}

async function runHere(module: Module, { port, config, machine }: Extract<ToWorker, { type: 'run' }>): Promise<void> {
  const { signal } = stopping;
  const whole = createPortClient(port);
  const log = portLog();
  const caches = createCaches({ client: whole, log, signal });
  const events = createEventRecorder({ client: whole, kind: Event, component: module.eventSource ?? module.name, clock: realClock, log, signal });
  const context = {
    client: restrictClient(whole, permitOfModule(module), `module '${module.name}'`), caches, events, clock: realClock, log, signal, config, machine,
    report: () => {},
  } as unknown as ModuleContext;
  const hosted = {
    context,
    contextOf: (controller) => ({ client: restrictClient(whole, permitOfController(controller), `controller '${controller.name}'`), caches, events, clock: realClock, log, signal }),
  } as Pick<HostedModule, 'context' | 'contextOf'> as HostedModule;
  await module.start?.(context);
  await runModule(module, hosted, signal);
  await caches.settled();
}

function portLog(): Log {
  const write = (line: string): void => {
    const level = (['debug', 'info', 'warn', 'error'] as const).find((each) => line.includes(` ${each.padEnd(5)} `)) ?? 'info';
    say({ type: 'log', level, text: line.replace(/^\S+ +\S+ +\S+ +/, '').trimEnd() }); // time, level and name are the other side's
  };
  return createLog({ write, level: 'debug' });
}
