/**
 * Prediction by a spectrum, as Crane's DSP does it: when the last week has a cycle of a day or of a week, its strongest waves, continued, are the load to come, with a
 * margin; the decision is the greater of that and of the HPA.
 */
import type { ScalingPolicy } from '../../../modules/horizontal-pod-autoscaler/predictive/policy.ts';
import { createReactive } from '../../../modules/horizontal-pod-autoscaler/predictive/reactive.ts';

const SLOT_MS = 300_000;
const DAY_SLOTS = 288;
const MARGIN = 0.15;
const MOST_WAVES = 20;
const LEAST_CORRELATION = 0.3;
const HOUR_SLOTS = 12;

interface Wave { readonly frequency: number; readonly real: number; readonly imaginary: number }

export function createSpectrum({ target, aheadSeconds }: { target: number; aheadSeconds: number }): ScalingPolicy {
  const reactive = createReactive({ target });
  const slots: number[] = [];
  let [waves, slot, sum, count]: [readonly Wave[] | undefined, number, number, number] = [undefined, Number.NaN, 0, 0];
  return {
    decide(observation) {
      const asked = reactive.decide(observation);
      const { nowMs, utilisation, ready } = observation;
      const now = Math.floor(nowMs / SLOT_MS);
      if (now !== slot) {
        if (count > 0) slots.push(sum / count);
        [slot, sum, count] = [now, 0, 0];
        const full = slots.length > 7 * DAY_SLOTS;
        if (full) slots.shift();
        if (slots.length >= 2 * DAY_SLOTS && now % HOUR_SLOTS === 0) waves = wavesOf(slots);
        else if (waves !== undefined && full) waves = shift(waves, 1);
      }
      sum += utilisation * ready;
      count++;
      if (waves === undefined) return asked;
      let most = 0;
      for (let ahead = 0; ahead <= Math.ceil((aheadSeconds * 1_000) / SLOT_MS); ahead++) most = Math.max(most, valueAt(waves, slots.length + ahead));
      return Math.max(asked, Math.ceil((most * (1 + MARGIN)) / target));
    },
  };
}

/** The waves of whole days; undefined when one day does not resemble the next. */
function wavesOf(slots: readonly number[]): readonly Wave[] | undefined {
  const days = Math.floor(slots.length / DAY_SLOTS);
  const offset = slots.length - days * DAY_SLOTS;
  const values = slots.slice(offset);
  const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
  if (correlation(values, DAY_SLOTS, mean) < LEAST_CORRELATION) return undefined;
  const all: (Wave & { power: number })[] = [];
  // Waves shorter than an hour are noise.
  for (let cycles = 0; cycles <= days * 24; cycles++) {
    const frequency = (2 * Math.PI * cycles) / values.length;
    let [real, imaginary] = [0, 0];
    for (let index = 0; index < values.length; index++) {
      real += values[index]! * Math.cos(frequency * (index + offset));
      imaginary += values[index]! * Math.sin(frequency * (index + offset));
    }
    const scale = (cycles === 0 ? 1 : 2) / values.length;
    all.push({ frequency, real: real * scale, imaginary: imaginary * scale, power: cycles === 0 ? Infinity : real * real + imaginary * imaginary });
  }
  return all.toSorted((one, other) => other.power - one.power).slice(0, MOST_WAVES);
}

/** The oldest slot went: all indexes are one less. */
function shift(waves: readonly Wave[], by: number): readonly Wave[] {
  if (by === 0) return waves;
  return waves.map(({ frequency, real, imaginary }) => {
    const [cosine, sine] = [Math.cos(frequency * by), Math.sin(frequency * by)];
    return { frequency, real: real * cosine + imaginary * sine, imaginary: imaginary * cosine - real * sine };
  });
}

function valueAt(waves: readonly Wave[], index: number): number {
  return waves.reduce((sum, { frequency, real, imaginary }) => sum + real * Math.cos(frequency * index) + imaginary * Math.sin(frequency * index), 0);
}

function correlation(values: readonly number[], lag: number, mean: number): number {
  let [both, own] = [0, 0];
  for (let index = 0; index < values.length; index++) {
    own += (values[index]! - mean) ** 2;
    if (index >= lag) both += (values[index]! - mean) * (values[index - lag]! - mean);
  }
  return own === 0 ? 0 : both / own;
}
