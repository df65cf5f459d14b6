/** Disruption: budgets of how many pods may be evicted at once, and the evictions that honour them. */
import { Deployment } from '../../api/apps/deployment.ts';
import { ReplicaSet } from '../../api/apps/replica-set.ts';
import { StatefulSet } from '../../api/apps/stateful-set.ts';
import { Pod } from '../../api/core/pod.ts';
import { ReplicationController } from '../../api/core/replication-controller.ts';
import { PodDisruptionBudget } from '../../api/policy/pod-disruption-budget.ts';
import { defineModule } from '../../sdk/index.ts';
import { evictionBudget } from './evict.ts';
import { readScalesWith } from './scales.ts';
import { disruptionController, staleDisruptionController } from './reconcile.ts';

export default defineModule({
  name: 'disruption',
  description: 'Budgets of how many pods may be evicted at once',
  kinds: [PodDisruptionBudget],
  needs: [Pod, Deployment, ReplicaSet, StatefulSet, ReplicationController],
  reads: 'all', // the scales of whatever controls pods
  writes: [PodDisruptionBudget],
  controllers: [disruptionController, staleDisruptionController],
  admissions: [evictionBudget],
  start: async (context) => readScalesWith(context),
});
