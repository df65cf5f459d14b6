/** What one metric of an autoscaler asks for, and what of it the status shows. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../../api/generated/autoscaling-v2.ts';
import type { LabelSelector } from '../../api/meta.ts';
import { podCondition } from '../../api/pod-readiness.ts';
import { podRequests } from '../../api/pod-requests.ts';
import { quantityMillis, quantityOfMilli } from '../../api/quantity.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { askedByAverage, askedByShare, askedByValue, groupPods, type Measured, type Readiness, type Tolerance } from './desired.ts';
import { metricOfObject, metricOfPods, metricOutside, resourceOfPods } from './metrics.ts';

export interface Observed {
  namespace: string;
  current: number;
  /** How many pods the target says there are, where that is not `current`. */
  statusReplicas?: number;
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

type Reading = Pick<ModuleContext, 'client' | 'kinds'>;

/** Rejects with Error, in upstream's words, when the metric cannot be had or asked for is wrong. */
export function evaluate(metric: MetricSpec, observed: Observed, reading: Reading): Promise<Evaluation> {
  switch (metric.type) {
    case 'Resource': return ofResource(metric, observed, reading);
    case 'ContainerResource': return ofResource(metric, observed, reading);
    case 'Pods': return ofPods(metric, observed, reading);
    case 'Object': return ofObject(metric, observed, reading);
    case 'External': return ofOutside(metric, observed, reading);
    default: return Promise.reject(new Error(`unknown metric source type ${JSON.stringify(metric.type)}`));
  }
}

async function ofResource(metric: MetricSpec, observed: Observed, reading: Reading): Promise<Evaluation> {
  const { name, target, container } = { container: undefined, ...metric.resource, ...metric.containerResource } as { name: string; target: MetricTarget; container?: string };
  const utilization = target.averageValue === undefined;
  return saying(`failed to get ${name} ${utilization ? 'utilization' : 'usage'}`, async () => {
    const measured = await saying(`unable to get metrics for resource ${name}`, () => resourceOfPods(name, { namespace: observed.namespace, selector: observed.selector, container }, reading));
    const requests = utilization ? () => requestsOf(observed.pods, name, container) : undefined;
    const wanted = utilization ? target.averageUtilization! : quantityMillis(target.averageValue!);
    const { average, used, ...asked } = averaged(measured, { observed, cpu: name === 'cpu', wanted, requests });
    const current: MetricValueStatus = { ...(utilization && { averageUtilization: Math.trunc(average) }), averageValue: quantityOfMilli(Math.trunc(used)) };
    return {
      ...asked, name: utilization ? `${name} ${container === undefined ? '' : 'container '}resource utilization (percentage of request)` : `${name} resource`,
      status: container === undefined ? { type: 'Resource', resource: { name, current } } : { type: 'ContainerResource', containerResource: { name, container, current } },
    };
  });
}

async function ofPods({ pods: source }: MetricSpec, observed: Observed, reading: Reading): Promise<Evaluation> {
  const { metric, target } = source!;
  const measured = await saying(`unable to get metric ${metric.name}`, () => metricOfPods(metric, observed, reading));
  const { average: _, used, ...asked } = averaged(measured, { observed, cpu: false, wanted: quantityMillis(target.averageValue!) });
  return { ...asked, name: `pods metric ${metric.name}`, status: { type: 'Pods', pods: { metric, current: { averageValue: quantityOfMilli(Math.trunc(used)) } } } };
}

async function ofObject({ object: source }: MetricSpec, observed: Observed, reading: Reading): Promise<Evaluation> {
  const { metric, target, describedObject } = source!;
  const each = isOfEach(target);
  const value = await metricOfObject(metric, describedObject, observed.namespace, reading).catch((error: Error) => {
    throw new Error(`${each ? `failed to get ${metric.name} object metric: ` : ''}unable to get metric ${metric.name}: ${error.message} on ${describedObject.kind} ${observed.namespace}/${describedObject.name}`, { cause: error });
  });
  return { ...whole(value, target, observed), name: each ? outsideName(metric) : `${describedObject.kind} metric ${metric.name}`, status: { type: 'Object', object: { metric, describedObject, current: shown(value, target, observed) } } };
}

/** Whether a target is for each pod. What is set counts, and the type only where both are. */
function isOfEach({ type, value, averageValue }: MetricTarget): boolean {
  return averageValue !== undefined && (value === undefined || type === 'AverageValue');
}

