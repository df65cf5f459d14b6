/** [sig-api-machinery] API priority and fairness */
import { behaviour } from '../cluster.ts';
import { liveThrough } from '../resource-life.ts';

const GROUP = 'flowcontrol.apiserver.k8s.io';

export function flowControl(): void {
  behaviour('API priority and fairness should support FlowSchema API operations', () => liveThrough({
    group: GROUP, version: 'v1', plural: 'flowschemas', subresources: ['status'],
    make: (name) => ({
      metadata: { name }, spec: { matchingPrecedence: 9_999, priorityLevelConfiguration: { name: 'global-default' }, distinguisherMethod: { type: 'ByUser' }, rules: [{ subjects: [{ kind: 'User', user: { name: 'example-e2e-non-existent-user' } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }] },
    }),
  }));

  behaviour('API priority and fairness should support PriorityLevelConfiguration API operations', () => liveThrough({
    group: GROUP, version: 'v1', plural: 'prioritylevelconfigurations', subresources: ['status'],
    make: (name) => ({ metadata: { name }, spec: { type: 'Limited', limited: { nominalConcurrencyShares: 2, limitResponse: { type: 'Reject' } } } }),
  }));
}
