/** AppWrappers: anything that has pods, wrapped so that it waits whole. What is wrapped is made only when the wrapper runs. Source: Kueue, jobs/appwrapper; appwrapper, pkg/utils. */
import type { PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import { JOB_INDEX } from '../../../api/jobset/names.ts';
import { AppWrapper, type ForeignObject } from '../../../api/kueue/frameworks.ts';
import { TOPOLOGY_GATE } from '../../../api/kueue/names.ts';
import { COMPLETION_INDEX } from '../topology-pods.ts';
import type { StartInfo } from '../start-info.ts';
import { at, countAt, listAt, textAt, trueCondition, withAt, type Path } from './fields.ts';
import type { Framework, Place } from './framework.ts';

/** Annotations of declared sets of pods: by which labels these have numbers. */
const NUMBERS = 'workload.codeflare.dev.appwrapper/';

/** Where a component has a set of pods; the path is within the component. */
interface Found { readonly path: Path; readonly replicas: number; readonly numbers?: Place['numbers'] }

/** `template.spec.replicatedJobs[0].template` */
const pathOf = (text: string): Path => text.split(/[.[\]]/).filter((part) => part !== '').map((part) => (/^\d+$/.test(part) ? Number(part) : part));

function declared(component: unknown): Found[] {
  return listAt(component, ['declaredPodSets']).map((set) => {
    const value = (name: string): string | undefined => textAt(set, ['annotations', `${NUMBERS}${name}`]);
    const [podIndexLabel, subGroupIndexLabel, subGroupCount] = [value('tas-pod-index-label'), value('tas-sub-group-index-label'), Number(value('tas-sub-group-count'))];
    const numbers = { ...(podIndexLabel !== undefined && { podIndexLabel }), ...(subGroupIndexLabel !== undefined && { subGroupIndexLabel }), ...(Number.isInteger(subGroupCount) && { subGroupCount }) };
    return { path: pathOf(textAt(set, ['path']) ?? ''), replicas: countAt(set, ['replicas']) ?? 1, numbers };
  });
}

const podsPerJob = (job: unknown): number => Math.min(countAt(job, ['spec', 'parallelism']) ?? 1, countAt(job, ['spec', 'completions']) ?? Infinity);

/** Of a cluster of Ray, whose operator knows of one head. */
function rayFound(component: unknown, cluster: Path): Found[] {
  const groups = [...cluster, 'workerGroupSpecs'];
  return [{ path: [...cluster, 'headGroupSpec', 'template'], replicas: 1 }, ...listAt(component, groups).map((group, index) => ({ path: [...groups, index, 'template'], replicas: countAt(group, ['replicas']) ?? 1 }))];
}

const replicated = (component: unknown): Found[] => [{ path: ['template', 'spec', 'template'], replicas: countAt(component, ['template', 'spec', 'replicas']) ?? 1 }];

/** Of components that declare no sets, by what they are; the operator counts the same. Source: appwrapper, InferPodSets. */
const INFERRED: ReadonlyMap<string, (component: unknown) => Found[]> = new Map([
  ['v1 Pod', () => [{ path: ['template'], replicas: 1 }]],
  ['apps/v1 Deployment', replicated],
  ['apps/v1 StatefulSet', replicated],
  ['batch/v1 Job', (component) => [{ path: ['template', 'spec', 'template'], replicas: podsPerJob(at(component, ['template'])), numbers: { podIndexLabel: COMPLETION_INDEX } }]],
  ['jobset.x-k8s.io/v1alpha2 JobSet', (component) => listAt(component, ['template', 'spec', 'replicatedJobs']).map((job, index) => {
    const replicas = countAt(job, ['replicas']) ?? 1;
    return { path: ['template', 'spec', 'replicatedJobs', index, 'template', 'spec', 'template'], replicas: replicas * podsPerJob(at(job, ['template'])), numbers: { podIndexLabel: COMPLETION_INDEX, subGroupIndexLabel: JOB_INDEX, subGroupCount: replicas } };
  })],
  ['kubeflow.org/v1 PyTorchJob', (component) => ['Master', 'Worker'].map((role) => ['template', 'spec', 'pytorchReplicaSpecs', role]).filter((path) => at(component, [...path, 'template']) !== undefined)
    .map((path) => ({ path: [...path, 'template'], replicas: countAt(component, [...path, 'replicas']) ?? 1, numbers: { podIndexLabel: 'training.kubeflow.org/replica-index' } }))],
  ['ray.io/v1 RayCluster', (component) => rayFound(component, ['template', 'spec'])],
  ['ray.io/v1 RayJob', (component) => rayFound(component, ['template', 'spec', 'rayClusterSpec'])],
]);

function foundIn(component: unknown): Found[] {
  const own = declared(component);
  if (own.length > 0) return own;
  const inferred = INFERRED.get(`${textAt(component, ['template', 'apiVersion'])} ${textAt(component, ['template', 'kind'])}`)?.(component) ?? [];
  return inferred.filter(({ path }) => at(component, [...path, 'spec']) !== undefined);
}

const componentsOf = (wrapper: ForeignObject): readonly unknown[] => listAt(wrapper, ['spec', 'components']);
const nameOf = ({ metadata }: ForeignObject, index: number): string => `${metadata.name}-${index}`;

function placesOf(wrapper: ForeignObject): Place[] {
  const found = componentsOf(wrapper).flatMap((component) => foundIn(component).map((each) => ({ ...each, template: at(component, each.path) as PodTemplateSpec })));
  return found.map(({ replicas, template, numbers }, index) => ({ name: nameOf(wrapper, index), count: replicas, template, ...(numbers !== undefined && { numbers }) }));
}

function said({ nodeSelector, tolerations, labels, annotations, topology }: StartInfo): object {
  return { annotations, labels, nodeSelector, tolerations, ...(topology !== undefined && { schedulingGates: [{ name: TOPOLOGY_GATE }] }) };
}

export const appWrapper: Framework = {
  kind: AppWrapper, suspend: ['spec', 'suspend'], placesOf,
  endOf(wrapper) {
    const phase = textAt(wrapper, ['status', 'phase']);
    if (phase === 'Succeeded') return { failed: false, message: 'AppWrapper finished successfully' };
    // What it made is still being deleted before.
    return phase === 'Failed' && trueCondition(wrapper, 'ResourcesDeployed') === undefined ? { failed: true, message: 'AppWrapper failed' } : undefined;
  },
  isActive: (wrapper) => trueCondition(wrapper, 'QuotaReserved') !== undefined,
  isReady: (wrapper) => trueCondition(wrapper, 'PodsReady') !== undefined,
  information: {
    given(wrapper, infoOf) {
      let index = 0;
      return withAt(wrapper, ['spec', 'components'], componentsOf(wrapper).map((component) => withAt(component, ['podSetInfos'], foundIn(component).map(() => said(infoOf(nameOf(wrapper, index++)))))));
    },
    taken: (wrapper) => withAt(wrapper, ['spec', 'components'], componentsOf(wrapper).map((component) => withAt(component, ['podSetInfos'], undefined))),
  },
};
