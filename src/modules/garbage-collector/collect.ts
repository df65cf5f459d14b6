/** Carries out what the graph asks for: each object is read anew before it is judged, and each absent owner before it is believed. */
import type { Kind } from '../../api/kind.ts';
import { parseApiVersion, type Json, type KubeObject, type OwnerReference } from '../../api/meta.ts';
import { ifThere } from '../../sdk/if-there.ts';
import type { Client, ModuleContext } from '../../sdk/index.ts';
import type { Everywhere } from './everywhere.ts';
import { FOREGROUND, ORPHAN, type Agenda, type Graph, type GraphNode } from './graph.ts';
import { verdictOf, type Judged, type OwnerState } from './verdict.ts';

export interface Collector {
  kinds: Everywhere;
  graph: Graph;
  events: ModuleContext['events'];
  /** Objects with owners of kinds that nobody serves (yet): they are looked at again when kinds change. */
  undecided: Set<string>;
}

/** Whether the object should still be there. Adds to `agenda` what to look at next. */
export async function examine(collector: Collector, uid: string, agenda: Agenda): Promise<void> {
  const { graph } = collector;
  const node = graph.get(uid);
  if (node === undefined || (node.deleting && !node.waiting)) return;
  const live = await read(collector.kinds.clientOf(node.kind), node.kind, node.namespace, node.name);
  if (live?.metadata.uid !== uid) return graph.remove(uid, agenda); // gone; its dependents are next
  if (isWaiting(live)) return release(collector, node, live, agenda);
  const judged: Judged[] = [];
  for (const owner of live.metadata.ownerReferences ?? []) judged.push({ owner, state: await stateOf(collector, live, owner) });
  if (judged.some((each) => each.state === 'unknown')) collector.undecided.add(uid);
  else collector.undecided.delete(uid);
  const dependents = graph.dependentsOf(uid);
  const verdict = verdictOf(judged, { hasDependents: dependents.length > 0, hasWaitingDependents: dependents.some((each) => each.waiting), finalizers: live.metadata.finalizers ?? [] });
  if (verdict.action === 'disown') await setOwners(collector.kinds.clientOf(node.kind), node.kind, live, verdict.owners);
  if (verdict.action !== 'delete') return;
  if (verdict.unblock) await setOwners(collector.kinds.clientOf(node.kind), node.kind, live, (live.metadata.ownerReferences ?? []).map((each) => ({ ...each, blockOwnerDeletion: false })));
  await remove(collector.kinds.clientOf(node.kind), node, verdict.unblock ? undefined : live.metadata.resourceVersion, verdict.propagationPolicy);
}

/** Lets the dependents of an owner go, then the owner. */
export async function orphan({ kinds, graph }: Collector, uid: string): Promise<void> {
  const node = graph.get(uid);
  if (node === undefined || !node.orphaning) return;
  for (const dependent of graph.dependentsOf(uid)) {
    const live = await read(kinds.clientOf(dependent.kind), dependent.kind, dependent.namespace, dependent.name);
    const owners = live?.metadata.ownerReferences ?? [];
    if (live?.metadata.uid === dependent.uid && owners.some((each) => each.uid === uid)) await setOwners(kinds.clientOf(dependent.kind), dependent.kind, live, owners.filter((each) => each.uid !== uid));
  }
  const client = kinds.clientOf(node.kind);
  const live = await read(client, node.kind, node.namespace, node.name);
  if (live?.metadata.uid === uid) await dropFinalizer(client, node.kind, live, ORPHAN);
}

/** An owner that waits may go when nobody blocks it any more. */
async function release({ kinds, graph }: Collector, node: GraphNode, live: KubeObject, agenda: Agenda): Promise<void> {
  const blockers = graph.blockersOf(node.uid);
  if (blockers.length === 0) return dropFinalizer(kinds.clientOf(node.kind), node.kind, live, FOREGROUND);
  for (const each of blockers) if (!each.waiting) agenda.examine.add(each.uid);
}

function isWaiting({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(FOREGROUND) === true;
}

async function stateOf({ kinds, graph, events }: Collector, dependent: KubeObject, owner: OwnerReference): Promise<OwnerState> {
  const kind = kinds.find(parseApiVersion(owner.apiVersion).group, owner.kind);
  if (kind === undefined) return 'unknown';
  const { namespace } = dependent.metadata;
  const seen = graph.get(owner.uid);
  if (kind.namespaced && (!namespace || (seen?.namespace !== undefined && seen.namespace !== namespace))) {
    events.event(dependent, 'Warning', 'OwnerRefInvalidNamespace', `ownerRef [${owner.apiVersion}/${owner.kind}, namespace: ${namespace ?? ''}, name: ${owner.name}, uid: ${owner.uid}] does not exist in namespace "${namespace ?? ''}"`);
  }
  if (kind.namespaced && !namespace) {
    return 'unknown'; // what is cluster-wide cannot have an owner in a namespace: never a reason to delete
  }
  const live = await read(kinds.clientOf(kind), kind, kind.namespaced ? namespace : undefined, owner.name);
  if (live?.metadata.uid !== owner.uid) return 'absent';
  return isWaiting(live) ? 'waiting' : 'solid';
}

async function read(client: Client, kind: Kind, namespace: string | undefined, name: string): Promise<KubeObject | undefined> {
  return ifThere(client.get(kind, name, { namespace }));
}

/** Not when it was changed since it was read: an owner may have adopted it. */
async function remove(client: Client, node: GraphNode, resourceVersion: string | undefined, propagationPolicy: 'Foreground' | 'Background' | 'Orphan'): Promise<void> {
  await ifThere(client.delete(node.kind, node.name, { namespace: node.namespace, propagationPolicy, preconditions: { uid: node.uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) } }));
}

function setOwners(client: Client, kind: Kind, live: KubeObject, owners: readonly OwnerReference[]): Promise<void> {
  return patchMeta(client, kind, live, { ownerReferences: owners.length === 0 ? null : (owners as unknown as Json) });
}

function dropFinalizer(client: Client, kind: Kind, live: KubeObject, finalizer: string): Promise<void> {
  const left = (live.metadata.finalizers ?? []).filter((each) => each !== finalizer);
  return patchMeta(client, kind, live, { finalizers: left.length === 0 ? null : left });
}

/** Bound to what was read: when another write came first it is a Conflict, and the object is looked at again. */
async function patchMeta(client: Client, kind: Kind, { metadata }: KubeObject, change: Record<string, Json>): Promise<void> {
  const body = { metadata: { ...change, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' } };
  await ifThere(client.patch(kind, metadata.name ?? '', { type: 'merge', body }, { namespace: metadata.namespace }));
}
