/** The roles that every cluster has: those of users, cluster-admin, admin, edit and view, and those of components ("Using RBAC Authorization", default roles). */
import { RBAC, type ClusterRole, type ClusterRoleBinding } from '../../api/rbac/rbac.ts';
import type { PolicyRule, Subject } from '../../api/generated/rbac-v1.ts';
import { COMPONENT_ROLES, COMPONENT_USERS } from './component-roles.ts';
import { CONTROLLER_ROLES } from './controller-roles.ts';
import { grants } from './grants.ts';
import { account, defaultMetadata, group, user } from './made.ts';

const AGGREGATE = `${RBAC}/aggregate-to-`;

/** Kinds that people deploy, by group. `extensions` is served no more: whoever may all of a group may still give that away, as charts of before do. */
const WORKLOADS: readonly (readonly [group: string, plurals: string, scalable?: string])[] = [
  ['apps', 'daemonsets,deployments,replicasets,statefulsets', 'deployments/scale,replicasets/scale,statefulsets/scale'],
  ['autoscaling', 'horizontalpodautoscalers'],
  ['batch', 'cronjobs,jobs'],
  ['extensions', 'daemonsets,deployments,ingresses,replicasets', 'deployments/scale,networkpolicies,replicasets/scale,replicationcontrollers/scale'],
  ['gateway.networking.k8s.io', 'backendtlspolicies,gateways,grpcroutes,httproutes,listenersets,referencegrants,tcproutes,tlsroutes,udproutes'],
  ['network.llmos.dev', 'loadbalancingpolicies'],
  ['networking.k8s.io', 'ingresses', 'networkpolicies'],
  ['policy', 'poddisruptionbudgets'],
  ['resource.k8s.io', 'resourceclaims', 'resourceclaimtemplates'],
];
const PLAIN = 'configmaps,persistentvolumeclaims,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services';
const CONNECTS = 'pods/attach,pods/exec,pods/portforward,pods/proxy,services/proxy';

const withStatus = (plurals: string): string => plurals.split(',').flatMap((plural) => [plural, `${plural}/status`]).join(',');
const and = (more: string | undefined): string => (more === undefined ? '' : `,${more}`);

const VIEW = grants(
  `core ${PLAIN},endpoints,persistentvolumeclaims/status,services/status read`,
  'core bindings,events,limitranges,namespaces,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status read',
  ...WORKLOADS.map(([name, plurals, more]) => `${name} ${withStatus(plurals)}${and(more)} read`),
  'apps controllerrevisions read', 'discovery.k8s.io endpointslices read', 'gateway.networking.k8s.io gatewayclasses read',
);

const EDIT = grants(
  `core secrets,${CONNECTS} read`, 'core serviceaccounts impersonate', `core ${PLAIN},events,secrets,${CONNECTS} write`, 'core pods/eviction,serviceaccounts/token create',
  ...WORKLOADS.map(([name, plurals, more]) => `${name} ${plurals}${and(more)} write`),
  'apps,extensions deployments/rollback write', 'coordination.k8s.io leases read,write',
);

const ADMIN = grants('authorization.k8s.io localsubjectaccessreviews create', `${RBAC} rolebindings,roles read,write`);

const DISCOVERY = ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'];
const PUBLIC = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
const MONITORED = ['/flagz', '/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*', '/statusz'];
const ISSUER = ['/.well-known/openid-configuration', '/.well-known/openid-configuration/', '/openid/v1/jwks', '/openid/v1/jwks/'];
const reading = (nonResourceURLs: string[]): PolicyRule[] => [{ nonResourceURLs, verbs: ['get'] }];

function role(name: string, rules: PolicyRule[], labels: Record<string, string> = {}): ClusterRole {
  return { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: defaultMetadata({ name, labels }), rules };
}

/** Its rules are those of all roles that are labelled for one of `sources`. */
function aggregated(name: string, sources: readonly string[], labels: Record<string, string> = {}): ClusterRole {
  const clusterRoleSelectors = sources.map((each) => ({ matchLabels: { [AGGREGATE + each]: 'true' } }));
  return { ...role(name, [], labels), aggregationRule: { clusterRoleSelectors } };
}

