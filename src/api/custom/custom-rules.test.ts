/** Kinds that are built in here and custom resources elsewhere are updated as those are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VerticalPodAutoscaler, VerticalPodAutoscalerCheckpoint } from '../autoscaling/vertical-pod-autoscaler.ts';
import { GATEWAY_KINDS } from '../gateway/kinds.ts';
import { JobSet } from '../jobset/job-set.ts';
import { ScaledJob } from '../keda/scaled-job.ts';
import { ScaledObject } from '../keda/scaled-object.ts';
import { ClusterTriggerAuthentication, TriggerAuthentication } from '../keda/trigger-authentication.ts';
import type { Kind } from '../kind.ts';
import { ClusterQueue, ClusterQueueV1beta2, Cohort, CohortV1alpha1, CohortV1beta2 } from '../kueue/cluster-queue.ts';
import { AdmissionCheck, LocalQueue, ResourceFlavor, WorkloadPriorityClass } from '../kueue/local-queue.ts';
import { Topology, TopologyV1alpha1 } from '../kueue/topology.ts';
import { Workload, WorkloadV1beta2 } from '../kueue/workload.ts';
import { VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent } from '../storage/volume-snapshot.ts';

const KINDS = [
  ...GATEWAY_KINDS, VerticalPodAutoscaler, VerticalPodAutoscalerCheckpoint, JobSet, ScaledJob, ScaledObject, ClusterTriggerAuthentication, TriggerAuthentication,
  ClusterQueue, ClusterQueueV1beta2, Cohort, CohortV1alpha1, CohortV1beta2, AdmissionCheck, LocalQueue, ResourceFlavor, WorkloadPriorityClass, Topology, TopologyV1alpha1,
  Workload, WorkloadV1beta2, VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent,
] as unknown as readonly Kind[];

test('updates of them say which version they change, and /status writes the status alone', () => {
  for (const { kind, version, rules } of KINDS) assert.deepEqual([rules.allowUnconditionalUpdate, rules.statusKeeps], [false, 'metadata'], `${kind} ${version}`);
});
