/**
 * Isolation of modules that are not built in: each runs in a worker thread with a memory limit of its own and the same Client over a
 * port. A worker that throws, runs out of memory or no longer answers is ended, and the loader starts it again with back-off.
 */
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { withObjectMeta } from '../api/custom/custom-schema.ts';
import { defineKind, type Kind } from '../api/kind.ts';
import type { Schema } from '../api/schema/schema.ts';
import type { Log } from '../base/log.ts';
import { servePort } from '../sdk/client/port.ts';
import type { Module, ModuleContext, ServedKinds } from '../sdk/module.ts';
import type { Declaration, FromWorker, KindData, ToWorker } from './worker-protocol.ts';

const WORKER = join(import.meta.dirname, 'module-worker.ts');
const MEMORY_MIB = 128;
const DECLARE_TIMEOUT_MS = 10_000;
const PING_EVERY_MS = 2_000;
const SILENT_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;

/** Reads the declarations of a module file in a worker, and gives a Module that runs there. */
export async function isolateModule(file: string): Promise<Module> {
  if (!isAbsolute(file) || !existsSync(file)) throw new Error(`there is no module file ${file}; give the path of a file whose default export is a module`);
  const declaration = await declare(file);
  const kinds = declaration.kinds.map(kindOf);
  return {
    name: declaration.name,
    description: declaration.description,
    kinds,
    needs: declaration.needs.map(kindOf),
    reads: declaration.reads === 'all' ? 'all' : declaration.reads.map(kindOf),
    writes: declaration.writes === 'all' ? 'all' : declaration.writes.map(kindOf),
    run: (context) => runInWorker(file, context),
  };
}

function startWorker(file: string): Worker {
  return new Worker(WORKER, { workerData: { file }, resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB }, stdout: false, stderr: false });
}

async function declare(file: string): Promise<Declaration> {
  const worker = startWorker(file);
  const timer = setTimeout(() => void worker.terminate(), DECLARE_TIMEOUT_MS);
  try {
    return await new Promise<Declaration>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error(`${file} did not say what it is within ${DECLARE_TIMEOUT_MS / 1_000} s`)));
      worker.on('message', (message: FromWorker) => {
        if (message.type === 'declared') resolve(message.declaration);
        if (message.type === 'failed') reject(new Error(message.message));
      });
      worker.postMessage({ type: 'declare' } satisfies ToWorker);
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

async function runInWorker(file: string, context: ModuleContext): Promise<void> {
  const worker = startWorker(file);
  const { port1, port2 } = new MessageChannel();
  servePort(port1, context.client, (ref) => findKind(context.kinds, ref));
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', (code) => (context.signal.aborted ? resolve() : reject(new Error(`the worker ended with code ${code}`))));
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'failed') reject(new Error(message.message));
      if (message.type === 'finished') resolve();
      if (message.type === 'log') context.log[message.level](message.text);
    });
  });
  const { config, machine } = context;
  worker.postMessage({ type: 'run', port: port2, config, machine } satisfies ToWorker, [port2]);
  const stop = (): void => worker.postMessage({ type: 'stop', reason: String(context.signal.reason) } satisfies ToWorker);
  context.signal.addEventListener('abort', stop, { once: true });
  const watchdog = watch(worker, context.log);
  try {
    await Promise.race([ended, watchdog.silent, stopDeadline(context.signal)]);
  } finally {
    watchdog.end();
    context.signal.removeEventListener('abort', stop);
    port1.close();
    await worker.terminate();
  }
}

/** Rejects when the worker answers no ping for too long: its loop hangs. */
function watch(worker: Worker, log: Log): { silent: Promise<never>; end(): void } {
  let heardMs = Date.now();
  let fail: (error: Error) => void = () => {};
  const silent = new Promise<never>((_resolve, reject) => (fail = reject));
  worker.on('message', (message: FromWorker) => {
    if (message.type === 'pong') heardMs = Date.now();
  });
  const timer = setInterval(() => {
    worker.postMessage({ type: 'ping' } satisfies ToWorker);
    if (Date.now() - heardMs < SILENT_TIMEOUT_MS) return;
    log.error('the module hangs and is ended', { silentMs: Date.now() - heardMs });
    fail(new Error(`the module did not answer for ${SILENT_TIMEOUT_MS / 1_000} s`));
  }, PING_EVERY_MS);
  timer.unref();
  return { silent, end: () => clearInterval(timer) };
}

function stopDeadline(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => setTimeout(resolve, STOP_TIMEOUT_MS).unref(), { once: true });
  });
}

function findKind(kinds: ServedKinds, ref: { group: string; version: string; plural: string }): Kind | undefined {
  return kinds.list().find((kind) => kind.group === ref.group && kind.version === ref.version && kind.plural === ref.plural);
}

function kindOf({ schema, ...names }: KindData): Kind {
  let whole: Schema | undefined;
  return defineKind({ ...names, schema: () => (whole ??= withObjectMeta(schema)) });
}
