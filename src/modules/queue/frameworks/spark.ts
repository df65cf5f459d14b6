/** Applications of the Spark operator: a driver and its executors. Both are told by fields of Spark, out of which the operator makes pods. Source: Kueue, jobs/sparkapplication. */
import type { Container, PodTemplateSpec, Toleration } from '../../../api/generated/core-v1.ts';
import { invalid } from '../../../api/field-error.ts';
import { SparkApplication, type ForeignObject } from '../../../api/kueue/frameworks.ts';
import { TOPOLOGY_GATE } from '../../../api/kueue/names.ts';
import type { Workload } from '../../../api/kueue/types.ts';
import type { StartInfo } from '../start-info.ts';
import { at, countAt, listAt, textAt, withAt, type Path } from './fields.ts';
import type { Framework, Place } from './framework.ts';

const ROLES = [['driver', 'spark-kubernetes-driver'], ['executor', 'spark-kubernetes-executor']] as const;
type Texts = Record<string, string>;

/** What Java calls 512m are mebibytes. Source: spark-operator, ConvertJavaMemoryStringToK8sMemoryString. */
function memoryOf(text: string | undefined): string | undefined {
  const [, amount, unit = ''] = /^(\d+)(k|m|g|t|p)b?$/i.exec(text ?? '') ?? [];
  return amount === undefined ? text : `${amount}${unit.toLowerCase() === 'k' ? 'Ki' : `${unit.toUpperCase()}i`}`;
}

/** As far as it decides where pods can run, and with how much. */
function templateOf(job: ForeignObject, role: string, containerName: string): PodTemplateSpec {
  const own = <T>(field: string): T | undefined => at(job, ['spec', role, field]) as T | undefined;
  const base = (own<PodTemplateSpec>('template') ?? { spec: { containers: [] } }) as PodTemplateSpec;
  const containers = base.spec?.containers ?? [];
  const main = containers.find(({ name }) => name === containerName) ?? containers[0] ?? { name: containerName };
  const image = main.image ?? own<string>('image') ?? textAt(job, ['spec', 'image']);
  const spark = { ...main, ...(image !== undefined && { image }), resources: resourcesOf(job, role, main.resources) } as Container;
  const tolerations = [...(base.spec?.tolerations ?? []), ...(own<Toleration[]>('tolerations') ?? [])];
  const nodeSelector = { ...base.spec?.nodeSelector, ...(at(job, ['spec', 'nodeSelector']) as Texts | undefined), ...own<Texts>('nodeSelector') };
  const [affinity, priorityClassName, initContainers] = [own<object>('affinity'), own<string>('priorityClassName'), [...(base.spec?.initContainers ?? []), ...(own<Container[]>('initContainers') ?? [])]];
  return {
    metadata: { labels: { ...base.metadata?.labels, ...own<Texts>('labels') }, annotations: { ...base.metadata?.annotations, ...own<Texts>('annotations') } },
    spec: {
      ...base.spec, containers: [spark, ...containers.filter((each) => each !== main), ...(own<Container[]>('sidecars') ?? [])], ...(initContainers.length > 0 && { initContainers }), nodeSelector, tolerations,
      ...(affinity !== undefined && { affinity }), ...(priorityClassName !== undefined && { priorityClassName }),
    },
  } as PodTemplateSpec;
}

function resourcesOf(job: ForeignObject, role: string, before: Container['resources'] = {}): NonNullable<Container['resources']> {
  const own = (field: string): string | undefined => textAt(job, ['spec', role, field]);
  const [gpu, gpus] = [textAt(job, ['spec', role, 'gpu', 'name']), countAt(job, ['spec', role, 'gpu', 'quantity']) ?? 0];
  const pairs = (list: [string, string | undefined][]): Texts => Object.fromEntries(list.filter(([, value]) => value !== undefined)) as Texts;
  return {
    ...before, requests: { ...before.requests, ...pairs([['cpu', own('coreRequest')], ['memory', memoryOf(own('memory'))]]) },
    limits: { ...before.limits, ...pairs([['cpu', own('coreLimit')], ['memory', memoryOf(own('memoryLimit'))], [gpu ?? '', gpu !== undefined && gpus > 0 ? String(gpus) : undefined]]) },
  };
}

