/** TrainJobs of Kubeflow's trainer: their pods are those of a JobSet, which a runtime describes and the job changes. Source: Kueue, jobs/kubeflow/trainjob; trainer, pkg/runtime. */
import type { PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import { podsPerJob } from '../../../api/jobset/job-set.ts';
import { JOB_INDEX } from '../../../api/jobset/names.ts';
import type { ReplicatedJob } from '../../../api/jobset/types.ts';
import { ClusterTrainingRuntime, TrainingRuntime, TrainJob, type ForeignObject } from '../../../api/kueue/frameworks.ts';
import { TOPOLOGY_GATE } from '../../../api/kueue/names.ts';
import type { Kind } from '../../../api/kind.ts';
import type { Caches } from '../../../sdk/index.ts';
import { COMPLETION_INDEX } from '../topology-pods.ts';
import type { StartInfo } from '../start-info.ts';
import { at, countAt, listAt, textAt, trueCondition, withAt, type Path } from './fields.ts';
import type { Framework, Place } from './framework.ts';

const ANCESTOR = 'trainer.kubeflow.org/trainjob-ancestor-step';
/** How many of its overrides are the user's own. */
const OWN_OVERRIDES = 'kueue.x-k8s.io/trainjob-override-idx';
const PATCHER = 'kueue.x-k8s.io/manager';
/** Containers of these names train. */
const [NODE, LAUNCHER] = ['node', 'launcher'];

const TEMPLATE_OVERRIDES: Path = ['spec', 'podTemplateOverrides'];
const SPEC_OVERRIDES: Path = ['spec', 'podSpecOverrides'];
const PATCHES: Path = ['spec', 'runtimePatches'];

function runtimeOf(job: ForeignObject, caches: Caches): ForeignObject {
  const [kind, name] = [textAt(job, ['spec', 'runtimeRef', 'kind']) ?? ClusterTrainingRuntime.kind, textAt(job, ['spec', 'runtimeRef', 'name']) ?? ''];
  const found = kind === TrainingRuntime.kind ? caches.of(TrainingRuntime).get(`${job.metadata.namespace}/${name}`) : caches.of(ClusterTrainingRuntime).get(name);
  if (found === undefined) throw new Error(`${kind} ${name} is not there: how many pods TrainJob ${job.metadata.name} has cannot be told without it`);
  return found;
}

/** The Jobs that the trainer will make, as far as it matters to queues. */
function jobsOf(job: ForeignObject, caches: Caches): ReplicatedJob[] {
  const runtime = runtimeOf(job, caches);
  const policy = at(runtime, ['spec', 'mlPolicy']);
  return (listAt(runtime, ['spec', 'template', 'spec', 'replicatedJobs']) as readonly ReplicatedJob[]).map((each) => {
    const nodes = nodesOf(job, each, policy);
    const sized = nodes === undefined ? each : withAt(withAt(withAt(each, ['replicas'], 1), ['template', 'spec', 'parallelism'], nodes), ['template', 'spec', 'completions'], nodes);
    return withAt(sized, ['template', 'spec', 'template'], overridden(job, each.name, trained(job, sized.template.spec!.template, at(policy, ['mpi', 'runLauncherAsNode']) === true)));
  });
}

/** On how many nodes this one trains; undefined for those that do something else. */
function nodesOf(job: ForeignObject, { name, template }: ReplicatedJob, policy: unknown): number | undefined {
  const [asked, usual] = [countAt(job, ['spec', 'trainer', 'numNodes']), countAt(policy, ['numNodes'])];
  if (at(policy, ['mpi']) !== undefined && name === NODE) {
    if (asked === undefined) return undefined;
    return at(policy, ['mpi', 'runLauncherAsNode']) === true ? Math.max(asked - 1, 1) : asked;
  }
  if (template.metadata?.labels?.[ANCESTOR] !== 'trainer') return undefined;
  if (at(policy, ['mpi']) !== undefined) return 1;
  return asked ?? usual ?? (policy === undefined ? (template.spec?.parallelism ?? 1) : 1);
}

/** What the job says of its trainer goes before what the runtime does. */
function trained(job: ForeignObject, template: PodTemplateSpec, launches: boolean): PodTemplateSpec {
  const [image, resources] = [textAt(job, ['spec', 'trainer', 'image']), at(job, ['spec', 'trainer', 'resourcesPerNode'])];
  const containers = (template.spec?.containers ?? []).map((each) => (each.name === NODE || (launches && each.name === LAUNCHER) ? { ...each, ...(image !== undefined && { image }), ...(resources !== undefined && { resources }) } : each));
  return withAt(template, ['spec', 'containers'], containers);
}

/** With the places that the job itself chose for its pods. */
function overridden(job: ForeignObject, name: string, template: PodTemplateSpec): PodTemplateSpec {
  const own = (path: Path): readonly unknown[] => listAt(job, path).slice(0, ownCount(job, path)).filter((each) => listAt(each, ['targetJobs']).some((target) => textAt(target, ['name']) === name));
  const specs = [...own(SPEC_OVERRIDES), ...own(TEMPLATE_OVERRIDES).map((each) => at(each, ['spec']))];
  return specs.reduce<PodTemplateSpec>((next, spec) => {
    const selected = withAt(next, ['spec', 'nodeSelector'], { ...next.spec?.nodeSelector, ...(at(spec, ['nodeSelector']) as Record<string, string> | undefined) });
    return withAt(selected, ['spec', 'tolerations'], [...(next.spec?.tolerations ?? []), ...listAt(spec, ['tolerations'])]);
  }, template);
}

/** All, where nothing was added to them. */
function ownCount(job: ForeignObject, path: Path): number {
  const text = job.metadata.annotations?.[OWN_OVERRIDES];
  return text === undefined ? listAt(job, path).length : Number(text);
}

function placesOf(job: ForeignObject, caches: Caches): Place[] {
  return jobsOf(job, caches).map((each) => {
    const { replicas = 1 } = each;
    return { name: each.name, count: replicas * podsPerJob(each), template: each.template.spec!.template, numbers: { podIndexLabel: COMPLETION_INDEX, subGroupIndexLabel: JOB_INDEX, subGroupCount: replicas } };
  });
}

interface Added { readonly name: string; readonly template: PodTemplateSpec; readonly info: StartInfo }

const gatesOf = ({ topology }: StartInfo): object => (topology === undefined ? {} : { schedulingGates: [{ name: TOPOLOGY_GATE }] });
const specOf = ({ nodeSelector, tolerations, ...info }: StartInfo): object => ({ nodeSelector, tolerations, ...gatesOf({ nodeSelector, tolerations, ...info }) });

/** A list of tolerations in a patch stands for the whole list. */
function patchOf({ name, template, info }: Added): object {
  const spec = { ...specOf(info), tolerations: [...(template.spec?.tolerations ?? []), ...info.tolerations] };
  return { name, template: { spec: { template: { metadata: { labels: info.labels, annotations: info.annotations }, spec } } } };
}

/**
 * The trainer's API for this has had three names, and a definition keeps the one that it knows: fields that it does not know are left out when it is written.
 * Trainer 2.0: podSpecOverrides; 2.1: podTemplateOverrides; later: runtimePatches.
 */
function given(job: ForeignObject, infoOf: (set: string) => StartInfo, caches: Caches): ForeignObject {
  const clean = taken(job);
  const added = placesOf(clean, caches).map(({ name, template }): Added => ({ name, template, info: infoOf(name) }));
  const [specs, templates] = [listAt(clean, SPEC_OVERRIDES), listAt(clean, TEMPLATE_OVERRIDES)];
  const targets = (name: string): object => ({ targetJobs: [{ name }] });
  let next = withAt(clean, ['metadata', 'annotations', OWN_OVERRIDES], String(Math.max(specs.length, templates.length)));
  // A list of the user's shows which of both the definition knows.
  if (templates.length === 0) next = withAt(next, SPEC_OVERRIDES, [...specs, ...added.map(({ name, info }) => ({ ...targets(name), ...specOf(info) }))]);
  if (specs.length === 0) next = withAt(next, TEMPLATE_OVERRIDES, [...templates, ...added.map(({ name, info }) => ({ ...targets(name), metadata: { labels: info.labels, annotations: info.annotations }, spec: specOf(info) }))]);
  return withAt(next, PATCHES, [...listAt(clean, PATCHES), { manager: PATCHER, trainingRuntimeSpec: { template: { spec: { replicatedJobs: added.map(patchOf) } } } }]);
}

function taken(job: ForeignObject): ForeignObject {
  const { [OWN_OVERRIDES]: mark, ...annotations } = job.metadata.annotations ?? {};
  if (mark === undefined) return job;
  const cut = (from: ForeignObject, path: Path, left: readonly unknown[]): ForeignObject => withAt(from, path, left.length === 0 ? undefined : left);
  const own = (path: Path): readonly unknown[] => listAt(job, path).slice(0, ownCount(job, path));
  const overrides = cut(cut(job, SPEC_OVERRIDES, own(SPEC_OVERRIDES)), TEMPLATE_OVERRIDES, own(TEMPLATE_OVERRIDES));
  const patches = cut(overrides, PATCHES, listAt(job, PATCHES).filter((each) => textAt(each, ['manager']) !== PATCHER));
  return withAt(patches, ['metadata', 'annotations'], Object.keys(annotations).length === 0 ? undefined : annotations);
}

const statusOf = (job: ForeignObject, name: string, field: string): number => countAt(listAt(job, ['status', 'jobsStatus']).find((each) => textAt(each, ['name']) === name), [field]) ?? 0;

export const trainJob: Framework = {
  kind: TrainJob, suspend: ['spec', 'suspend'], reads: [TrainingRuntime, ClusterTrainingRuntime] as readonly Kind[], placesOf,
  endOf(job) {
    const [complete, failed] = [trueCondition(job, 'Complete'), trueCondition(job, 'Failed')];
    const end = complete ?? failed;
    return end === undefined ? undefined : { failed: end === failed, message: end.message ?? '' };
  },
  isActive: (job) => listAt(job, ['status', 'jobsStatus']).some((each) => (countAt(each, ['active']) ?? 0) > 0),
  isReady(job, caches) {
    const jobs = jobsOf(job, caches);
    return jobs.reduce((sum, { name }) => sum + statusOf(job, name, 'ready') + statusOf(job, name, 'succeeded'), 0) === jobs.reduce((sum, { replicas = 1 }) => sum + replicas, 0);
  },
  reclaimableOf: (job, caches) => jobsOf(job, caches).map((each) => ({ each, succeeded: statusOf(job, each.name, 'succeeded') })).filter(({ each, succeeded }) => succeeded > 0 && succeeded <= (each.replicas ?? 1)).map(({ each, succeeded }) => ({ name: each.name, count: succeeded * podsPerJob(each) })),
  information: { isFirst: true, given, taken },
};
