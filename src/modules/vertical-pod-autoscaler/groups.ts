/** The pods of a round by their controllers, with how many of each may go. */
import { isApiError } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { parseApiVersion, type OwnerReference } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { configuredReplicas, groupOf, type Group } from './disruption.ts';

const DEFAULT_LEAST_REPLICAS = 2;

/** `isSmall`: fewer pods than `minReplicas` (default 2), of which none is taken. */
export type Sized = Group & { isSmall: boolean };

export const keyOfOwner = (reference: OwnerReference | undefined): string => (reference === undefined ? '' : `${reference.kind}/${reference.name}`);

/** By {@link keyOfOwner}; a controller of which nothing can be known has none. */
export async function groupsOf(pods: readonly Pod[], { namespace, minReplicas = DEFAULT_LEAST_REPLICAS }: { namespace: string | undefined; minReplicas: number | undefined }, { client, kinds, log }: Pick<ModuleContext, 'client' | 'kinds' | 'log'>): Promise<Map<string, Sized>> {
  const groups = new Map<string, Sized>();
  for (const [key, own] of Map.groupBy(pods, (pod) => keyOfOwner(controllerOf(pod)))) {
    const reference = controllerOf(own[0]!);
    const kind = reference === undefined ? undefined : kinds.find(parseApiVersion(reference.apiVersion).group, reference.kind);
    if (reference === undefined || kind === undefined) continue;
    try {
      const controller = await client.get(kind, reference.name, { namespace }).catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
      const configured = configuredReplicas(reference, controller ?? undefined, own.length);
      if (configured !== undefined) groups.set(key, { ...groupOf(own, configured), isSmall: own.length < minReplicas });
    } catch (error) {
      // As many as there are would be a guess, by which one may go too many: the next round asks again.
      log.warn('a controller could not be read; its pods stay as they are', { namespace, controller: key, error });
    }
  }
  return groups;
}
