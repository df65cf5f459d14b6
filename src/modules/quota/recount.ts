/** Counts anew what the objects of a namespace take of a quota. */
import type { ResourceQuota } from '../../api/generated/core-v1.ts';
import type { Kind } from '../../api/kind.ts';
import type { Client } from '../../sdk/client.ts';
import { isInScope } from './scopes.ts';
import type { UnderWay } from './under-way.ts';
import { add, concerns, usageOf, type Usage } from './usage.ts';

/** Namespaced kinds that a quota counts, each once. */
export function countedKinds(quota: ResourceQuota, served: readonly Kind[]): Kind[] {
  const names = Object.keys(quota.spec?.hard ?? {});
  const found = new Map<string, Kind>();
  for (const kind of served) if (kind.namespaced && kind.verbs.includes('list') && concerns(kind, names) && !found.has(`${kind.group}/${kind.plural}`)) found.set(`${kind.group}/${kind.plural}`, kind);
  return [...found.values()];
}

/** The status that the quota should have: its own limits, and what is used of each, by what is stored and what is `underWay`. */
export async function recount(quota: ResourceQuota, options: { client: Client; served: readonly Kind[]; underWay: UnderWay; nowMs: number }): Promise<NonNullable<ResourceQuota['status']>> {
  const hard = quota.spec?.hard ?? {};
  const total: Usage = {};
  for (const kind of countedKinds(quota, options.served)) {
    const { items } = await options.client.list(kind, { namespace: quota.metadata.namespace });
    const missing = options.underWay.missing(kind, quota.metadata.namespace, items, options.nowMs);
    for (const object of [...items, ...missing]) if (isInScope(quota, kind, object)) add(total, usageOf(kind, object, options.nowMs));
  }
  return { hard: { ...hard }, used: Object.fromEntries(Object.keys(hard).map((name) => [name, total[name] ?? '0'])) };
}
