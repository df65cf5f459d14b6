/** What one metric of an autoscaler asks for, and what of it the status shows. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../../api/generated/autoscaling-v2.ts';
import { podCondition } from '../../api/pod-readiness.ts';
import { quantityMillis, quantityOf, quantityOfMilli } from '../../api/quantity.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { askedByAverage, askedByShare, askedByValue, groupPods, type Measured, type Readiness, type Tolerance } from './desired.ts';
import { metricOfObject, metricOfPods, metricOutside, resourceOfPods } from './metrics.ts';

export interface Observed {
  namespace: string;
  current: number;
  selector: string;
  pods: readonly Pod[];
  nowMs: number;
  readiness: Readiness;
  tolerance: Tolerance;
}

export interface Evaluation {
  replicas: number;
  /** For the event and the condition, for instance `cpu resource utilization (percentage of request)`. */
  name: string;
  status: MetricStatus;
  /** What is, over what is wanted, of each of the `counted` replicas; Infinity where there is none. */
  ratio: number;
  counted: number;
  /** When it was measured, where that is told. */
  measuredMs?: number;
}

/** Rejects with Error when the metric cannot be had or asked for is wrong. */
export function evaluate(metric: MetricSpec, observed: Observed, reading: Pick<ModuleContext, 'client' | 'kinds'>): Promise<Evaluation> {
  switch (metric.type) {
    case 'Resource': return ofResource(metric, observed, reading);
    case 'ContainerResource': return ofResource(metric, observed, reading);
    case 'Pods': return ofPods(metric, observed, reading);
    case 'Object': return ofObject(metric, observed, reading);
    case 'External': return ofOutside(metric, observed, reading);
    default: return Promise.reject(new Error(`unknown metric source type '${metric.type}'`));
  }
}

async function ofResource(metric: MetricSpec, observed: Observed, reading: Pick<ModuleContext, 'client' | 'kinds'>): Promise<Evaluation> {
  const { name, target, container } = { container: undefined, ...metric.resource, ...metric.containerResource } as { name: string; target: MetricTarget; container?: string };
  const measured = await resourceOfPods(name, { namespace: observed.namespace, selector: observed.selector, container }, reading);
  const utilization = target.type === 'Utilization';
  const requests = utilization ? requestsOf(observed.pods, name, container) : undefined;
  const wanted = utilization ? target.averageUtilization! : quantityMillis(target.averageValue!);
  const { average, used, ...asked } = averaged(measured, { observed, cpu: name === 'cpu', wanted, requests });
  const current: MetricValueStatus = { ...(utilization && { averageUtilization: Math.trunc(average) }), averageValue: name === 'cpu' ? quantityOfMilli(Math.trunc(used)) : quantityOf(Math.trunc(used / 1_000)) };
  const of = container === undefined ? `${name} resource` : `${name} container resource`;
  return {
    ...asked, name: utilization ? `${of} utilization (percentage of request)` : of,
    status: container === undefined ? { type: 'Resource', resource: { name, current } } : { type: 'ContainerResource', containerResource: { name, container, current } },
  };
}

async function ofPods({ pods: source }: MetricSpec, observed: Observed, reading: Pick<ModuleContext, 'client' | 'kinds'>): Promise<Evaluation> {
  const { metric, target } = source!;
  const measured = await metricOfPods(metric, observed, reading);
  const { average: _, used, ...asked } = averaged(measured, { observed, cpu: false, wanted: quantityMillis(target.averageValue!) });
  return { ...asked, name: `pods metric ${metric.name}`, status: { type: 'Pods', pods: { metric, current: { averageValue: quantityOfMilli(Math.trunc(used)) } } } };
}

async function ofObject({ object: source }: MetricSpec, observed: Observed, reading: Pick<ModuleContext, 'client' | 'kinds'>): Promise<Evaluation> {
  const { metric, target, describedObject } = source!;
  const value = await metricOfObject(metric, describedObject, observed.namespace, reading);
  return { ...whole(value, target, observed), name: `${describedObject.kind} metric ${metric.name}`, status: { type: 'Object', object: { metric, describedObject, current: shown(value, target, observed) } } };
}

async function ofOutside({ external: source }: MetricSpec, observed: Observed, reading: Pick<ModuleContext, 'client' | 'kinds'>): Promise<Evaluation> {
  const { metric, target } = source!;
  const { value, measuredMs } = await metricOutside(metric, observed.namespace, reading);
  return { ...whole(value, target, observed), measuredMs, name: `external metric ${metric.name}(${JSON.stringify(metric.selector ?? null)})`, status: { type: 'External', external: { metric, current: shown(value, target, observed) } } };
}

type Averaged = Pick<Evaluation, 'replicas' | 'ratio' | 'counted' | 'measuredMs'> & { average: number; used: number };

function averaged(measured: ReadonlyMap<string, Measured>, { observed, cpu, wanted, requests }: { observed: Observed; cpu: boolean; wanted: number; requests?: ReadonlyMap<string, number> }): Averaged {
  const groups = groupPods(observed.pods, measured, { cpu, nowMs: observed.nowMs, readiness: observed.readiness });
  const asked = askedByAverage(observed.current, groups, { wanted, requests, tolerance: observed.tolerance });
  if (asked === undefined) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const used = [...groups.ready.values()].reduce((sum, value) => sum + value, 0) / groups.ready.size;
  const measuredMs = Math.max(...[...groups.ready.keys()].map((name) => measured.get(name)!.atMs));
  return { replicas: asked.replicas, ratio: asked.ratio, counted: groups.ready.size, measuredMs, average: asked.ratio * wanted, used };
}

function whole(value: number, target: MetricTarget, { current, pods, tolerance }: Observed): Pick<Evaluation, 'replicas' | 'ratio' | 'counted'> {
  if (target.type === 'AverageValue') return { ...askedByShare(current, { value, wanted: quantityMillis(target.averageValue!), tolerance }), counted: current };
  if (current > 0 && pods.length === 0) throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count');
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && podCondition(pod, 'Ready')?.status === 'True').length;
  return { ...askedByValue(current, ready, { value, wanted: quantityMillis(target.value!), tolerance }), counted: ready };
}

function shown(value: number, target: MetricTarget, { current }: Observed): MetricValueStatus {
  return target.type === 'AverageValue' ? { averageValue: quantityOfMilli(Math.ceil(value / Math.max(1, current))) } : { value: quantityOfMilli(value) };
}

/** What each pod's containers ask for, in thousandths. Throws Error when one asks for nothing: a part of nothing is not defined. */
function requestsOf(pods: readonly Pod[], resource: string, container: string | undefined): Map<string, number> {
  const requests = new Map<string, number>();
  for (const { metadata, spec } of pods) {
    const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
    let sum = 0;
    for (const { name, resources } of [...(spec?.containers ?? []), ...sidecars]) {
      if (container !== undefined && name !== container) continue;
      const request = resources?.requests?.[resource];
      if (request === undefined) throw new Error(`missing request for ${resource} in container ${name} of Pod ${metadata.name}`);
      sum += quantityMillis(request);
    }
    requests.set(metadata.name ?? '', sum);
  }
  return requests;
}
