/**
 * Kinds of other operators that queues know (Kueue: integrations.frameworks), by their names alone: a cluster serves them only where somebody
 * brought their definitions, and nothing of their schema is needed to let them wait.
 */
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';

/** An object of which only some fields are looked at. */
export interface ForeignObject extends KubeObject {
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

function foreign(apiVersion: string, kind: string, { plural = `${kind.toLowerCase()}s`, namespaced = true } = {}): Kind<ForeignObject> {
  const [group = '', version = ''] = apiVersion.split('/');
  return defineKind<ForeignObject>({ group, version, kind, plural, namespaced, schema: () => ({ type: 'object' }) });
}

export const RayJob = foreign('ray.io/v1', 'RayJob');
export const RayCluster = foreign('ray.io/v1', 'RayCluster');
export const RayService = foreign('ray.io/v1', 'RayService');
export const PyTorchJob = foreign('kubeflow.org/v1', 'PyTorchJob');
export const TFJob = foreign('kubeflow.org/v1', 'TFJob');
export const XGBoostJob = foreign('kubeflow.org/v1', 'XGBoostJob');
export const PaddleJob = foreign('kubeflow.org/v1', 'PaddleJob');
export const JAXJob = foreign('kubeflow.org/v1', 'JAXJob');
export const MPIJob = foreign('kubeflow.org/v2beta1', 'MPIJob');
export const TrainJob = foreign('trainer.kubeflow.org/v1alpha1', 'TrainJob');
export const TrainingRuntime = foreign('trainer.kubeflow.org/v1alpha1', 'TrainingRuntime');
export const ClusterTrainingRuntime = foreign('trainer.kubeflow.org/v1alpha1', 'ClusterTrainingRuntime', { namespaced: false });
export const AppWrapper = foreign('workload.codeflare.dev/v1beta2', 'AppWrapper');
export const SparkApplication = foreign('sparkoperator.k8s.io/v1beta2', 'SparkApplication');
/** No job: what a cluster autoscaler is asked to provide before one is let in. */
export const ProvisioningRequest = foreign('autoscaling.x-k8s.io/v1', 'ProvisioningRequest');
/** Serves as groups of pods, one leader and its workers each. */
export const LeaderWorkerSet = foreign('leaderworkerset.x-k8s.io/v1', 'LeaderWorkerSet');
