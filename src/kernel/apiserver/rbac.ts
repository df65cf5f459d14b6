/** Rules from the Role, RoleBinding, ClusterRole and ClusterRoleBinding objects of the store (upstream: plugin/pkg/auth/authorizer/rbac). */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding } from '../../api/generated/rbac-v1.ts';
import { allows, isSubject, type RequestAttributes } from '../../api/rbac/allows.ts';
import type { UserInfo } from '../../sdk/module.ts';
import type { Store } from '../store/store.ts';
import type { RuleSource } from './authorize.ts';
import type { Attributes } from './errors.ts';

const GROUP = '/rbac.authorization.k8s.io';

interface Grant {
  binding: RoleBinding | ClusterRoleBinding;
  /** Absent for the whole cluster. */
  namespace?: string;
  rules: readonly PolicyRule[];
}

/** Reads the objects when somebody asks and they changed; the signal ends the watches. */
export function rbacRules(store: Store, signal: AbortSignal): RuleSource {
  let grants: readonly Grant[] | undefined;
  let following = false;
  const current = (): readonly Grant[] => {
    if (!following) following = follow(store, signal, () => (grants = undefined), () => {
      following = false;
      grants = undefined;
    });
    return (grants ??= readGrants(store));
  };
  const grantsOf = (user: UserInfo, namespace: string | undefined): Grant[] => current().filter((grant) =>
    (grant.namespace === undefined || grant.namespace === namespace) && (grant.binding.subjects ?? []).some((subject) => isSubject(subject, user, grant.namespace ?? '')));
  return {
    allows(attributes) {
      const request = requestOf(attributes);
      const found = grantsOf(attributes.user, attributes.resource?.namespace).find((grant) => allows(grant.rules, request));
      return found === undefined ? undefined : { allowed: true, reason: reasonOf(found) };
    },
    rulesOf: (user, namespace) => grantsOf(user, namespace).flatMap((grant) => grant.rules),
  };
}

/** Calls back on every change; `lost` when the watches ended and must be begun again. */
function follow(store: Store, signal: AbortSignal, changed: () => void, lost: () => void): boolean {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  for (const plural of ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings']) {
    store.watch(`${GROUP}/${plural}/`, { signal: both }, {
      event: () => changed(),
      error() {
        ending.abort();
        lost();
      },
    });
  }
  return true;
}

function readGrants(store: Store): Grant[] {
  const cluster = store.list(`${GROUP}/clusterrolebindings/`).items.map(({ object }): Grant => ({ binding: object as ClusterRoleBinding, rules: rulesOfRole(store, object as ClusterRoleBinding, undefined) }));
  const local = store.list(`${GROUP}/rolebindings/`).items.map(({ object }): Grant => {
    const { namespace } = object.metadata;
    return { binding: object as RoleBinding, namespace, rules: rulesOfRole(store, object as RoleBinding, namespace) };
  });
  return [...cluster, ...local];
}

function rulesOfRole(store: Store, { roleRef }: RoleBinding | ClusterRoleBinding, namespace: string | undefined): readonly PolicyRule[] {
  const key = roleRef.kind === 'ClusterRole' ? `${GROUP}/clusterroles/${roleRef.name}` : `${GROUP}/roles/${namespace ?? ''}/${roleRef.name}`;
  return (store.get(key)?.object as ClusterRole | undefined)?.rules ?? [];
}

function requestOf({ verb, resource, path }: Attributes): RequestAttributes {
  if (resource === undefined) return { verb, path: path ?? '' };
  return { verb, group: resource.group, resource: resource.plural, subresource: resource.subresource, name: resource.name };
}

function reasonOf({ binding }: Grant): string {
  const { name, namespace } = binding.metadata;
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
  const where = namespace === undefined ? name : `${name}/${namespace}`;
  return `RBAC: allowed by ${kind} ${JSON.stringify(where)} of ${binding.roleRef.kind} ${JSON.stringify(binding.roleRef.name)}`;
}
