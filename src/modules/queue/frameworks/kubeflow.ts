/** Jobs of Kubeflow's training operator, and of its MPI operator: a template for each role. Source: Kueue, jobs/kubeflow and jobs/mpijob. */
import type { PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import type { Kind } from '../../../api/kind.ts';
import { JAXJob, MPIJob, PaddleJob, PyTorchJob, TFJob, XGBoostJob, type ForeignObject } from '../../../api/kueue/frameworks.ts';
import { at, countAt, trueCondition, type Path } from './fields.ts';
import type { Framework } from './framework.ts';

/** The label by which both operators number the pods of a role. */
const REPLICA_INDEX = 'training.kubeflow.org/replica-index';

/** `field`: of its spec, with what there is of each role; `roles` in the order of their sets. */
function training(kind: Kind<ForeignObject>, field: string, roles: readonly string[]): Framework {
  const pathOf = (role: string): Path => ['spec', field, role, 'template'];
  return {
    kind, suspend: ['spec', 'runPolicy', 'suspend'], priorityClass: ['spec', 'runPolicy', 'schedulingPolicy', 'priorityClass'],
    placesOf: (job) => roles.filter((role) => at(job, pathOf(role)) !== undefined).map((role) => ({
      name: role.toLowerCase(), count: countAt(job, ['spec', field, role, 'replicas']) ?? 1, template: at(job, pathOf(role)) as PodTemplateSpec, path: pathOf(role), numbers: { podIndexLabel: REPLICA_INDEX },
    })),
    endOf(job) {
      const [failed, succeeded] = [trueCondition(job, 'Failed'), trueCondition(job, 'Succeeded')];
      const end = failed ?? succeeded;
      return end === undefined ? undefined : { failed: end === failed, message: end.message ?? '' };
    },
    isActive: (job) => Object.values((at(job, ['status', 'replicaStatuses']) ?? {}) as Record<string, { active?: number }>).some(({ active = 0 }) => active > 0),
    isReady: (job) => trueCondition(job, 'Running') !== undefined,
  };
}

export const KUBEFLOW: readonly Framework[] = [
  training(PyTorchJob, 'pytorchReplicaSpecs', ['Master', 'Worker']),
  training(TFJob, 'tfReplicaSpecs', ['Chief', 'Master', 'PS', 'Worker', 'Evaluator']),
  training(XGBoostJob, 'xgbReplicaSpecs', ['Master', 'Worker']),
  training(PaddleJob, 'paddleReplicaSpecs', ['Master', 'Worker']),
  training(JAXJob, 'jaxReplicaSpecs', ['Worker']),
  training(MPIJob, 'mpiReplicaSpecs', ['Launcher', 'Worker']),
];