async function ofOutside({ external: source }: MetricSpec, observed: Observed, reading: Reading): Promise<Evaluation> {
  const { metric, target } = source!;
  return saying(isOfEach(target) ? `failed to get ${metric.name} external metric` : `failed to get external metric ${metric.name}`, async () => {
    const { value, measuredMs } = await saying(`unable to get external metric ${observed.namespace}/${metric.name}/${selectorName(metric.selector)}`, () => metricOutside(metric, observed.namespace, reading));
    return { ...whole(value, target, observed), measuredMs, name: outsideName(metric), status: { type: 'External', external: { metric, current: shown(value, target, observed) } } };
  });
}

/** Says of an error what failed by it. */
async function saying<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

function outsideName({ name, selector }: MetricIdentifier): string {
  return `external metric ${name}(${selectorName(selector)})`;
}

/** As upstream's events show one. */
function selectorName(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([key, value]) => `${key}: ${value},`).join('');
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`).join('');
  return `&LabelSelector{MatchLabels:map[string]string{${labels}},MatchExpressions:[]LabelSelectorRequirement{${expressions}},}`;
}

type Averaged = Pick<Evaluation, 'replicas' | 'ratio' | 'counted' | 'measuredMs'> & { average: number; used: number };

function averaged(measured: ReadonlyMap<string, Measured>, { observed, cpu, wanted, requests }: { observed: Observed; cpu: boolean; wanted: number; requests?: () => ReadonlyMap<string, number> }): Averaged {
  const { current, pods, nowMs, readiness, tolerance } = observed;
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const groups = groupPods(pods, measured, { cpu, nowMs, readiness });
  const strangers = [...measured.keys()].some((name) => pods.every(({ metadata }) => metadata.name !== name));
  if (groups.ready.size === 0 && !strangers) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const asked = askedByAverage(current, groups, { wanted, requests: requests?.(), tolerance, wholeNumbers: true });
  if (asked === undefined) throw new Error('no metrics returned matched known pods');
  const used = [...groups.ready.values()].reduce((sum, value) => sum + value, 0) / groups.ready.size;
  const measuredMs = Math.max(...[...groups.ready.keys()].map((name) => measured.get(name)!.atMs));
  return { replicas: asked.replicas, ratio: asked.ratio, counted: groups.ready.size, measuredMs, average: asked.average, used };
}

function whole(value: number, target: MetricTarget, { current, statusReplicas = current, pods, tolerance }: Observed): Pick<Evaluation, 'replicas' | 'ratio' | 'counted'> {
  if (isOfEach(target)) {
    const wanted = quantityMillis(target.averageValue!);
    return { replicas: askedByShare(statusReplicas, { value, wanted, tolerance }).replicas, ratio: current === 0 ? Infinity : value / (wanted * current), counted: current };
  }
  const ready = (): number => pods.filter((pod) => pod.status?.phase === 'Running' && podCondition(pod, 'Ready')?.status === 'True').length;
  const asked = askedByValue(current, () => {
    if (pods.length === 0) throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count');
    return ready();
  }, { value, wanted: quantityMillis(target.value!), tolerance });
  return { ...asked, counted: ready() };
}

function shown(value: number, target: MetricTarget, { current, statusReplicas = current }: Observed): MetricValueStatus {
  return isOfEach(target) ? { averageValue: quantityOfMilli(Math.ceil(value / Math.max(1, statusReplicas))) } : { value: quantityOfMilli(value) };
}

/**
 * What each pod asks for, in thousandths: what it asks for as a whole, where it does, else its containers together, or the one that is named. Throws Error when one asks for
 * nothing: a part of nothing is not defined.
 */
export function requestsOf(pods: readonly Pod[], resource: string, container: string | undefined): Map<string, number> {
  const requests = new Map<string, number>();
  for (const pod of pods) {
    const { metadata, spec } = pod;
    const sum = spec?.resources?.requests !== undefined && container === undefined ? ofWholePod(pod, resource) : ofContainers(pod, resource, container);
    requests.set(metadata.name ?? '', sum);
  }
  return requests;
}

function ofWholePod(pod: Pod, resource: string): number {
  const { cpuMillis, memoryBytes } = podRequests(pod);
  const request = resource === 'cpu' ? cpuMillis : resource === 'memory' ? memoryBytes * 1_000 : 0;
  if (request === 0) throw new Error(`missing pod-level request for ${resource} in Pod ${pod.metadata.name}`);
  return request;
}

function ofContainers({ metadata, spec }: Pod, resource: string, container: string | undefined): number {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const counted = [...(spec?.containers ?? []), ...sidecars].filter(({ name }) => container === undefined || name === container);
  if (container !== undefined && counted.length === 0) throw new Error(`container ${container} not found in Pod ${metadata.name}`);
  return counted.reduce((sum, { name, resources }) => {
    const request = resources?.requests?.[resource];
    if (request === undefined) throw new Error(`missing request for ${resource} in container ${name} of Pod ${metadata.name}`);
    return sum + quantityMillis(request);
  }, 0);
}
