/**
 * A small workload of its own making, for those who have no recorded one: users of different habits, run times over four orders of magnitude, estimates
 * that are far too long, and a part that fails at once. The same seed gives the same jobs.
 */
import { generator, normal } from '../random.ts';
import type { JobTrace, RecordedJob } from './trace.ts';

const DAY_SECONDS = 86_400;

export interface SampleOptions {
  readonly seed?: number;
  readonly jobs?: number;
  readonly days?: number;
  readonly users?: number;
}

export function sampleTrace({ seed = 1, jobs = 2_000, days = 3, users = 12 }: SampleOptions = {}): JobTrace {
  const random = generator(seed);
  const habits = Array.from({ length: users }, (_, index) => ({
    name: `user-${index}`, width: 2 ** Math.floor(random() * 5), typicalSeconds: 10 ** (1.5 + 3 * random()), spread: 0.3 + random(), keenness: random() ** 2 + 0.05,
  }));
  const keenness = habits.reduce((sum, habit) => sum + habit.keenness, 0);
  const recorded = Array.from({ length: jobs }, (_, index): RecordedJob => {
    let pick = random() * keenness;
    const habit = habits.find((each) => (pick -= each.keenness) < 0) ?? habits[0]!;
    const failsAtOnce = random() < 0.12;
    const runSeconds = Math.ceil(failsAtOnce ? 1 + 8 * random() : habit.typicalSeconds * Math.exp(habit.spread * normal(random)));
    return {
      id: String(index), submittedAt: Math.floor(momentOfDay(random) + DAY_SECONDS * Math.floor(random() * days)), runSeconds,
      request: [habit.width], tenant: habit.name, priority: 0, estimateSeconds: hoursAbove(habit.typicalSeconds * 5, runSeconds), likeness: ['', habit.name],
    };
  });
  return { name: `sample-${seed}`, jobs: recorded.sort((left, right) => left.submittedAt - right.submittedAt), resources: ['cpus'], hasEstimates: true };
}

/** Most come by day. */
function momentOfDay(random: () => number): number {
  return (((random() + random() + random()) / 3) * DAY_SECONDS + DAY_SECONDS / 24) % DAY_SECONDS;
}

/** Users ask for whole hours, and nothing outruns what it asked for. */
function hoursAbove(wishSeconds: number, runSeconds: number): number {
  return Math.ceil(Math.max(wishSeconds, runSeconds) / 3_600) * 3_600;
}
