/** How long admission takes, as a whole and step by step (upstream: apiserver/pkg/admission/metrics). */
import { createHistogram, family, labelText, type Histogram } from '../../../base/exposition.ts';

export type AdmissionPhase = 'admit' | 'validate';

export interface AdmissionMetrics {
  /** All steps of a phase of one request, or the one of this name. */
  took(seconds: number, what: { step?: string; phase: AdmissionPhase; operation: string; rejected: boolean }): void;
  text(): string;
}

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const WHOLE = 'apiserver_admission_step_admission_duration_seconds';
const STEP = 'apiserver_admission_controller_admission_duration_seconds';

export function createAdmissionMetrics(): AdmissionMetrics {
  const [whole, steps] = [new Map<string, Histogram>(), new Map<string, Histogram>()];
  return {
    took(seconds, { step, phase, operation, rejected }) {
      const histograms = step === undefined ? whole : steps;
      const key = `${step ?? ''} ${phase} ${operation} ${rejected}`;
      let histogram = histograms.get(key);
      if (histogram === undefined) histograms.set(key, (histogram = createHistogram(SECONDS)));
      histogram.observe(seconds);
    },
    text: () => family(WHOLE, 'histogram', 'How long all steps of admission of a phase took.', linesOf(WHOLE, whole))
      + family(STEP, 'histogram', 'How long a step of admission took.', linesOf(STEP, steps)),
  };
}

function linesOf(name: string, histograms: ReadonlyMap<string, Histogram>): string[] {
  return [...histograms].map(([key, histogram]) => {
    const [step = '', phase = '', operation = '', rejected = ''] = key.split(' ');
    return histogram.lines(name, labelText({ ...(step === '' ? {} : { name: step }), operation, rejected, type: phase }));
  });
}
