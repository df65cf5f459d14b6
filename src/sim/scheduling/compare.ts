/** Several contenders on one trace. */
import { Admission } from '../../modules/queue/policy/admission.ts';
import { CONTENDERS, asSeenBy } from './baselines.ts';
import { measure, type Measures } from './measures.ts';
import { simulate, type Run } from './simulate.ts';
import type { JobTrace } from './trace.ts';

export interface Comparison {
  readonly contender: string;
  readonly measures: Measures;
  readonly run: Run;
}

/** Throws an Error that lists the names when one is unknown. */
export function compare(trace: JobTrace, capacity: number, names: readonly string[]): Comparison[] {
  return names.map((name) => {
    const contender = CONTENDERS[name];
    if (contender === undefined) throw new Error(`there is no policy '${name}'; there are ${Object.keys(CONTENDERS).join(', ')}`);
    const run = simulate(asSeenBy(contender, trace.jobs), new Admission({ capacity: [capacity], ...contender.options(trace) }), capacity);
    return { contender: name, measures: measure(run, capacity), run };
  });
}
