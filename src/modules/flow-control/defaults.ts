/** The priority levels and flow schemas that every cluster has ("API Priority and Fairness", default objects), as far as one machine needs them. */
import { FLOW_CONTROL, type FlowSchema, type PriorityLevelConfiguration } from '../../api/flowcontrol/flow-control.ts';

const apiVersion = `${FLOW_CONTROL}/v1`;
const EVERYTHING = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

function level(name: string, nominalConcurrencyShares: number, lendablePercent: number, type: 'Queue' | 'Reject' = 'Queue'): PriorityLevelConfiguration {
  const limitResponse = type === 'Reject' ? { type } : { type, queuing: { queues: 128, handSize: 6, queueLengthLimit: 50 } };
  return { apiVersion, kind: 'PriorityLevelConfiguration', metadata: { name }, spec: { type: 'Limited', limited: { nominalConcurrencyShares, lendablePercent, limitResponse } } };
}

function schema(name: string, matchingPrecedence: number, more: { level: string; groups: readonly string[] }): FlowSchema {
  const subjects = more.groups.map((group) => ({ kind: 'Group', group: { name: group } }));
  return {
    apiVersion, kind: 'FlowSchema', metadata: { name },
    spec: { matchingPrecedence, priorityLevelConfiguration: { name: more.level }, ...(name === 'exempt' ? {} : { distinguisherMethod: { type: 'ByUser' } }), rules: [{ subjects, ...EVERYTHING }] },
  };
}

export const LEVELS: readonly PriorityLevelConfiguration[] = [
  { apiVersion, kind: 'PriorityLevelConfiguration', metadata: { name: 'exempt' }, spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } } },
  level('catch-all', 5, 0, 'Reject'), level('global-default', 20, 50), level('workload-low', 100, 90), level('system', 30, 33),
];

export const SCHEMAS: readonly FlowSchema[] = [
  schema('exempt', 1, { level: 'exempt', groups: ['system:masters'] }),
  schema('system-nodes', 500, { level: 'system', groups: ['system:nodes'] }),
  schema('service-accounts', 9_000, { level: 'workload-low', groups: ['system:serviceaccounts'] }),
  schema('global-default', 9_900, { level: 'global-default', groups: ['system:unauthenticated', 'system:authenticated'] }),
  schema('catch-all', 10_000, { level: 'catch-all', groups: ['system:unauthenticated', 'system:authenticated'] }),
];
