/** Several contenders on one trace. */
import { Admission } from '../../modules/queue/policy/admission.ts';
import type { Resources } from '../../modules/queue/policy/resources.ts';
import { CONTENDERS, asSeenBy } from './baselines.ts';
import { measure, type Measures } from './measures.ts';
import { createNodesRoom, type SimulatedNode } from './nodes.ts';
import { simulate, wholeOf, type Run } from './simulate.ts';
import type { JobTrace } from './trace.ts';

export interface Comparison {
  readonly contender: string;
  readonly measures: Measures;
  readonly run: Run;
}

/**
 * `capacity` is in the order of the trace's resources; a number where there is one. With `nodes` every job goes to one of them whole, by the scheduler's plugins,
 * and `capacity` is theirs together. Throws an Error that lists the names when one is unknown.
 */
export function compare(trace: JobTrace, capacity: number | Resources, names: readonly string[], nodes?: readonly SimulatedNode[]): Comparison[] {
  const whole = typeof capacity === 'number' ? [capacity] : capacity;
  return names.map((name) => {
    const contender = CONTENDERS[name];
    if (contender === undefined) throw new Error(`there is no policy '${name}'; there are ${Object.keys(CONTENDERS).join(', ')}`);
    const run = simulate(asSeenBy(contender, trace.jobs), new Admission({ ...(nodes === undefined ? { capacity: whole } : { room: createNodesRoom(nodes) }), ...contender.options(trace) }), whole);
    return { contender: name, measures: measure(run, wholeOf(whole)), run };
  });
}
