/** Queues: Jobs and pods wait for quota, in the order of a policy. Nothing of it is loaded until there is a queue. */
import { StatefulSet } from '../../api/apps/stateful-set.ts';
import { Job } from '../../api/batch/job.ts';
import { JobSet } from '../../api/jobset/job-set.ts';
import { LimitRange } from '../../api/core/limit-range.ts';
import { Namespace } from '../../api/core/namespace.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { PodTemplate } from '../../api/core/pod-template.ts';
import { RuntimeClass } from '../../api/node/runtime-class.ts';
import { PriorityClass } from '../../api/scheduling/priority-class.ts';
import { ClusterQueue, ClusterQueueV1beta2, Cohort, CohortV1alpha1, CohortV1beta2 } from '../../api/kueue/cluster-queue.ts';
import { ProvisioningRequest } from '../../api/kueue/frameworks.ts';
import { AdmissionCheck, AdmissionCheckV1beta2, LocalQueue, LocalQueueV1beta2, ResourceFlavor, ResourceFlavorV1beta2, WorkloadPriorityClass, WorkloadPriorityClassV1beta2 } from '../../api/kueue/local-queue.ts';
import { ProvisioningRequestConfig, ProvisioningRequestConfigV1beta2 } from '../../api/kueue/provisioning.ts';
import { Topology, TopologyV1alpha1, TopologyV1beta2 } from '../../api/kueue/topology.ts';
import { Workload, WorkloadV1beta2 } from '../../api/kueue/workload.ts';
import { firstUse } from '../../sdk/first-use.ts';
import { defineModule } from '../../sdk/index.ts';
import { queuedFrameworks } from './frameworks/intake.ts';
import { queuedLeaderWorkerSets } from './frameworks/leader-worker-set-intake.ts';
import { FRAMEWORK_KINDS, FRAMEWORK_READS } from './frameworks/table.ts';
import { queuedDeployments, queuedJobs, queuedJobSets, queuedPods, queuedStatefulSets } from './intake.ts';

export default defineModule({
  name: 'queue',
  eventSource: 'kueue-admission',
  description: "Jobs and pods wait for quota in queues: Kueue's API, with policies, fair shares and explanations",
  kinds: [
    ClusterQueue, LocalQueue, ResourceFlavor, Workload, Cohort, WorkloadPriorityClass, AdmissionCheck,
    ClusterQueueV1beta2, LocalQueueV1beta2, ResourceFlavorV1beta2, WorkloadV1beta2, CohortV1beta2, CohortV1alpha1, WorkloadPriorityClassV1beta2, AdmissionCheckV1beta2,
    Topology, TopologyV1beta2, TopologyV1alpha1, ProvisioningRequestConfig, ProvisioningRequestConfigV1beta2,
  ],
  needs: [Job, Pod, Namespace, PriorityClass],
  reads: [LimitRange, RuntimeClass, Node, StatefulSet, ...FRAMEWORK_READS],
  writes: [Workload, ClusterQueue, ResourceFlavor, Topology, AdmissionCheck, Cohort, LocalQueue, Job, JobSet, Pod, PodTemplate, ProvisioningRequest, ...FRAMEWORK_KINDS],
  // It never binds.
  subresources: ['status'],
  admissions: [queuedJobs, queuedJobSets, queuedPods, queuedDeployments, queuedStatefulSets, queuedLeaderWorkerSets, ...queuedFrameworks],
  portable: true,
  async run(context) {
    if (await firstUse(context, [LocalQueue, ClusterQueue])) await (await import('./work.ts')).work(context);
  },
});
