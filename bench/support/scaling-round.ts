/** What 1,000 scaled objects cost: a round of decisions on one thread, and memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Engine } from '../../src/modules/horizontal-pod-autoscaler/predictive/engine.ts';
import { ScalingRecord } from '../../src/modules/horizontal-pod-autoscaler/predictive/record.ts';
import { sampleLoad } from '../../src/sim/scaling/sample.ts';
import { figureOf, type Figure } from '../result.ts';

const OBJECTS = 1_000;
const STEP_MS = 15_000;
/** Long enough that averages, slots and the bandit have something to do. */
const WARM_ROUNDS = 120;
const ROUNDS = 40;
/** After their trees: learned of a day and a half, told of in the report. */
const GROWN = 16;
const FIRST_GROWN = 4;
const GROWN_STEPS = 8_640;

export async function measureRound(): Promise<Record<string, Figure>> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    for (let time = 0; time < 3; time++) collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const { load, startMs } = sampleLoad({ days: 2, noise: 0.2 });
  // What code takes when it first runs is not a matter of objects.
  grow(1, startMs, load);
  used();
  const before = used();
  const objects = Array.from({ length: OBJECTS }, () => create());
  const cpuMs: number[] = [];
  for (let round = 0; round < WARM_ROUNDS + ROUNDS; round++) {
    const began = process.cpuUsage();
    for (const [index, object] of objects.entries()) decide(object, startMs + round * STEP_MS, load[(round + index * 7) % load.length]!);
    const { user, system } = process.cpuUsage(began);
    if (round >= WARM_ROUNDS) cpuMs.push((user + system) / 1_000);
  }
  const bytes = (used() - before) / OBJECTS;
  objects.length = 0;
  // The first batch pays for the code that is made meanwhile.
  const batches = [grow(FIRST_GROWN, startMs, load)];
  const empty = used();
  batches.push(grow(GROWN, startMs, load));
  const grownBytes = (used() - empty) / GROWN;
  const figures = { roundOf1000: figureOf('ms of cpu', cpuMs), memoryOfObject: figureOf('KiB', [bytes / 1_024]), memoryOfGrownObject: figureOf('KiB', [grownBytes / 1_024]) };
  console.error(`a round of ${OBJECTS} objects: ${figures.roundOf1000.median} ms of cpu; ${figures.memoryOfObject.median} KiB each, with trees ${figures.memoryOfGrownObject.median} KiB (${batches.flat().length} of them)`);
  return Promise.resolve(figures);
}

function grow(count: number, startMs: number, load: Float64Array): Scaled[] {
  const grown = Array.from({ length: count }, () => create());
  for (let step = 0; step < GROWN_STEPS; step++) for (const object of grown) decide(object, startMs + step * STEP_MS, load[step % load.length]!);
  return grown;
}

interface Scaled { engine: Engine; record: ScalingRecord; replicas: number }

function create(): Scaled {
  return { engine: new Engine({ stepMs: STEP_MS, startMs: 60_000, target: 70 }), record: new ScalingRecord(), replicas: 20 };
}

/** As a round of the autoscaler does: the metric judged, the forecast, the decision, and the record of it. */
function decide(scaled: Scaled, nowMs: number, load: number): void {
  const { engine, record, replicas } = scaled;
  const { replicas: wanted, decision } = engine.answer(nowMs, { ratio: load / replicas / 0.7, counted: replicas, total: replicas, saturated: load >= replicas, measuredMs: nowMs }, { current: replicas });
  scaled.replicas = Math.max(1, wanted);
  if (decision !== undefined) record.add(nowMs, { load, median: decision.quantiles[1]!, p80: decision.quantiles[4]!, p97: decision.quantiles[8]!, replicas: wanted, reactive: decision.counterfactual.replicas });
}