export const DEFAULT_ROLES: readonly ClusterRole[] = [
  role('cluster-admin', [...grants('* * *'), { nonResourceURLs: ['*'], verbs: ['*'] }]),
  aggregated('admin', ['admin']),
  aggregated('edit', ['edit'], { [`${AGGREGATE}admin`]: 'true' }),
  aggregated('view', ['view'], { [`${AGGREGATE}edit`]: 'true' }),
  // What everyone may, and what the node authorizer lets nodes do, is known to the door; these are for those who bind it to others.
  role('system:discovery', reading([...DISCOVERY, ...PUBLIC])),
  role('system:basic-user', grants('authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews create', 'authentication.k8s.io selfsubjectreviews create')),
  role('system:public-info-viewer', reading(PUBLIC)),
  role('system:monitoring', reading(MONITORED)),
  role('system:kubelet-api-admin', grants('core nodes read,proxy', 'core nodes/configz,nodes/healthz,nodes/log,nodes/metrics,nodes/pods,nodes/proxy,nodes/stats *')),
  role('system:service-account-issuer-discovery', reading(ISSUER)),
  ...['nodeclient', 'selfnodeclient'].map((what) => role(`system:certificates.k8s.io:certificatesigningrequests:${what}`, grants(`certificates.k8s.io certificatesigningrequests/${what} create`))),
  role('system:node-bootstrapper', grants('certificates.k8s.io certificatesigningrequests create,read')),
  role('system:auth-delegator', grants('authentication.k8s.io tokenreviews create', 'authorization.k8s.io subjectaccessreviews create')),
  ...Object.entries(COMPONENT_ROLES).map(([name, rules]) => role(name, rules)),
  ...Object.entries(CONTROLLER_ROLES).map(([name, rules]) => role(`system:controller:${name}`, rules)),
  role('system:aggregate-to-admin', ADMIN, { [`${AGGREGATE}admin`]: 'true' }),
  role('system:aggregate-to-edit', EDIT, { [`${AGGREGATE}edit`]: 'true' }),
  role('system:aggregate-to-view', VIEW, { [`${AGGREGATE}view`]: 'true' }),
  // As metrics-server brings it, which llmos takes the place of: `kubectl top pod` for those who may view.
  role('system:aggregated-metrics-reader', grants('metrics.k8s.io nodes,pods read'), Object.fromEntries(['admin', 'edit', 'view'].map((each) => [AGGREGATE + each, 'true']))),
];

function binding(name: string, ...subjects: Subject[]): ClusterRoleBinding {
  return { apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding', metadata: defaultMetadata({ name }), roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name }, subjects };
}

/** Whom of llmos itself a controller's role is bound to, beside the service account of its name. */
const OWN_USERS: Readonly<Record<string, string>> = { 'certificate-controller': 'system:llmos:certificates' };

export const DEFAULT_BINDINGS: readonly ClusterRoleBinding[] = [
  binding('cluster-admin', group('system:masters')),
  binding('system:basic-user', group('system:authenticated')),
  binding('system:discovery', group('system:authenticated')),
  binding('system:public-info-viewer', group('system:authenticated'), group('system:unauthenticated')),
  binding('system:monitoring', group('system:monitoring')),
  binding('system:service-account-issuer-discovery', group('system:serviceaccounts')),
  binding('system:cluster-trust-bundle-discovery', group('system:serviceaccounts')),
  binding('system:kube-dns', account('kube-dns')),
  // The node authorizer speaks for nodes: nobody has this one unless somebody is named.
  binding('system:node'),
  ...COMPONENT_USERS.map(([name, who]) => binding(name, user(who))),
  ...Object.keys(CONTROLLER_ROLES).map((name) => binding(`system:controller:${name}`, account(name), ...(OWN_USERS[name] === undefined ? [] : [user(OWN_USERS[name])]))),
];
