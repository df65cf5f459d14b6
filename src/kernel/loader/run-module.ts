/** One life of a module: its `run` and its controllers, side by side. */
import type { Module } from '../../sdk/module.ts';
import { runController } from '../../sdk/run-controller.ts';
import type { HostedModule } from './host.ts';

/** Settles when all parts have ended after the abort; rejects with the first failure when the other parts have ended too. */
export async function runModule(module: Module, hosted: HostedModule, signal: AbortSignal): Promise<void> {
  const life = new AbortController();
  const stop = (): void => life.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    await together(life, [
      async () => module.run?.({ ...hosted.context, signal: life.signal }),
      ...(module.controllers ?? []).map((controller) => () => runController(controller, { ...hosted.contextOf(controller), signal: life.signal })),
    ]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function together(life: AbortController, parts: (() => Promise<void>)[]): Promise<void> {
  let failure: unknown;
  const guarded = parts.map(async (part) => {
    try {
      await part();
    } catch (error) {
      failure ??= error;
      life.abort('stop');
    }
  });
  await Promise.all(guarded);
  if (failure !== undefined) throw failure;
}
