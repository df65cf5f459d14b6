/** Kinds of KubeRay: a cluster of a head and groups of workers, by itself, for one job, or for a service. Source: Kueue, jobs/raycluster, jobs/rayjob and jobs/rayservice. */
import type { PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import { forbidden, invalid, required, tooMany, type FieldError } from '../../../api/field-error.ts';
import { RayCluster, RayJob, RayService, type ForeignObject } from '../../../api/kueue/frameworks.ts';
import { at, countAt, fieldOf, listAt, textAt, trueCondition, type Path } from './fields.ts';
import type { Framework, Place } from './framework.ts';

const HEAD = 'head';
const SUBMITTER = 'submitter';
/** Of a Workload. */
const MOST_SETS = 8;

/** `cluster`: where the specification of the cluster is. */
function clusterPlaces(job: ForeignObject, cluster: Path): Place[] {
  const place = (name: string, count: number, path: Path): Place => ({ name, count, template: (at(job, path) ?? {}) as PodTemplateSpec, path });
  return [
    place(HEAD, 1, [...cluster, 'headGroupSpec', 'template']),
    ...listAt(job, [...cluster, 'workerGroupSpecs']).map((group, index) => {
      const hosts = Math.max(1, countAt(group, ['numOfHosts']) ?? 1);
      return place(textAt(group, ['groupName'])?.toLowerCase() ?? '', (countAt(group, ['replicas']) ?? 1) * hosts, [...cluster, 'workerGroupSpecs', index, 'template']);
    }),
  ];
}

/** Source: Kueue, raycluster ValidateCreate. */
function clusterErrors(job: ForeignObject, cluster: Path, sets = 1): FieldError[] {
  const groups = [...cluster, 'workerGroupSpecs'];
  const errors: FieldError[] = [];
  if (at(job, [...cluster, 'enableInTreeAutoscaling']) === true) errors.push(invalid(fieldOf([...cluster, 'enableInTreeAutoscaling']), true, 'cannot be used in a queue: what was admitted is what the cluster has until it ends'));
  const count = listAt(job, groups).length;
  if (count + sets > MOST_SETS) errors.push(tooMany(fieldOf(groups), count, MOST_SETS - sets));
  for (const [index, group] of listAt(job, groups).entries()) if (textAt(group, ['groupName']) === HEAD) errors.push(forbidden(fieldOf([...groups, index, 'groupName']), '"head" is reserved for the head group'));
  return errors;
}

const JOB_CLUSTER: Path = ['spec', 'rayClusterSpec'];
const usesOtherCluster = (job: ForeignObject): boolean => Object.keys((at(job, ['spec', 'clusterSelector']) ?? {}) as object).length > 0;
const hasSubmitter = (job: ForeignObject): boolean => (textAt(job, ['spec', 'submissionMode']) ?? 'K8sJobMode') === 'K8sJobMode';

/** What KubeRay makes where the job has no template for it. Source: kuberay, common/job.go GetDefaultSubmitterTemplate. */
function submitterOf(job: ForeignObject): Place {
  const path: Path = ['spec', 'submitterPodTemplate'];
  const own = at(job, path) as PodTemplateSpec | undefined;
  if (own !== undefined) return { name: SUBMITTER, count: 1, template: own, path };
  const image = textAt(job, [...JOB_CLUSTER, 'headGroupSpec', 'template', 'spec', 'containers', 0, 'image']) ?? '';
  const resources = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '200Mi' } };
  return { name: SUBMITTER, count: 1, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'ray-job-submitter', image, resources }] } } };
}

const rayJob: Framework = {
  kind: RayJob, suspend: ['spec', 'suspend'],
  // One that runs on a cluster of another has no pods that could wait.
  isOurs: (job) => !usesOtherCluster(job),
  placesOf: (job) => [...clusterPlaces(job, JOB_CLUSTER), ...(hasSubmitter(job) ? [submitterOf(job)] : [])],
  endOf(job) {
    const status = textAt(job, ['status', 'jobDeploymentStatus']);
    if (status !== 'Complete' && status !== 'Failed') return undefined;
    return { failed: textAt(job, ['status', 'jobStatus']) !== 'SUCCEEDED', message: textAt(job, ['status', 'message']) ?? '' };
  },
  isActive: (job) => !['', 'Suspended'].includes(textAt(job, ['status', 'jobDeploymentStatus']) ?? ''),
  isReady: (job) => textAt(job, ['status', 'rayClusterStatus', 'state']) === 'ready',
  errorsOf(job) {
    if (usesOtherCluster(job)) return at(job, JOB_CLUSTER) === undefined ? [] : [invalid('spec.clusterSelector', at(job, ['spec', 'clusterSelector']), 'a job in a queue should not use an existing cluster')];
    if (at(job, JOB_CLUSTER) === undefined) return [required('spec.rayClusterSpec', 'a job in a queue that has no clusterSelector needs it')];
    const shuts = at(job, ['spec', 'shutdownAfterJobFinishes']);
    const kept = shuts === true ? [] : [invalid('spec.shutdownAfterJobFinishes', shuts ?? false, 'a job in a queue should delete the cluster after finishing')];
    return [...kept, ...clusterErrors(job, JOB_CLUSTER, hasSubmitter(job) ? 2 : 1)];
  },
};

const rayCluster: Framework = {
  kind: RayCluster, suspend: ['spec', 'suspend'],
  placesOf: (cluster) => clusterPlaces(cluster, ['spec']),
  endOf: () => undefined,
  isActive: (cluster) => textAt(cluster, ['status', 'state']) === 'ready',
  isReady: (cluster) => textAt(cluster, ['status', 'state']) === 'ready',
  errorsOf: (cluster) => clusterErrors(cluster, ['spec']),
};

const SERVICE_CLUSTER: Path = ['spec', 'rayClusterConfig'];

const rayService: Framework = {
  kind: RayService, suspend: [...SERVICE_CLUSTER, 'suspend'],
  placesOf: (service) => clusterPlaces(service, SERVICE_CLUSTER),
  endOf: () => undefined,
  isActive: (service) => trueCondition(service, 'Ready') !== undefined,
  isReady: (service) => trueCondition(service, 'Ready') !== undefined,
  errorsOf: (service) => clusterErrors(service, SERVICE_CLUSTER),
};

export const RAY: readonly Framework[] = [rayJob, rayCluster, rayService];
