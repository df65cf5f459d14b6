/** What the queues depend on besides Workloads: a change of it has all made anew, or the topologies read again. */
import { Namespace } from '../../api/core/namespace.ts';
import { equalJson } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import { ClusterQueue, Cohort } from '../../api/kueue/cluster-queue.ts';
import { AdmissionCheck, LocalQueue, ResourceFlavor } from '../../api/kueue/local-queue.ts';
import { Topology } from '../../api/kueue/topology.ts';
import type { Json, KubeObject } from '../../api/meta.ts';
import type { RuntimeClass } from '../../api/node/runtime-class.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { servedOf } from './reckon.ts';
import type { Topologies } from './topologies.ts';

interface Followed {
  topologies: Pick<Topologies, 'follows'>;
  /** Queues, quotas or what decides who may be where are others now. */
  anew(): void;
  /** Nodes, or pods on them, are others now. */
  moved(): void;
}

/** What somebody wishes of an object, and whether it is about to go. */
const wishOf = (object: KubeObject): Json => ({ annotations: object.metadata.annotations ?? {}, spec: (object as { spec?: Json }).spec ?? null, gone: object.metadata.deletionTimestamp ?? null });

/** Gives the way to stop. */
export function followQueues({ caches, kinds }: Pick<ModuleContext, 'caches' | 'kinds'>, { topologies, anew, moved }: Followed): () => void {
  const stops: (() => void)[] = [];
  const followed = new Set<Kind>();
  /** `wish`: what of an object counts; its status as a rule does not. */
  const follow = <T extends KubeObject>(kind: Kind<T>, wish: (object: T) => Json): void => {
    stops.push(caches.of(kind).subscribe(({ type, object, previous }) => {
      if (type !== 'modified' || previous === undefined || !equalJson(wish(object), wish(previous))) anew();
    }));
  };
  const onceFor = (list: readonly Kind[], begin: (kind: Kind) => void): void => {
    for (const kind of list) {
      if (followed.has(kind)) continue;
      followed.add(kind);
      begin(kind);
    }
  };
  const followNodes = (): void => onceFor(topologies.follows(), (kind) => stops.push(caches.of(kind).subscribe(() => {
    moved();
    // Which flavors have one decides who may be of them.
    if (kind === (Topology as Kind)) anew();
  })));
  // These may come to be served later.
  const followServed = (): void => onceFor(servedOf(kinds), (kind) => follow(kind, (object) => [wishOf(object), ((object as RuntimeClass).overhead ?? null) as Json]));

  for (const kind of [ClusterQueue, Cohort, LocalQueue, ResourceFlavor] as readonly Kind[]) follow(kind, wishOf);
  follow(AdmissionCheck, (check) => [wishOf(check), (check.status?.conditions ?? []).map(({ type, status }) => [type, status])] as Json);
  follow(Namespace, ({ metadata }) => metadata.labels ?? {});
  stops.push(caches.of(ResourceFlavor).subscribe(followNodes));
  followNodes();
  followServed();
  stops.push(kinds.subscribe(followServed));
  return () => stops.forEach((stop) => stop());
}
