/** Default roles within kube-system and kube-public (upstream: bootstrappolicy/namespace_policy.go). */
import { RBAC, type Role, type RoleBinding } from '../../api/rbac/rbac.ts';
import type { PolicyRule, Subject } from '../../api/generated/rbac-v1.ts';
import { grants } from './grants.ts';
import { account, defaultMetadata, user } from './made.ts';

interface Default {
  namespace: string;
  name: string;
  rules: PolicyRule[];
  /** Those of the binding of the same name; none: nobody is bound. */
  subjects?: Subject[];
}

const electing = (component: string, ...more: Subject[]): Default => ({
  namespace: 'kube-system', name: `system::leader-locking-${component}`,
  rules: grants('coordination.k8s.io leasecandidates,leases create,read,update'),
  subjects: [user(`system:${component}`), account(component), ...more],
});

const DEFAULTS: readonly Default[] = [
  { namespace: 'kube-system', name: 'extension-apiserver-authentication-reader', rules: grants('core configmaps read extension-apiserver-authentication') },
  { namespace: 'kube-public', name: 'system:controller:bootstrap-signer', rules: grants('core configmaps read', 'core configmaps update cluster-info', 'events'), subjects: [account('bootstrap-signer')] },
  { namespace: 'kube-system', name: 'system:controller:bootstrap-signer', rules: grants('core secrets read'), subjects: [account('bootstrap-signer')] },
  { namespace: 'kube-system', name: 'system:controller:token-cleaner', rules: grants('core secrets delete,read', 'events'), subjects: [account('token-cleaner')] },
  { namespace: 'kube-system', name: 'system:controller:cloud-provider', rules: grants('core configmaps create,read'), subjects: [account('cloud-provider')] },
  electing('kube-controller-manager', account('leader-election-controller')),
  electing('kube-scheduler'),
];

export const DEFAULT_NAMESPACED_ROLES: readonly Role[] = DEFAULTS.map(({ namespace, name, rules }) => ({ apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: defaultMetadata({ name, namespace }), rules }));

export const DEFAULT_NAMESPACED_BINDINGS: readonly RoleBinding[] = [
  ...DEFAULTS.flatMap(({ namespace, name, subjects }) => (subjects === undefined ? [] : [binding(namespace, name, name, subjects)])),
  // What other servers may read to know whom to believe: the components that serve something of their own.
  binding('kube-system', 'system::extension-apiserver-authentication-reader', 'extension-apiserver-authentication-reader', [user('system:kube-controller-manager'), user('system:kube-scheduler')]),
];

function binding(namespace: string, name: string, role: string, subjects: Subject[]): RoleBinding {
  return { apiVersion: `${RBAC}/v1`, kind: 'RoleBinding', metadata: defaultMetadata({ name, namespace }), roleRef: { apiGroup: RBAC, kind: 'Role', name: role }, subjects };
}
