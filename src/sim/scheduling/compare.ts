/** Several contenders on one trace. */
import { Admission } from '../../modules/queue/policy/admission.ts';
import type { Resources } from '../../modules/queue/policy/resources.ts';
import { CONTENDERS, asSeenBy } from './baselines.ts';
import { measure, type Measures } from './measures.ts';
import { simulate, wholeOf, type Run } from './simulate.ts';
import type { JobTrace } from './trace.ts';

export interface Comparison {
  readonly contender: string;
  readonly measures: Measures;
  readonly run: Run;
}

/** Throws an Error that lists the names when one is unknown. */
/** `capacity` is in the order of the trace's resources; a number where there is one. */
export function compare(trace: JobTrace, capacity: number | Resources, names: readonly string[]): Comparison[] {
  const whole = typeof capacity === 'number' ? [capacity] : capacity;
  return names.map((name) => {
    const contender = CONTENDERS[name];
    if (contender === undefined) throw new Error(`there is no policy '${name}'; there are ${Object.keys(CONTENDERS).join(', ')}`);
    const run = simulate(asSeenBy(contender, trace.jobs), new Admission({ capacity: whole, ...contender.options(trace) }), whole);
    return { contender: name, measures: measure(run, wholeOf(whole)), run };
  });
}