const placesOf = (job: ForeignObject): Place[] => ROLES.map(([role, container]) => ({ name: role, count: role === 'driver' ? 1 : (countAt(job, ['spec', 'executor', 'instances']) ?? 0), template: templateOf(job, role, container) }));

const stateOf = (job: ForeignObject): string => textAt(job, ['status', 'applicationState', 'state']) ?? '';

/** A selector of the whole application rules out those of its roles. */
const selectorPath = (job: ForeignObject, role: string): Path => (at(job, ['spec', 'nodeSelector']) === undefined ? ['spec', role, 'nodeSelector'] : ['spec', 'nodeSelector']);

function given(job: ForeignObject, role: string, container: string, { nodeSelector, tolerations, labels, annotations, topology }: StartInfo): ForeignObject {
  const add = (from: ForeignObject, path: Path, more: Texts): ForeignObject => (Object.keys(more).length === 0 ? from : withAt(from, path, { ...(at(from, path) as Texts | undefined), ...more }));
  let next = add(add(add(job, ['spec', role, 'labels'], labels), ['spec', role, 'annotations'], annotations), selectorPath(job, role), nodeSelector);
  if (tolerations.length > 0) next = withAt(next, ['spec', role, 'tolerations'], [...listAt(next, ['spec', role, 'tolerations']), ...tolerations]);
  if (topology === undefined) return next;
  const template = (at(next, ['spec', role, 'template']) ?? { spec: { containers: [{ name: container }] } }) as PodTemplateSpec;
  return withAt(next, ['spec', role, 'template'], withAt(template, ['spec', 'schedulingGates'], [...(template.spec?.schedulingGates ?? []), { name: TOPOLOGY_GATE }]));
}

/** As the Workload remembers it: what was in the template and what was a field of Spark is one there. */
function taken(job: ForeignObject, role: string, { spec }: Workload): ForeignObject {
  const before = spec.podSets.find(({ name }) => name === role)?.template;
  if (before === undefined) return job;
  const set = (from: ForeignObject, path: Path, value: object | undefined): ForeignObject => withAt(from, path, value === undefined || Object.keys(value).length === 0 ? undefined : value);
  let next = set(set(job, ['spec', role, 'labels'], before.metadata?.labels), ['spec', role, 'annotations'], before.metadata?.annotations);
  next = set(set(next, selectorPath(job, role), before.spec?.nodeSelector), ['spec', role, 'tolerations'], before.spec?.tolerations);
  return at(next, ['spec', role, 'template', 'spec', 'schedulingGates']) === undefined ? next : set(next, ['spec', role, 'template', 'spec', 'schedulingGates'], before.spec?.schedulingGates);
}

export const sparkApplication: Framework = {
  kind: SparkApplication, suspend: ['spec', 'suspend'], placesOf,
  endOf(job) {
    const state = stateOf(job);
    return ['COMPLETED', 'FAILED', 'SUBMISSION_FAILED'].includes(state) ? { failed: state !== 'COMPLETED', message: textAt(job, ['status', 'applicationState', 'errorMessage']) ?? '' } : undefined;
  },
  isActive: (job) => stateOf(job) === 'RUNNING',
  // It says that it runs as soon as its driver does.
  isReady: (job) => stateOf(job) === 'RUNNING' && Object.values((at(job, ['status', 'executorState']) ?? {}) as Texts).filter((each) => each === 'RUNNING' || each === 'COMPLETED').length >= (countAt(job, ['spec', 'executor', 'instances']) ?? 0),
  errorsOf(job) {
    const [mode, dynamic] = [at(job, ['spec', 'mode']), at(job, ['spec', 'dynamicAllocation', 'enabled'])];
    const errors = mode === 'cluster' ? [] : [invalid('spec.mode', mode ?? '', 'only cluster mode is supported in a queue')];
    return dynamic === true ? [...errors, invalid('spec.dynamicAllocation.enabled', dynamic, 'cannot be used in a queue: what was admitted is what the application has until it ends')] : errors;
  },
  information: {
    given: (job, infoOf) => ROLES.reduce((next, [role, container]) => given(next, role, container, infoOf(role)), job),
    taken: (job, workload) => ROLES.reduce((next, [role]) => taken(next, role, workload), job),
  },
};
