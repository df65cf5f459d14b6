/** How many volumes of its drivers a node may have, asked again as often as their CSIDriver says (CSIDriverSpec.nodeAllocatableUpdatePeriodSeconds). */
import { LONGEST_TIMER_MS } from '../../../base/clock.ts';
import type { ModuleContext } from '../../../sdk/module.ts';
import { CSIDriverKind } from '../kinds.ts';
import type { Driver } from './drivers.ts';

export interface AllocatableWatch {
  /** The drivers that are registered now. The first one begins it: most nodes have none. */
  follow(drivers: readonly Driver[]): void;
}

export function allocatableWatch({ caches, log, signal }: Pick<ModuleContext, 'caches' | 'log' | 'signal'>, refresh: (driver: string) => Promise<void>): AllocatableWatch {
  const timers = new Map<string, { periodMs: number; timer: NodeJS.Timeout }>();
  let followed: readonly Driver[] = [];
  let leave: (() => void) | undefined;

  function periodOf(name: string): number | undefined {
    const seconds = caches.of(CSIDriverKind).get(name)?.spec?.nodeAllocatableUpdatePeriodSeconds;
    return seconds === undefined ? undefined : Math.min(Number(seconds) * 1_000, LONGEST_TIMER_MS);
  }

  function setTimers(): void {
    const wanted = new Map(followed.map(({ name }) => [name, periodOf(name)]));
    for (const [name, { periodMs, timer }] of timers) {
      if (wanted.get(name) === periodMs) continue;
      clearInterval(timer);
      timers.delete(name);
    }
    for (const [name, periodMs] of wanted) {
      if (periodMs === undefined || timers.has(name)) continue;
      const ask = (): void => void refresh(name).catch((error: Error) => log.warn('a storage driver did not say how many volumes the node may have', { driver: name, error }));
      timers.set(name, { periodMs, timer: setInterval(ask, periodMs).unref() });
    }
  }

  function end(): void {
    leave?.();
    followed = [];
    setTimers();
  }

  return {
    follow(drivers) {
      if (signal.aborted) return;
      followed = drivers;
      if (leave === undefined && drivers.length > 0) {
        leave = caches.of(CSIDriverKind).subscribe(setTimers);
        signal.addEventListener('abort', end, { once: true });
      }
      setTimers();
    },
  };
}
