/** The roles that every cluster has: cluster-admin, admin, edit, view ("Using RBAC Authorization", user-facing roles). */
import { ClusterRole, ClusterRoleBinding, RBAC, Role } from '../../api/rbac/rbac.ts';
import { COMPONENT_ROLES, COMPONENT_USERS } from './component-roles.ts';

type Rules = NonNullable<ClusterRole['rules']>;

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const BOOTSTRAPPING = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
/** Says that what is missing is made again at each start; `false` there leaves the role to its owner. */
export const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
const AUTOUPDATES = { [AUTOUPDATE]: 'true' };
const AGGREGATE = `${RBAC}/aggregate-to-`;

/** Kinds that people deploy, by group. */
const WORKLOADS: Readonly<Record<string, readonly string[]>> = {
  apps: ['daemonsets', 'deployments', 'deployments/rollback', 'deployments/scale', 'replicasets', 'replicasets/scale', 'statefulsets', 'statefulsets/scale'],
  autoscaling: ['horizontalpodautoscalers'],
  batch: ['cronjobs', 'jobs'],
  'gateway.networking.k8s.io': ['backendtlspolicies', 'gateways', 'grpcroutes', 'httproutes', 'listenersets', 'referencegrants', 'tcproutes', 'tlsroutes', 'udproutes'],
  'network.llmos.dev': ['loadbalancingpolicies'],
  'networking.k8s.io': ['ingresses', 'networkpolicies'],
  policy: ['poddisruptionbudgets'],
};
const PLAIN = ['configmaps', 'endpoints', 'persistentvolumeclaims', 'pods', 'replicationcontrollers', 'replicationcontrollers/scale', 'serviceaccounts', 'services'];
const POD_CONNECTS = ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'services/proxy'];

const VIEW: Rules = [
  { apiGroups: [''], resources: [...PLAIN, 'persistentvolumeclaims/status', 'services/status'], verbs: READ },
  { apiGroups: [''], resources: ['bindings', 'events', 'limitranges', 'namespaces', 'namespaces/status', 'pods/log', 'pods/status', 'replicationcontrollers/status', 'resourcequotas', 'resourcequotas/status'], verbs: READ },
  ...Object.entries(WORKLOADS).map(([group, plurals]) => ({ apiGroups: [group], resources: [...plurals, ...plurals.filter((each) => !each.includes('/')).map((each) => `${each}/status`)], verbs: READ })),
  { apiGroups: ['apps'], resources: ['controllerrevisions'], verbs: READ },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['gatewayclasses'], verbs: READ },
];

const EDIT: Rules = [
  { apiGroups: [''], resources: ['secrets', ...POD_CONNECTS], verbs: READ },
  { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['impersonate'] },
  { apiGroups: [''], resources: [...PLAIN.filter((each) => each !== 'endpoints'), 'events', 'secrets', ...POD_CONNECTS], verbs: WRITE },
  { apiGroups: [''], resources: ['pods/eviction', 'serviceaccounts/token'], verbs: ['create'] },
  ...Object.entries(WORKLOADS).map(([group, plurals]) => ({ apiGroups: [group], resources: [...plurals], verbs: WRITE })),
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: [...READ, ...WRITE] },
];

const ADMIN: Rules = [
  { apiGroups: ['authorization.k8s.io'], resources: ['localsubjectaccessreviews'], verbs: ['create'] },
  { apiGroups: [RBAC], resources: ['rolebindings', 'roles'], verbs: [...READ, ...WRITE] },
];

const DISCOVERY = ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'];
const PUBLIC = ['/healthz', '/livez', '/readyz', '/version', '/version/'];

const EVERYTHING: Rules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }, { nonResourceURLs: ['*'], verbs: ['*'] }];

function role(name: string, rules: Rules, labels: Record<string, string> = {}): ClusterRole {
  return { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name, labels: { ...BOOTSTRAPPING, ...labels }, annotations: AUTOUPDATES }, rules };
}

/** Its rules are those of all roles that are labelled for one of `sources`. */
function aggregated(name: string, sources: readonly string[], labels: Record<string, string> = {}): ClusterRole {
  const clusterRoleSelectors = sources.map((each) => ({ matchLabels: { [AGGREGATE + each]: 'true' } }));
  return { ...role(name, [], labels), aggregationRule: { clusterRoleSelectors } };
}

