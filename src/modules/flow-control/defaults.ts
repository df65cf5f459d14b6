/** The priority levels and flow schemas that every cluster has ("API Priority and Fairness", default objects). */
import { FLOW_CONTROL, type FlowSchema, type PriorityLevelConfiguration } from '../../api/flowcontrol/flow-control.ts';

type Spec = NonNullable<FlowSchema['spec']>;
type Rule = NonNullable<Spec['rules']>[number];

const apiVersion = `${FLOW_CONTROL}/v1`;
const annotations = { 'apf.kubernetes.io/autoupdate-spec': 'true' };
const EVERYTHING: Omit<Rule, 'subjects'> = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

/** `queues` and the size of a hand of them; without them, what finds no seat is refused. */
function level(name: string, nominalConcurrencyShares: number, lendablePercent: number, queues?: readonly [number, number]): PriorityLevelConfiguration {
  const limitResponse = queues === undefined ? { type: 'Reject' as const } : { type: 'Queue' as const, queuing: { queues: queues[0], handSize: queues[1], queueLengthLimit: 50 } };
  return { apiVersion, kind: 'PriorityLevelConfiguration', metadata: { name, annotations }, spec: { type: 'Limited', limited: { nominalConcurrencyShares, lendablePercent, limitResponse } } };
}

function schema(name: string, matchingPrecedence: number, levelName: string, by: 'ByUser' | 'ByNamespace' | undefined, subjects: Rule['subjects'], what: Omit<Rule, 'subjects'> = EVERYTHING): FlowSchema {
  const spec: Spec = { matchingPrecedence, priorityLevelConfiguration: { name: levelName }, ...(by === undefined ? {} : { distinguisherMethod: { type: by } }), rules: [{ subjects, ...what }] };
  return { apiVersion, kind: 'FlowSchema', metadata: { name, annotations }, spec };
}

const groups = (...names: string[]): Rule['subjects'] => names.map((name) => ({ kind: 'Group', group: { name } }));
const users = (...names: string[]): Rule['subjects'] => names.map((name) => ({ kind: 'User', user: { name } }));
const accounts = (...names: string[]): Rule['subjects'] => names.map((name) => ({ kind: 'ServiceAccount', serviceAccount: { name, namespace: 'kube-system' } }));
const elects = (apiGroup: string, ...resources: string[]): NonNullable<Rule['resourceRules']>[number] => ({ verbs: ['get', 'create', 'update'], apiGroups: [apiGroup], resources, namespaces: ['*'] });

const EVERYONE = groups('system:unauthenticated', 'system:authenticated');
const CONTROLLERS = 'system:kube-controller-manager';
const SCHEDULER = 'system:kube-scheduler';
const LEASES = elects('coordination.k8s.io', 'leases');

export const LEVELS: readonly PriorityLevelConfiguration[] = [
  { apiVersion, kind: 'PriorityLevelConfiguration', metadata: { name: 'exempt', annotations }, spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } } },
  level('catch-all', 5, 0), level('global-default', 20, 50, [128, 6]), level('leader-election', 10, 0, [16, 4]), level('node-high', 40, 25, [64, 6]),
  level('system', 30, 33, [64, 6]), level('workload-high', 40, 50, [128, 6]), level('workload-low', 100, 90, [128, 6]),
];

export const SCHEMAS: readonly FlowSchema[] = [
  schema('exempt', 1, 'exempt', undefined, groups('system:masters')),
  schema('probes', 2, 'exempt', undefined, EVERYONE, { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }] }),
  schema('system-leader-election', 100, 'leader-election', 'ByUser', [...users(CONTROLLERS, SCHEDULER), ...accounts('*')], { resourceRules: [LEASES] }),
  schema('endpoint-controller', 150, 'workload-high', 'ByUser', [...users(CONTROLLERS), ...accounts('endpoint-controller', 'endpointslicemirroring-controller')], { resourceRules: [elects('', 'endpoints')] }),
  schema('workload-leader-election', 200, 'leader-election', 'ByUser', accounts('*'), { resourceRules: [elects('', 'endpoints', 'configmaps'), LEASES] }),
  schema('system-node-high', 400, 'node-high', 'ByUser', groups('system:nodes'), {
    resourceRules: [
      { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ['*'] },
      { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['kube-node-lease'] },
    ],
  }),
  schema('system-nodes', 500, 'system', 'ByUser', groups('system:nodes')),
  schema('kube-controller-manager', 800, 'workload-high', 'ByNamespace', users(CONTROLLERS)),
  schema('kube-scheduler', 800, 'workload-high', 'ByNamespace', users(SCHEDULER)),
  schema('kube-system-service-accounts', 900, 'workload-high', 'ByNamespace', accounts('*')),
  schema('service-accounts', 9_000, 'workload-low', 'ByUser', groups('system:serviceaccounts')),
  schema('global-default', 9_900, 'global-default', 'ByUser', EVERYONE),
  schema('catch-all', 10_000, 'catch-all', 'ByUser', EVERYONE),
];
