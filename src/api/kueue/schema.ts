/** What the schemas of Kueue's kinds share. Source: kubernetes-sigs/kueue, apis/kueue/v1beta1 and v1beta2. */
import { int64, listByKey, oneOf, quantities, quantity, reference, struct, text, texts, time } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';

export { text, flag, time, quantity, quantities, texts, textMap, reference, count, int32, int64, oneOf, struct, listByKey, core, labelSelector, conditions, objectSchema } from '../schema/build.ts';

export const GROUP = 'kueue.x-k8s.io';
export const stopPolicy = oneOf(['None', 'Hold', 'HoldAndDrain'], 'None');
export const fairSharing = struct({ weight: { ...quantity, default: 1 } });
export const fairSharingStatus = struct({ weightedShare: int64, admissionFairSharingStatus: struct({ consumedResources: quantities, lastUpdate: time }) }, ['weightedShare']);

const resourceQuota = struct({ name: text, nominalQuota: quantity, borrowingLimit: quantity, lendingLimit: quantity }, ['name', 'nominalQuota']);
const flavorQuotas = struct({ name: reference, resources: listByKey(resourceQuota, 'name', { minItems: 1, maxItems: 64 }) }, ['name', 'resources']);
/** Of ClusterQueues and Cohorts. */
export const resourceGroups: Schema = {
  type: 'array', maxItems: 16, xListType: 'atomic',
  items: struct({ coveredResources: { ...texts, minItems: 1, maxItems: 64 }, flavors: listByKey(flavorQuotas, 'name', { minItems: 1, maxItems: 64 }) }, ['coveredResources', 'flavors']),
};

/** What is used of each flavor. */
export const flavorUsage = (fields: Readonly<Record<string, Schema>>): Schema => listByKey(struct({ name: reference, resources: listByKey(struct({ name: text, ...fields }, ['name']), 'name', { maxItems: 64 }) }, ['name', 'resources']), 'name', { maxItems: 64 });
