/** Admission checks of Kueue's own controllers that are not here say so: nobody else may, and their queues let nobody in. Source: Kueue, admissionchecks/provisioning and multikueue. */
import { withCondition } from '../../api/conditions.ts';
import { ownValue } from '../../api/json.ts';
import { AdmissionCheck } from '../../api/kueue/local-queue.ts';
import type { Condition } from '../../api/kueue/types.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { Controller } from '../../sdk/index.ts';

const ABSENT: Readonly<Record<string, string>> = {
  'kueue.x-k8s.io/provisioning-request': 'there is no cluster autoscaler here that could answer ProvisioningRequests (autoscaling.x-k8s.io/v1): bring its definitions, take the check off the ClusterQueue, or run a controller that answers it',
  'kueue.x-k8s.io/multikueue': 'Workloads are not sent to other clusters from here: take the check off the ClusterQueue, or run a controller that answers it',
};

/** `answers`: whether the controller of that name is here now. */
export const admissionCheckStatus = (answers: (controllerName: string) => boolean): Controller<AdmissionCheck> => ({
  name: 'admission-check-status',
  for: AdmissionCheck,
  async reconcile(_key, check, { client, clock }) {
    const why = ownValue(ABSENT, check?.spec?.controllerName ?? '');
    // Whoever answers it speaks for it.
    if (check === undefined || why === undefined || answers(check.spec?.controllerName ?? '') || check.status?.conditions?.some(({ type }) => type === 'Active') === true) return;
    const active = { type: 'Active', status: 'False' as const, reason: 'NoController', message: why, ...(check.metadata.generation !== undefined && { observedGeneration: check.metadata.generation }) };
    await client.update(AdmissionCheck, { ...check, status: { ...check.status, conditions: withCondition<Condition>(check.status?.conditions ?? [], active, rfc3339(clock.nowMs())) } }, { subresource: 'status' });
  },
});