export const DEFAULT_ROLES: readonly ClusterRole[] = [
  role('cluster-admin', EVERYTHING),
  aggregated('admin', ['admin']),
  aggregated('edit', ['edit'], { [`${AGGREGATE}admin`]: 'true' }),
  aggregated('view', ['view'], { [`${AGGREGATE}edit`]: 'true' }),
  // What everyone may, and what the node authorizer lets nodes do, is known to the door; these are for those who bind it to others.
  role('system:discovery', [{ nonResourceURLs: [...DISCOVERY, ...PUBLIC], verbs: ['get'] }]),
  role('system:basic-user', [
    { apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], verbs: ['create'] },
    { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
  ]),
  role('system:public-info-viewer', [{ nonResourceURLs: PUBLIC, verbs: ['get'] }]),
  role('system:monitoring', [{ nonResourceURLs: ['/flagz', '/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*', '/statusz'], verbs: ['get'] }]),
  role('system:kubelet-api-admin', [
    { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'proxy', 'watch'] },
    { apiGroups: [''], resources: ['nodes/configz', 'nodes/healthz', 'nodes/log', 'nodes/metrics', 'nodes/pods', 'nodes/proxy', 'nodes/stats'], verbs: ['*'] },
  ]),
  role('system:service-account-issuer-discovery', [{ nonResourceURLs: ['/.well-known/openid-configuration', '/.well-known/openid-configuration/', '/openid/v1/jwks', '/openid/v1/jwks/'], verbs: ['get'] }]),
  role('system:controller:certificate-controller', [
    { apiGroups: ['certificates.k8s.io'], resources: ['signers'], resourceNames: ['kubernetes.io/*'], verbs: ['sign'] },
    { apiGroups: ['certificates.k8s.io'], resources: ['signers'], resourceNames: ['kubernetes.io/kube-apiserver-client-kubelet'], verbs: ['approve'] },
  ]),
  ...['nodeclient', 'selfnodeclient'].map((what) => role(`system:certificates.k8s.io:certificatesigningrequests:${what}`, [{ apiGroups: ['certificates.k8s.io'], resources: [`certificatesigningrequests/${what}`], verbs: ['create'] }])),
  role('system:node-bootstrapper', [{ apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'], verbs: ['create', 'get', 'list', 'watch'] }]),
  role('system:auth-delegator', [{ apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] }, { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] }]),
  ...Object.entries(COMPONENT_ROLES).map(([name, rules]) => role(name, rules)),
  role('system:aggregate-to-admin', ADMIN, { [`${AGGREGATE}admin`]: 'true' }),
  role('system:aggregate-to-edit', EDIT, { [`${AGGREGATE}edit`]: 'true' }),
  role('system:aggregate-to-view', VIEW, { [`${AGGREGATE}view`]: 'true' }),
  // As metrics-server brings it, which llmos takes the place of: `kubectl top pod` for those who may view.
  role('system:aggregated-metrics-reader', [{ apiGroups: ['metrics.k8s.io'], resources: ['nodes', 'pods'], verbs: READ }], Object.fromEntries(['admin', 'edit', 'view'].map((each) => [AGGREGATE + each, 'true']))),
];

function binding(name: string, ...subjects: { kind: 'Group' | 'User'; name: string }[]): ClusterRoleBinding {
  return {
    apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding', metadata: { name, labels: BOOTSTRAPPING, annotations: AUTOUPDATES },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name }, subjects: subjects.map((subject) => ({ apiGroup: RBAC, ...subject })),
  };
}

export const DEFAULT_BINDINGS: readonly ClusterRoleBinding[] = [
  binding('cluster-admin', { kind: 'Group', name: 'system:masters' }),
  binding('system:basic-user', { kind: 'Group', name: 'system:authenticated' }),
  binding('system:discovery', { kind: 'Group', name: 'system:authenticated' }),
  binding('system:public-info-viewer', { kind: 'Group', name: 'system:authenticated' }, { kind: 'Group', name: 'system:unauthenticated' }),
  binding('system:monitoring', { kind: 'Group', name: 'system:monitoring' }),
  binding('system:service-account-issuer-discovery', { kind: 'Group', name: 'system:serviceaccounts' }),
  // The node authorizer speaks for nodes: nobody has this one unless somebody is named.
  binding('system:node'),
  ...COMPONENT_USERS.map(([name, user]) => binding(name, { kind: 'User', name: user })),
  binding('system:controller:certificate-controller', { kind: 'User', name: 'system:llmos:certificates' }),
];

/** In kube-system: what other servers may read to know whom to believe. */
export const DEFAULT_NAMESPACED_ROLES: readonly Role[] = [{
  apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: { name: 'extension-apiserver-authentication-reader', namespace: 'kube-system', labels: BOOTSTRAPPING, annotations: AUTOUPDATES },
  rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['extension-apiserver-authentication'], verbs: READ }],
}];
