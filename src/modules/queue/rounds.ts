/** When the engine looks at its queues: what happens at about the same time in one round, again a while after one that failed, and when the policies want to be asked by themselves. */
import { LONGEST_TIMER_MS } from '../../base/clock.ts';
import type { ModuleContext } from '../../sdk/index.ts';

/** What happens within so many ms is looked at together. */
const GATHER_MS = 5;
/** A round that failed is tried again after so long. */
const FAILED_MS = 1_000;

export interface Rounds {
  /** Something has happened. */
  ask(): void;
  /** The next round is at this time at the latest, in seconds since the epoch; Infinity for never. It takes the place of what was said before. */
  askAt(seconds: number): void;
  stop(): void;
}

/** `failed`: a round has thrown, and what it left half done is to be made anew by the next one. */
export function createRounds({ clock, signal }: Pick<ModuleContext, 'clock' | 'signal'>, round: () => void, failed: (error: unknown) => void): Rounds {
  let gathering: NodeJS.Timeout | undefined;
  let waking: NodeJS.Timeout | undefined;

  const askAfter = (ms: number): void => {
    if (signal.aborted || gathering !== undefined) return;
    gathering = setTimeout(() => {
      gathering = undefined;
      try {
        round();
      } catch (error) {
        failed(error);
        askAfter(FAILED_MS);
      }
    }, ms);
  };
  const ask = (): void => askAfter(GATHER_MS);

  return {
    ask,
    askAt(seconds) {
      clearTimeout(waking);
      if (seconds < Infinity) waking = setTimeout(ask, Math.min(LONGEST_TIMER_MS, Math.max(1, seconds * 1_000 - clock.nowMs())));
    },
    stop() {
      clearTimeout(gathering);
      clearTimeout(waking);
    },
  };
}
