/** Whether AdmissionChecks that ask a cluster autoscaler can do so: their configuration is there. Source: Kueue, admissionchecks/provisioning/admissioncheck_reconciler.go. */
import { withCondition } from '../../../api/conditions.ts';
import { equalJson } from '../../../api/json.ts';
import { AdmissionCheck } from '../../../api/kueue/local-queue.ts';
import { ProvisioningRequestConfig } from '../../../api/kueue/provisioning.ts';
import { GROUP } from '../../../api/kueue/schema.ts';
import type { Condition } from '../../../api/kueue/types.ts';
import type { Json } from '../../../api/meta.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { keyOf, watching, type Caches, type Controller } from '../../../sdk/index.ts';
import { CONTROLLER } from './requests.ts';

/** The configuration of a check, or why there is none. */
export function configOf({ spec }: AdmissionCheck, caches: Caches): ProvisioningRequestConfig | string {
  const { parameters } = spec ?? {};
  if (parameters === undefined) return 'missing parameters reference';
  if (parameters.apiGroup !== GROUP || parameters.kind !== ProvisioningRequestConfig.kind || parameters.name === '') return `bad parameters reference: it must name a ${ProvisioningRequestConfig.kind} of ${GROUP}`;
  return caches.of(ProvisioningRequestConfig).get(parameters.name) ?? `${ProvisioningRequestConfig.plural}.${GROUP} ${JSON.stringify(parameters.name)} not found`;
}

export const provisioningCheckStatus: Controller<AdmissionCheck> = {
  name: 'provisioning-check-status',
  for: AdmissionCheck,
  watches: [watching(ProvisioningRequestConfig, ({ metadata }, caches) => caches.of(AdmissionCheck).list().filter(({ spec }) => spec?.parameters?.name === metadata.name).map(keyOf))],
  async reconcile(_key, check, { client, caches, clock }) {
    if (check === undefined || check.spec?.controllerName !== CONTROLLER) return;
    const config = configOf(check, caches);
    const state = typeof config === 'string' ? { status: 'False' as const, reason: 'BadParametersRef', message: config } : { status: 'True' as const, reason: 'Active', message: 'The admission check is active' };
    const before = check.status?.conditions ?? [];
    const conditions = withCondition<Condition>(before, { type: 'Active', ...state, ...(check.metadata.generation !== undefined && { observedGeneration: check.metadata.generation }) }, rfc3339(clock.nowMs()));
    if (!equalJson(conditions as unknown as Json, before as unknown as Json)) await client.update(AdmissionCheck, { ...check, status: { ...check.status, conditions } }, { subresource: 'status' });
  },
};
