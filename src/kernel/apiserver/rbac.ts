/** Rules from the Role, RoleBinding, ClusterRole and ClusterRoleBinding objects of the store (upstream: plugin/pkg/auth/authorizer/rbac). */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding, Subject } from '../../api/generated/rbac-v1.ts';
import { allows, isSubject, type RequestAttributes } from '../../api/rbac/allows.ts';
import type { UserInfo } from '../../sdk/module.ts';
import type { Store } from '../store/store.ts';
import type { RuleSource } from './authorize.ts';
import type { Attributes } from './errors.ts';

const GROUP = '/rbac.authorization.k8s.io';

interface Grant {
  subjects: readonly Subject[];
  /** Absent for the whole cluster. */
  namespace?: string;
  rules: readonly PolicyRule[];
  reason: string;
}

/** Reads the objects when somebody asks and they changed; the signal ends the watches. */
export function rbacRules(store: Store, signal: AbortSignal): RuleSource {
  let grants: readonly Grant[] | undefined;
  /** Those of who asks again: a user is one value for as long as a connection or a token is known. */
  let own = new WeakMap<UserInfo, readonly Grant[]>();
  let following = false;
  const forget = (): void => {
    grants = undefined;
    own = new WeakMap();
  };
  const grantsOf = (user: UserInfo): readonly Grant[] => {
    if (!following) following = follow(store, signal, forget, () => {
      following = false;
      forget();
    });
    let found = own.get(user);
    if (found === undefined) own.set(user, (found = (grants ??= readGrants(store)).filter(({ subjects, namespace }) => subjects.some((subject) => isSubject(subject, user, namespace ?? '')))));
    return found;
  };
  return {
    allows(attributes) {
      const request = requestOf(attributes);
      for (const grant of grantsOf(attributes.user)) if (holdsIn(grant, attributes.resource?.namespace) && allows(grant.rules, request)) return { allowed: true, reason: grant.reason };
      return undefined;
    },
    rulesOf: (user, namespace) => grantsOf(user).filter((grant) => holdsIn(grant, namespace)).flatMap((grant) => grant.rules),
  };
}

function holdsIn(grant: Grant, namespace: string | undefined): boolean {
  return grant.namespace === undefined || grant.namespace === namespace;
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
  return ['clusterrolebindings', 'rolebindings'].flatMap((plural) => store.list(`${GROUP}/${plural}/`).items.map(({ object }): Grant => {
    const binding = object as RoleBinding | ClusterRoleBinding;
    const { namespace } = binding.metadata;
    return { subjects: binding.subjects ?? [], namespace, rules: rulesOfRole(store, binding, namespace), reason: reasonOf(binding) };
  }));
}

function rulesOfRole(store: Store, { roleRef }: RoleBinding | ClusterRoleBinding, namespace: string | undefined): readonly PolicyRule[] {
  const key = roleRef.kind === 'ClusterRole' ? `${GROUP}/clusterroles/${roleRef.name}` : `${GROUP}/roles/${namespace ?? ''}/${roleRef.name}`;
  return (store.get(key)?.object as ClusterRole | undefined)?.rules ?? [];
}

function requestOf({ verb, resource, path }: Attributes): RequestAttributes {
  if (resource === undefined) return { verb, path: path ?? '' };
  return { verb, group: resource.group, resource: resource.plural, subresource: resource.subresource, name: resource.name };
}

function reasonOf({ metadata: { name, namespace }, roleRef }: RoleBinding | ClusterRoleBinding): string {
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
  const where = namespace === undefined ? name : `${name}/${namespace}`;
  return `RBAC: allowed by ${kind} ${JSON.stringify(where)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)}`;
}
