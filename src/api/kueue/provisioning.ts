/** ProvisioningRequestConfig (kueue.x-k8s.io): what a cluster autoscaler is asked for before a Workload is let in. Source: kubernetes-sigs/kueue, apis/kueue/v1beta2/provisioningrequestconfig_types.go. */
import { AGE, column, NAME } from '../columns.ts';
import type { Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { defineKueueKind } from './define.ts';
import { count, listByKey, objectSchema, oneOf, reference, struct, text } from './schema.ts';

export interface ProvisioningRequestConfig extends KubeObject {
  spec?: {
    provisioningClassName: string;
    parameters?: Record<string, string>;
    /** Only sets of pods that ask for one of these are asked for; none: all. */
    managedResources?: string[];
    retryStrategy?: { backoffLimitCount?: number; backoffBaseSeconds?: number; backoffMaxSeconds?: number };
    podSetUpdates?: { nodeSelector?: { key: string; valueFromProvisioningClassDetail: string }[] };
    podSetMergePolicy?: 'IdenticalPodTemplates' | 'IdenticalWorkloadSchedulingRequirements';
  };
}

const labelKey = { type: 'string' as const, minLength: 1, maxLength: 317, pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$' };
const retryStrategy = { ...struct({ backoffLimitCount: { ...count(), default: 3 }, backoffBaseSeconds: { ...count(), default: 60 }, backoffMaxSeconds: { ...count(), default: 1_800 } }), default: { backoffLimitCount: 3, backoffBaseSeconds: 60, backoffMaxSeconds: 1_800 } };
const spec = struct({
  provisioningClassName: { ...reference, minLength: 1 },
  parameters: { type: 'object', additionalProperties: { type: 'string', maxLength: 255 }, maxProperties: 100 },
  managedResources: { type: 'array', items: text, maxItems: 100, xListType: 'set' },
  retryStrategy,
  podSetUpdates: struct({ nodeSelector: listByKey(struct({ key: labelKey, valueFromProvisioningClassDetail: { type: 'string', minLength: 1, maxLength: 32_768 } }, ['key', 'valueFromProvisioningClassDetail']), 'key', { maxItems: 8 }) }),
  podSetMergePolicy: oneOf(['IdenticalPodTemplates', 'IdenticalWorkloadSchedulingRequirements']),
}, ['provisioningClassName']);

export const [ProvisioningRequestConfig, ProvisioningRequestConfigV1beta2]: readonly [Kind<ProvisioningRequestConfig>, Kind<ProvisioningRequestConfig>] = defineKueueKind<ProvisioningRequestConfig>({
  kind: 'ProvisioningRequestConfig', plural: 'provisioningrequestconfigs', namespaced: false,
  schema: objectSchema(() => ({ spec })),
  columns: [NAME, column('Class', (config) => config.spec?.provisioningClassName ?? ''), AGE],
});
