/** How long admission takes, as a whole and step by step (upstream: apiserver/pkg/admission/metrics). */
import { createHistogram, family, labelText, type Histogram } from '../../../base/exposition.ts';

export type AdmissionPhase = 'admit' | 'validate';

export interface AdmissionMetrics {
  /** All steps of a phase of one request, or the one of this name; not an object, since each write says it several times. */
  took(seconds: number, phase: AdmissionPhase, operation: string, rejected: boolean, step?: string): void;
  text(): string;
}

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const WHOLE = 'apiserver_admission_step_admission_duration_seconds';
const STEP = 'apiserver_admission_controller_admission_duration_seconds';
/** By what follows a step's name in its labels: found by its place, since each write asks for several. */
const PLACES = (['admit', 'validate'] as const).flatMap((type) => ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'].flatMap((operation) => ['false', 'true'].map((rejected) => ({ operation, rejected, type }))));
const OPERATIONS: Readonly<Record<string, number>> = { CREATE: 0, UPDATE: 2, DELETE: 4, CONNECT: 6 };

type Histograms = (Histogram | undefined)[];

export function createAdmissionMetrics(): AdmissionMetrics {
  const [whole, steps] = [[] as Histograms, new Map<string, Histograms>()];
  return {
    took(seconds, phase, operation, rejected, step) {
      let histograms = step === undefined ? whole : steps.get(step);
      if (histograms === undefined) steps.set(step!, (histograms = []));
      const place = (phase === 'admit' ? 0 : 8) + (OPERATIONS[operation] ?? 0) + (rejected ? 1 : 0);
      (histograms[place] ??= createHistogram(SECONDS)).observe(seconds);
    },
    text: () => family(WHOLE, 'histogram', 'How long all steps of admission of a phase took.', linesOf(WHOLE, whole, {}))
      + family(STEP, 'histogram', 'How long a step of admission took.', [...steps].flatMap(([name, histograms]) => linesOf(STEP, histograms, { name }))),
  };
}

function linesOf(metric: string, histograms: Histograms, labels: Readonly<Record<string, string>>): string[] {
  return PLACES.flatMap((place, at) => histograms[at]?.lines(metric, labelText({ ...labels, ...place })) ?? []);
}
