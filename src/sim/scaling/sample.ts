/** A small load of its own making, for those who have no recorded one: days and weekends, noise, a shift of level, and bursts. The same seed gives the same load. */
import { generator, normal } from '../random.ts';
import { scaled, STEP_SECONDS, type LoadTrace } from './trace.ts';

const DAY_SECONDS = 86_400;
const MINUTE_STEPS = 60 / STEP_SECONDS;
const START_MS = Date.UTC(2024, 0, 1);

export interface SampleOptions {
  readonly seed?: number;
  readonly days?: number;
  /** Relative, of a minute. Default 0.1. */
  readonly noise?: number;
}

export function sampleLoad({ seed = 1, days = 4, noise = 0.1 }: SampleOptions = {}): LoadTrace {
  const random = generator(seed);
  const minutes = days * 1_440 + 1;
  const shiftsAt = minutes * (0.4 + 0.3 * random());
  let burst = 0;
  const byMinute = Array.from({ length: minutes }, (_, minute) => {
    const at = minute * 60;
    const [hour, weekend] = [(at % DAY_SECONDS) / 3_600, Math.floor(at / DAY_SECONDS) % 7 >= 5];
    const cycle = 1 + 0.6 * Math.sin(((hour - 9) / 24) * 2 * Math.PI);
    burst = random() < 1 / 720 ? 1 + random() : burst * 0.97;
    return Math.max(0, cycle * (weekend ? 0.6 : 1) * (minute > shiftsAt ? 1.3 : 1) * (1 + burst) * (1 + noise * normal(random)));
  });
  const load = Float64Array.from({ length: (minutes - 1) * MINUTE_STEPS }, (_, step) => {
    const [minute, part] = [Math.floor(step / MINUTE_STEPS), (step % MINUTE_STEPS) / MINUTE_STEPS];
    return byMinute[minute]! * (1 - part) + byMinute[minute + 1]! * part;
  });
  return { name: `sample-${seed}`, startMs: START_MS, load: scaled(load) };
}
