/** Quotas and ranges: how much a namespace may hold in all, and each of its pods. */
import { LimitRange } from '../../api/core/limit-range.ts';
import { Pod } from '../../api/core/pod.ts';
import { ResourceQuota } from '../../api/core/resource-quota.ts';
import { defineModule } from '../../sdk/module.ts';
import { quotaAdmission } from './admission.ts';
import { keepCounted } from './keep-counted.ts';
import { claimLimits, limitRanger } from './limit-ranger.ts';

export default defineModule({
  name: 'quota',
  description: 'ResourceQuota and LimitRange: bounds for namespaces and for the pods in them',
  kinds: [ResourceQuota, LimitRange],
  needs: [Pod],
  // A quota may count any kind.
  reads: 'all',
  writes: [ResourceQuota],
  admissions: [limitRanger, claimLimits, quotaAdmission],
  run: keepCounted,
});
