/**
 * Deletes everything in a namespace, of every kind that the cluster serves, and says what is left. Pods go first, and while one is left nothing else
 * does: policies and secrets outlive what runs under them (upstream: OrderedNamespaceDeletion, KEP-5080).
 */
import { isApiError } from '../../../api/errors.ts';
import { resourceKey, type Kind } from '../../../api/kind.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import type { Client, ServedKinds } from '../../../sdk/index.ts';
import type { Remains } from './conditions.ts';

export async function emptyNamespace(client: Client, kinds: ServedKinds, namespace: string): Promise<Remains> {
  const counts = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const failures: string[] = [];
  for (const kind of deletableKinds(kinds)) {
    try {
      const left = await emptyOfKind(client, kind, namespace);
      if (left.count === 0) continue;
      counts.set(`${kind.plural}.${kind.group}`, left.count);
      for (const name of left.finalizers) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
    } catch (error) {
      if (isApiError(error, 'NotFound', 'MethodNotAllowed')) continue; // the kind was withdrawn meanwhile
      failures.push(`${kind.plural}: ${(error as Error).message}`);
    }
    if (isPod(kind) && (counts.size > 0 || failures.length > 0)) return { counts, finalizers, failures };
  }
  // One version a group is enough, as with kinds; one that does not answer holds the namespace up, as nobody knows what is there.
  const groups = new Set<string>();
  for (const { group, version, current, emptyNamespace: emptyThere } of kinds.elsewhere?.() ?? []) {
    if (emptyThere === undefined || groups.has(group)) continue;
    groups.add(group);
    try {
      if (!current) throw new Error('the server does not answer');
      for (const { plural, count, finalizers: names } of await emptyThere(namespace)) {
        counts.set(`${plural}.${group}`, count);
        for (const name of names) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
      }
    } catch (error) {
      failures.push(`${group}/${version}: ${(error as Error).message}`);
    }
  }
  return { counts, finalizers, failures };
}

/** One kind a resource: versions are views of the same objects, and so are groups that share their storage. */
function deletableKinds(kinds: ServedKinds): Kind[] {
  const found = new Map<string, Kind>();
  for (const kind of kinds.list()) {
    if (!kind.namespaced || !kind.verbs.includes('delete') || !kind.verbs.includes('list') || kind.storageGroup !== undefined) continue;
    if (!found.has(resourceKey(kind))) found.set(resourceKey(kind), kind);
  }
  return [...found.values()].toSorted((a, b) => Number(isPod(b)) - Number(isPod(a)));
}

function isPod({ group, plural }: Kind): boolean {
  return group === '' && plural === 'pods';
}

async function emptyOfKind(client: Client, kind: Kind, namespace: string): Promise<{ count: number; finalizers: string[] }> {
  const { items } = await client.list(kind, { namespace });
  if (items.length === 0) return { count: 0, finalizers: [] };
  if (items.some((each) => each.metadata.deletionTimestamp === undefined)) await deleteAll(client, kind, namespace, items.map((each) => each.metadata.name ?? ''));
  const left = (await client.list(kind, { namespace })).items;
  return { count: left.length, finalizers: left.flatMap((each) => each.metadata.finalizers ?? []) };
}

async function deleteAll(client: Client, kind: Kind, namespace: string, names: readonly string[]): Promise<void> {
  if (kind.verbs.includes('deletecollection')) return client.deleteCollection(kind, { namespace, propagationPolicy: 'Background' });
  for (const name of names) {
    await ifThere(client.delete(kind, name, { namespace, propagationPolicy: 'Background' }));
  }
}
