/** Roles: makes the default ones, and fills aggregated ClusterRoles with the rules of those that they select. */
import { isDeepStrictEqual } from 'node:util';
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { ClusterRole, ClusterRoleBinding, Role } from '../../api/rbac/rbac.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import type { Caches } from '../../sdk/cache.ts';
import type { Client } from '../../sdk/client.ts';
import { watching, type Controller } from '../../sdk/controller.ts';
import { defineModule } from '../../sdk/module.ts';
import { AUTOUPDATE, DEFAULT_BINDINGS, DEFAULT_NAMESPACED_ROLES, DEFAULT_ROLES } from './default-roles.ts';

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

/** What somebody changed or deleted on purpose stays as it is: only what is missing is made, rules of roles that a newer llmos has among it. */
async function make<T extends KubeObject>(client: Client, kind: Kind<T>, object: T): Promise<void> {
  try {
    const live = await client.get(kind, object.metadata.name ?? '', { namespace: object.metadata.namespace });
    const next = withMissingRules(live as ClusterRole, object as ClusterRole);
    if (next !== undefined) await client.update(kind, next as unknown as T);
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    await client.create(kind, object);
  }
}

/** Undefined when nothing is missing, or whoever owns the role said that it is to be left alone (upstream: rbac reconciliation). */
function withMissingRules(live: ClusterRole, wanted: ClusterRole): ClusterRole | undefined {
  if (live.metadata.annotations?.[AUTOUPDATE] === 'false' || live.aggregationRule !== undefined) return undefined;
  const missing = (wanted.rules ?? []).filter((rule) => !(live.rules ?? []).some((each) => isDeepStrictEqual(each, rule)));
  return missing.length === 0 ? undefined : { ...live, rules: [...(live.rules ?? []), ...missing] };
}

export default defineModule({
  name: 'rbac',
  description: 'The default roles (cluster-admin, admin, edit, view), and ClusterRoles that gather the rules of others',
  needs: [ClusterRole, ClusterRoleBinding, Role],
  writes: [ClusterRole, ClusterRoleBinding, Role],
  controllers: [aggregation],
  async start({ client }) {
    await Promise.all([
      ...DEFAULT_ROLES.map((role) => make(client, ClusterRole, role)),
      ...DEFAULT_NAMESPACED_ROLES.map((role) => make(client, Role, role)),
      ...DEFAULT_BINDINGS.map((binding) => make(client, ClusterRoleBinding, binding)),
    ]);
  },
});
