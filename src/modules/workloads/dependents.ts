/** Dependents in the caches by their controller, and the writes by which an owner adopts and releases them. */
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject, OwnerReference } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner.ts';
import { ifThere } from '../../sdk/if-there.ts';
import type { Cache, Client } from '../../sdk/index.ts';
import type { Claims } from './claims.ts';

const INDEX = 'controller';

/** Objects of the cache that `owner` controls. */
export function controlledBy<T extends KubeObject>(cache: Cache<T>, owner: KubeObject): readonly T[] {
  return indexed(cache).byIndex(INDEX, owner.metadata.uid ?? '');
}

/** Objects of the namespace that nobody controls. */
export function orphansOf<T extends KubeObject>(cache: Cache<T>, namespace: string | undefined): readonly T[] {
  return indexed(cache).byIndex(INDEX, `orphans/${namespace}`);
}

function indexed<T extends KubeObject>(cache: Cache<T>): Cache<T> {
  cache.addIndex(INDEX, (object) => [controllerOf(object)?.uid ?? `orphans/${object.metadata.namespace}`]);
  return cache;
}

/**
 * Writes adoptions and releases, and gives those that are now owned. The owner is read anew before it adopts: one that was deleted
 * meanwhile must not.
 */
export async function settleClaims<T extends KubeObject>(
  client: Client, claims: Claims<T>, options: { kind: Kind<T>; ownerKind: Kind; owner: KubeObject; reference: OwnerReference },
): Promise<T[]> {
  const { kind, owner, reference } = options;
  for (const each of claims.release) await setOwners(client, kind, each, (owners) => owners.filter((one) => one.uid !== owner.metadata.uid));
  if (claims.adopt.length === 0) return claims.claimed;
  const fresh = await client.get(options.ownerKind, owner.metadata.name ?? '', { namespace: owner.metadata.namespace });
  if (fresh.metadata.uid !== owner.metadata.uid || fresh.metadata.deletionTimestamp !== undefined) return claims.claimed.filter((each) => !claims.adopt.includes(each));
  const owned: T[] = [];
  for (const each of claims.claimed) {
    const adopted = claims.adopt.includes(each) ? await setOwners(client, kind, each, (owners) => [...owners, reference]) : each;
    if (adopted !== undefined) owned.push(adopted);
  }
  return owned;
}

async function setOwners<T extends KubeObject>(client: Client, kind: Kind<T>, object: T, change: (owners: readonly OwnerReference[]) => OwnerReference[]): Promise<T | undefined> {
  const ownerReferences = change(object.metadata.ownerReferences ?? []);
  const metadata = { ...object.metadata, ownerReferences };
  if (ownerReferences.length === 0) delete (metadata as { ownerReferences?: unknown }).ownerReferences;
  try {
    return await client.update(kind, { ...object, metadata });
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined; // gone: nothing to own
    throw error;
  }
}

/** Writes the status of an object that may be gone by now: then there is nothing to say. */
export async function writeStatus<T extends KubeObject>(client: Client, kind: Kind<T>, object: T): Promise<void> {
  await ifThere(client.update(kind, object, { subresource: 'status' }));
}
