/** Several predictors, of which the one speaks that has erred the least so far: what is learned is which of them to believe. */
import type { Job } from '../policy/job.ts';
import { createLastTwoPredictor } from './last-two.ts';
import { createLikenessPredictor } from './likeness.ts';
import { createQuantilePredictor } from './quantile.ts';
import type { RunTimePredictor } from './predictor.ts';

export interface ChoosingPredictor extends RunTimePredictor {
  /** Who speaks for this job (`assumed` as long as nothing has ended), and by what mean factor (less one, in percent) it was wrong since the first end. */
  sourceOf(job: Job): { name: string; errorPercent: number | undefined };
}

/** The error of each end counts so much of that of the next one. */
const FADING = 0.98;

interface Candidate { readonly name: string; readonly predictor: RunTimePredictor; sum: number; weight: number; told: { sum: number; weight: number } }

export function createChoosingPredictor(): ChoosingPredictor {
  const candidates: Candidate[] = [
    { name: 'likeness', predictor: createLikenessPredictor() },
    { name: 'typical', predictor: createLikenessPredictor({ of: 'typical' }) },
    { name: 'last-two', predictor: createLastTwoPredictor() },
    { name: 'quantile', predictor: createQuantilePredictor() },
  ].map((each) => ({ ...each, sum: 0, weight: 0, told: { sum: 0, weight: 0 } }));
  const errorOf = ({ sum, weight }: { sum: number; weight: number }): number => (weight === 0 ? Infinity : sum / weight);
  const best = (): Candidate => candidates.reduce((left, right) => (errorOf(right) < errorOf(left) ? right : left));
  return {
    expect: (job, knownSeconds) => best().predictor.expect(job, knownSeconds),
    learn(job, ranSeconds) {
      for (const candidate of candidates) {
        // How many times too long or too short, as a logarithm, so that half and twice are the same error.
        const error = Math.abs(Math.log(Math.max(1, candidate.predictor.expect(job, 0)) / Math.max(1, ranSeconds)));
        // What was wrong when nothing was known says nothing of who spoke.
        if (candidate.weight > 0) candidate.told = { sum: candidate.told.sum * FADING + error, weight: candidate.told.weight * FADING + 1 };
        candidate.sum = candidate.sum * FADING + error;
        candidate.weight = candidate.weight * FADING + 1;
        candidate.predictor.learn(job, ranSeconds);
      }
    },
    sourceOf() {
      const chosen = best();
      return { name: chosen.weight === 0 ? 'assumed' : chosen.name, errorPercent: chosen.told.weight === 0 ? undefined : Math.round(100 * (Math.exp(errorOf(chosen.told)) - 1)) };
    },
  };
}
