/** A queue, a flavor or a topology that is deleted stays, and lets nobody in any more, until nobody uses it. Source: Kueue, the finalizer resource-in-use. */
import { ClusterQueue } from '../../api/kueue/cluster-queue.ts';
import { ResourceFlavor } from '../../api/kueue/local-queue.ts';
import { RESOURCE_IN_USE } from '../../api/kueue/names.ts';
import { Topology } from '../../api/kueue/topology.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { keyOf, watching, type Client, type Controller } from '../../sdk/index.ts';

/** Keeps the object while it is used; gives whether something was written. */
export async function keepWhileUsed<T extends KubeObject>(kind: Kind<T>, { metadata }: T, isUsed: boolean, client: Client): Promise<boolean> {
  const { name = '', finalizers = [], deletionTimestamp, resourceVersion } = metadata;
  const isKept = finalizers.includes(RESOURCE_IN_USE);
  if (deletionTimestamp === undefined ? isKept : !isKept || isUsed) return false;
  const next = isKept ? finalizers.filter((each) => each !== RESOURCE_IN_USE) : [...finalizers, RESOURCE_IN_USE];
  // A patch, since the object may have fields that another version of its kind has.
  await ifThere(client.patch(kind, name, { type: 'merge', body: { metadata: { finalizers: next, resourceVersion: resourceVersion ?? '' } } }));
  return true;
}

export const flavorInUse: Controller<ResourceFlavor> = {
  name: 'flavor-in-use',
  for: ResourceFlavor,
  // A queue may have been the last one that named a flavor.
  watches: [watching(ClusterQueue, (_queue, caches) => caches.of(ResourceFlavor).list().filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(keyOf))],
  async reconcile(name, flavor, { caches, client }) {
    if (flavor === undefined) return;
    const isUsed = caches.of(ClusterQueue).list().some(({ spec }) => spec?.resourceGroups?.some(({ flavors }) => flavors.some((each) => each.name === name)) === true);
    await keepWhileUsed(ResourceFlavor, flavor, isUsed, client);
  },
};

export const topologyInUse: Controller<Topology> = {
  name: 'topology-in-use',
  for: Topology,
  watches: [watching(ResourceFlavor, (_flavor, caches) => caches.of(Topology).list().filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(keyOf))],
  async reconcile(name, topology, { caches, client }) {
    if (topology === undefined) return;
    await keepWhileUsed(Topology, topology, caches.of(ResourceFlavor).list().some(({ spec }) => spec?.topologyName === name), client);
  },
};
