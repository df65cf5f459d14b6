/** What a pod of a Workload will ask for once it is made: with the defaults of its namespace's LimitRanges and the overhead of its RuntimeClass, as the configuration counts it. */
import type { PodSpec, PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { LimitRange } from '../../api/core/limit-range.ts';
import { RuntimeClass } from '../../api/node/runtime-class.ts';
import type { Kind } from '../../api/kind.ts';
import type { FieldError } from '../../api/field-error.ts';
import type { Workload } from '../../api/kueue/types.ts';
import type { Caches, ModuleContext, ServedKinds } from '../../sdk/index.ts';
import { transformed, type QueueConfiguration } from './configuration.ts';
import { perPod, requestsOfLimits } from './demand.ts';
import { limitErrors, rangeErrors } from './resource-rules.ts';

export type Reckon = (template: PodTemplateSpec, namespace: string) => ReadonlyMap<string, number>;

/** Kinds that a pod's requests may depend on, where the cluster serves them. */
const DEFAULTING = [LimitRange, RuntimeClass] as readonly Kind[];

export function servedOf(kinds: ServedKinds): readonly Kind[] {
  return DEFAULTING.filter(({ group, kind }) => kinds.find(group, kind) !== undefined);
}

/** Source: Kueue, workload.AdjustResources. */
export function createReckon({ caches, kinds }: Pick<ModuleContext, 'caches' | 'kinds'>, configuration: QueueConfiguration): Reckon {
  return (template, namespace) => {
    const { spec } = template;
    return transformed(spec === undefined ? new Map<string, number>() : perPod({ ...template, spec: filled(spec, namespace, { caches, kinds }) }), configuration);
  };
}

/** Why pods of the Workload could never be made; undefined where they can. */
export function whyNeverMade({ metadata: { namespace = '' }, spec: { podSets } }: Workload, context: Pick<ModuleContext, 'caches' | 'kinds'>): string | undefined {
  const ranges = servedOf(context.kinds).includes(LimitRange as Kind) ? context.caches.of(LimitRange).list(namespace) : [];
  const all = podSets.map(({ template }, index) => ({ spec: filled(template.spec ?? { containers: [] }, namespace, context), path: `spec.podSets[${index}].template.spec` }));
  const over = all.flatMap(({ spec, path }) => limitErrors(spec, path));
  if (over.length > 0) return `resources validation failed: ${textOf(over)}`;
  const outside = ranges.length === 0 ? [] : all.flatMap(({ spec, path }) => rangeErrors(requestsOfLimits(spec), perPod({ spec }), { ranges, path }));
  return outside.length === 0 ? undefined : `resources didn't satisfy LimitRange constraints: ${textOf(outside)}`;
}

function textOf(errors: readonly FieldError[]): string {
  const texts = errors.map(({ field, message }) => `${field}: ${message}`);
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
}

function filled(spec: PodSpec, namespace: string, { caches, kinds }: Pick<ModuleContext, 'caches' | 'kinds'>): PodSpec {
  const served = servedOf(kinds);
  const whole = served.includes(RuntimeClass as Kind) ? withOverhead(spec, caches) : spec;
  return served.includes(LimitRange as Kind) ? withDefaults(whole, namespace, caches) : whole;
}

function withOverhead(spec: PodSpec, caches: Caches): PodSpec {
  const overhead = spec.runtimeClassName === undefined || spec.overhead !== undefined ? undefined : caches.of(RuntimeClass).get(spec.runtimeClassName)?.overhead?.podFixed;
  return overhead === undefined ? spec : { ...spec, overhead };
}

/** What a container says itself goes before what is the default. */
function withDefaults(spec: PodSpec, namespace: string, caches: Caches): PodSpec {
  const items = caches.of(LimitRange).list(namespace).flatMap((each) => each.spec?.limits ?? []).filter(({ type }) => type === 'Container');
  if (items.length === 0) return spec;
  const limits = Object.assign({}, ...items.toReversed().map((each) => each.default ?? {})) as Record<string, string>;
  const requests = Object.assign({}, ...items.toReversed().map((each) => each.defaultRequest ?? {})) as Record<string, string>;
  const fill = (container: PodSpec['containers'][number]): PodSpec['containers'][number] => {
    const own = container.resources ?? {};
    // A limit of its own is its request, too, before the default one is.
    return { ...container, resources: { ...own, limits: { ...limits, ...own.limits }, requests: { ...requests, ...own.limits, ...own.requests } } };
  };
  return { ...spec, containers: spec.containers.map(fill), ...(spec.initContainers !== undefined && { initContainers: spec.initContainers.map(fill) }) };
}
