/** Ready sandboxes, made ahead of the pods, so that no start waits for the network. Refilled one at a time, after the starts. */
import { randomBytes } from 'node:crypto';
import { exponentialBackoff } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import { takeTurns } from '../../../base/turns.ts';
import { endStrays } from '../lifecycle/strays.ts';
import type { Cni } from './cni.ts';
import type { LinkNames } from './link-names.ts';
import { isAlive, keepSandbox, listSandboxes, makeSandbox, removeSandbox, type Sandbox } from './sandbox.ts';

export interface SandboxPool {
  /** At once when one is ready, else one is made. `name` is what its link is told that it is of: `NAMESPACE/NAME`. */
  take(podUid: string, name: string): Promise<Sandbox>;
  /** The sandbox that an earlier llmos gave this pod. */
  owned(podUid: string): Sandbox | undefined;
  /** The pods that have one. */
  owners(): readonly string[];
  release(podUid: string): Promise<void>;
  readyCount(): number;
  /** Adopts what is there, then keeps the pool full. Settles after the signal aborted and nothing is being made. */
  run(signal: AbortSignal): Promise<void>;
  /** Gives everything back: ready ones and those of pods. */
  drain(): Promise<void>;
}

export interface PoolOptions {
  root: string;
  cni: Cni;
  names: LinkNames;
  clock: Clock;
  log: Log;
  /** Ready ones to keep. */
  size: number;
  /** The pool is filled to this at once and to `size` when `quietMs` passed without a take. */
  first?: number;
  quietMs?: number;
}

/** Sandboxes made at a time for pods that wait; each takes four processes. */
const MADE_AT_ONCE = 8;
/** What the link of a sandbox says that nobody has. */
const READY = 'ready';
/** Sandboxes removed at a time when all go. */
const AT_ONCE = 4;

export function sandboxPool(options: PoolOptions): SandboxPool {
  const { cni, names, clock, log } = options;
  const turns = takeTurns(MADE_AT_ONCE);
  const ready: Sandbox[] = [];
  const taken = new Map<string, Sandbox>();
  const backoff = exponentialBackoff({ baseMs: 500, maxMs: 30_000 });
  let lastTakeMs = 0;
  let wake = (): void => {};

  for (const sandbox of listSandboxes(options.root)) if (sandbox.podUid !== undefined && isAlive(sandbox)) taken.set(sandbox.podUid, sandbox);

  async function make(): Promise<Sandbox> {
    for (let waitedMs = 0; !cni.ready() && waitedMs < 10_000; waitedMs += 50) await clock.sleep(50);
    const sandbox = await makeSandbox({ root: options.root, id: randomBytes(8).toString('hex'), cni });
    void names.tell(sandbox.link, READY);
    return sandbox;
  }

  async function tryRemove(sandbox: Sandbox): Promise<void> {
    await removeSandbox(sandbox, cni).catch((error: Error) => log.warn('a sandbox could not be removed', { sandbox: sandbox.id, error }));
  }

  async function adopt(): Promise<void> {
    for (const sandbox of listSandboxes(options.root)) {
      if (sandbox.podUid !== undefined && taken.has(sandbox.podUid)) continue;
      if (sandbox.podUid === undefined && sandbox.ips.length > 0 && isAlive(sandbox)) {
        ready.push(sandbox);
        void names.tell(sandbox.link, READY);
      } else {
        if (sandbox.ips.length === 0) endStrays(sandbox.id);
        await tryRemove(sandbox);
      }
    }
  }

  /** How long to wait before the next one; undefined when full. */
  function pauseMs(): number | undefined {
    if (!cni.ready()) return 100;
    if (ready.length >= options.size) return undefined;
    if (ready.length < (options.first ?? 4)) return 0;
    return Math.max(0, lastTakeMs + (options.quietMs ?? 1_000) - clock.nowMs());
  }

  async function fill(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const pause = pauseMs();
      if (pause === undefined) await sleepUntilWoken(signal);
      else if (pause > 0) await clock.sleep(pause, signal);
      else await refillOne(signal);
    }
  }

  async function refillOne(signal: AbortSignal): Promise<void> {
    try {
      ready.push(await make());
      backoff.forget('fill');
    } catch (error) {
      log.warn('a sandbox could not be made ready', { error });
      await clock.sleep(backoff.next('fill'), signal);
    }
  }

  function sleepUntilWoken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  return {
    async take(podUid, name) {
      const before = taken.get(podUid);
      if (before !== undefined) {
        void names.tell(before.link, `pod=${name}`); // who had it may have been killed before he did
        return before;
      }
      lastTakeMs = clock.nowMs();
      const sandbox = ready.shift() ?? (await turns(async () => ready.shift() ?? (await make())));
      sandbox.podUid = podUid;
      keepSandbox(sandbox);
      taken.set(podUid, sandbox);
      void names.tell(sandbox.link, `pod=${name}`);
      wake();
      return sandbox;
    },
    owned: (podUid) => taken.get(podUid),
    owners: () => [...taken.keys()],
    async release(podUid) {
      const sandbox = taken.get(podUid);
      if (sandbox === undefined) return;
      await removeSandbox(sandbox, cni);
      taken.delete(podUid);
    },
    readyCount: () => ready.length,
    async run(signal) {
      lastTakeMs = clock.nowMs();
      await adopt();
      await fill(signal);
      await names.close();
    },
    async drain() {
      const left = [...ready.splice(0), ...taken.values()];
      taken.clear();
      const remove = async (): Promise<void> => {
        for (let sandbox = left.pop(); sandbox !== undefined; sandbox = left.pop()) await tryRemove(sandbox);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, remove));
    },
  };
}
