/** Roles: makes the default ones, and fills aggregated ClusterRoles with the rules of those that they select. */
import { isDeepStrictEqual } from 'node:util';
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../api/rbac/rbac.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import type { Caches } from '../../sdk/cache.ts';
import type { Client } from '../../sdk/client.ts';
import { watching, type Controller } from '../../sdk/controller.ts';
import { defineModule } from '../../sdk/module.ts';
import { DEFAULT_BINDINGS, DEFAULT_ROLES } from './default-roles.ts';
import { DEFAULT_NAMESPACED_BINDINGS, DEFAULT_NAMESPACED_ROLES } from './namespaced-roles.ts';
import { reconciledBinding, reconciledRole } from './reconcile.ts';

/** The rules of all roles that one of the selectors takes in, in order of their names, each once. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): NonNullable<ClusterRole['rules']> {
  const matchers = (role.aggregationRule?.clusterRoleSelectors ?? []).map(matcherOfSelector);
  const sources = all.filter((each) => each.metadata.name !== role.metadata.name && matchers.some((matcher) => matcher.matches(each.metadata.labels)));
  const rules: NonNullable<ClusterRole['rules']> = [];
  for (const source of sources.toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))) {
    for (const rule of source.rules ?? []) if (!rules.some((each) => isDeepStrictEqual(each, rule))) rules.push(rule);
  }
  return rules;
}

const aggregation: Controller<ClusterRole> = {
  name: 'clusterrole-aggregation',
  for: ClusterRole,
  watches: [watching(ClusterRole, (_changed, caches) => aggregates(caches))],
  async reconcile(key, role, { client, caches }) {
    if (role?.aggregationRule === undefined || role.metadata.deletionTimestamp !== undefined) return;
    const rules = aggregatedRules(role, caches.of(ClusterRole).list());
    if (isDeepStrictEqual(rules, role.rules ?? [])) return;
    await client.patch(ClusterRole, key, { type: 'merge', body: { rules: rules as never } });
  },
};

/** Any role may be a source of any aggregate, and may have been one before. */
function aggregates(caches: Caches): string[] {
  return caches.of(ClusterRole).list().filter((role) => role.aggregationRule !== undefined).map((role) => role.metadata.name ?? '');
}

const MOST_ATTEMPTS = 5;

/** As `keepNow`; what somebody else changes meanwhile is looked at again (upstream: rest/storage_rbac.go, RetryOnConflict). */
async function keep<T extends KubeObject>(client: Client, kind: Kind<T>, wanted: T, reconciled: (live: T, wanted: T) => T | undefined): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await keepNow(client, kind, wanted, reconciled);
    } catch (error) {
      if (attempt === MOST_ATTEMPTS || !(isApiError(error, 'Conflict') || isApiError(error, 'AlreadyExists'))) throw error;
    }
  }
}

/** What is missing is made, and what of it is missing is added (see reconcile.ts). */
async function keepNow<T extends KubeObject>(client: Client, kind: Kind<T>, wanted: T, reconciled: (live: T, wanted: T) => T | undefined): Promise<void> {
  const { name = '', namespace } = wanted.metadata;
  try {
    const next = reconciled(await client.get(kind, name, { namespace }), wanted);
    if (next === undefined) return;
    if (next !== wanted) return void await client.update(kind, next);
    await client.delete(kind, name, { namespace });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
  await client.create(kind, wanted);
}

export default defineModule({
  name: 'rbac',
  description: 'The default roles (cluster-admin, admin, edit, view), and ClusterRoles that gather the rules of others',
  needs: [ClusterRole, ClusterRoleBinding, Role, RoleBinding],
  writes: [ClusterRole, ClusterRoleBinding, Role, RoleBinding],
  controllers: [aggregation],
  async start({ client }) {
    await Promise.all([
      ...DEFAULT_ROLES.map((role) => keep(client, ClusterRole, role, reconciledRole)),
      ...DEFAULT_NAMESPACED_ROLES.map((role) => keep(client, Role, role, reconciledRole)),
      ...DEFAULT_BINDINGS.map((binding) => keep(client, ClusterRoleBinding, binding, reconciledBinding)),
      ...DEFAULT_NAMESPACED_BINDINGS.map((binding) => keep(client, RoleBinding, binding, reconciledBinding)),
    ]);
  },
});
