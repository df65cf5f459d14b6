/** One metric made of all triggers by a formula (KEDA: scalingModifiers): the autoscaler sees it in their place. */
import type { ScaledObjectSpec } from '../../api/keda/scaled-object.ts';
import { isResource } from './autoscaler.ts';
import { isNil } from './fallback.ts';
import { parseFormula } from './formula.ts';
import type { Source } from './sources.ts';
import { TriggerError } from './triggers/trigger.ts';

/** As KEDA names it. */
export const COMPOSITE = 'composite-metric';

/** What the triggers come to now. */
export type Composite = (sources: readonly Source[]) => Source;

/** Undefined where there is no formula. Throws TriggerError that says what is wrong with it. */
export function compositeOf({ advanced, triggers, fallback }: Pick<ScaledObjectSpec, 'advanced' | 'triggers' | 'fallback'>): Composite | undefined {
  const { formula = '', target: wanted, activationTarget = '0', metricType: type = 'AverageValue' } = advanced?.scalingModifiers ?? {};
  if (Object.values(advanced?.scalingModifiers ?? {}).every((each) => each === '')) return undefined;
  const wrong = (what: string, error?: unknown): never => {
    throw new TriggerError(`scalingModifiers: ${what}`, { cause: error });
  };
  if (formula === '') wrong('formula is mandatory');
  const [target, activation] = [Number(wanted), Number(activationTarget)];
  if (wanted === undefined || !(target > 0)) wrong(`target must be a number above 0, not ${JSON.stringify(wanted)}`);
  if (!Number.isFinite(activation)) wrong(`activationTarget must be a number, not ${JSON.stringify(activationTarget)}`);
  const names = triggers.filter((each) => !isResource(each.type)).flatMap(({ name }) => (name === undefined || name === '' ? [] : [name]));
  const evaluate = ((): ReturnType<typeof parseFormula> => {
    try {
      return parseFormula(formula, names);
    } catch (error) {
      return wrong(`the formula cannot be read: ${(error as Error).message}`, error);
    }
  })();
  return (sources) => {
    const asked = sources.filter((each) => !isNil(each, fallback));
    const worst = asked.reduce<Source | undefined>((most, each) => (each.failures > (most?.failures ?? 0) ? each : most), undefined);
    const common = { name: COMPOSITE, spec: { type: COMPOSITE, metadata: {} }, target, type, readAtMs: Math.min(...sources.map(({ readAtMs }) => readAtMs)) };
    if (worst !== undefined) return { ...common, failures: worst.failures, error: worst.error };
    if (asked.some(({ reading }) => reading === undefined)) return { ...common, failures: 0 };
    try {
      const value = evaluate(Object.fromEntries(sources.filter(({ spec }) => (spec.name ?? '') !== '').map((each) => [each.spec.name!, isNil(each, fallback) ? null : each.reading!.value])));
      return { ...common, failures: 0, reading: { value, active: value > activation } };
    } catch (error) {
      return { ...common, failures: 1, error: `the formula cannot be evaluated: ${(error as Error).message}` };
    }
  };
}
