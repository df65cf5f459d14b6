/** Workloads: Deployment, ReplicaSet, Job and their like: kinds and controllers. */
import { ControllerRevision } from '../../api/apps/controller-revision.ts';
import { Deployment } from '../../api/apps/deployment.ts';
import { ReplicaSet } from '../../api/apps/replica-set.ts';
import { ReplicationController } from '../../api/core/replication-controller.ts';
import { Job } from '../../api/batch/job.ts';
import { Pod } from '../../api/core/pod.ts';
import { defineModule } from '../../sdk/index.ts';
import { deploymentController } from './deployment/reconcile.ts';
import { ttlAfterFinishedController } from './job/expire.ts';
import { jobController } from './job/reconcile.ts';
import { replicaSetController, replicationControllerController } from './replica-set/reconcile.ts';

export default defineModule({
  name: 'workloads',
  description: 'Deployments and replica sets: keeps the pods of a workload, and rolls changes out',
  kinds: [Deployment, ReplicaSet, ReplicationController, ControllerRevision, Job],
  needs: [Pod],
  controllers: [deploymentController, replicaSetController, replicationControllerController, jobController, ttlAfterFinishedController],
  portable: true,
});
