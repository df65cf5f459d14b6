/** Workloads: Deployment, ReplicaSet, Job and their like: kinds and controllers. */
import { ControllerRevision } from '../../api/apps/controller-revision.ts';
import { DaemonSet } from '../../api/apps/daemon-set.ts';
import { Deployment } from '../../api/apps/deployment.ts';
import { ReplicaSet } from '../../api/apps/replica-set.ts';
import { StatefulSet } from '../../api/apps/stateful-set.ts';
import { ReplicationController } from '../../api/core/replication-controller.ts';
import { CronJob } from '../../api/batch/cron-job.ts';
import { Job } from '../../api/batch/job.ts';
import { Node } from '../../api/core/node.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Pod } from '../../api/core/pod.ts';
import { defineModule } from '../../sdk/index.ts';
import { cronJobController } from './cron-job/reconcile.ts';
import { daemonSetController } from './daemon-set/reconcile.ts';
import { deploymentController } from './deployment/reconcile.ts';
import { ttlAfterFinishedController } from './job/expire.ts';
import { jobMetricsText } from './job/metrics.ts';
import { jobController } from './job/reconcile.ts';
import { replicaSetController, replicationControllerController } from './replica-set/reconcile.ts';
import { statefulSetController } from './stateful-set/reconcile.ts';

export default defineModule({
  name: 'workloads',
  description: 'Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs: keeps the pods of a workload, and rolls changes out',
  kinds: [Deployment, ReplicaSet, ReplicationController, ControllerRevision, Job, CronJob, DaemonSet, StatefulSet, PersistentVolumeClaim],
  needs: [Pod, Node],
  controllers: [deploymentController, replicaSetController, replicationControllerController, jobController, ttlAfterFinishedController, cronJobController, daemonSetController, statefulSetController],
  portable: true,
  async start({ metrics }) {
    metrics?.(jobMetricsText);
  },
});
