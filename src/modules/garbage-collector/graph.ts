/** The graph of owners and dependents over all objects, of their metadata alone. Pure: it says what to look at, and deletes nothing. */
import type { Kind } from '../../api/kind.ts';
import type { KubeObject, OwnerReference } from '../../api/meta.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

/** An object that was seen. */
export interface GraphNode {
  readonly uid: string;
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string;
  owners: readonly OwnerReference[];
  deleting: boolean;
  /** Deleted in the foreground: it waits for the dependents that block it. */
  waiting: boolean;
  /** Deleted as an orphaner: its dependents are to be let go first. */
  orphaning: boolean;
}

/** What to look at after a change. */
export interface Agenda {
  /** Whether these should still be there: uids. */
  examine: Set<string>;
  /** Whose dependents to let go: uids. */
  orphan: Set<string>;
}

export class Graph {
  readonly #nodes = new Map<string, GraphNode>();
  /** Uids of dependents by the uid of an owner, seen or not. */
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  /** Those that name `uid` as an owner. */
  dependentsOf(uid: string): GraphNode[] {
    return [...(this.#dependents.get(uid) ?? [])].map((each) => this.#nodes.get(each)).filter((each) => each !== undefined);
  }

  /** Those that keep an owner which is deleted in the foreground from going. */
  blockersOf(uid: string): GraphNode[] {
    return this.dependentsOf(uid).filter((each) => each.owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true));
  }

  set(kind: Kind, object: KubeObject, agenda: Agenda): void {
    const uid = object.metadata.uid ?? '';
    const before = this.#nodes.get(uid);
    const after = nodeOf(kind, object);
    this.#nodes.set(uid, after);
    this.#link(uid, before?.owners ?? [], after.owners);
    // Whoever is first seen with an owner that is not there, or changes owners, is looked at; so is an owner that lost a blocker.
    const isStrange = before === undefined ? after.owners.some((owner) => !this.#isThere(after, owner)) : changedOwners(before.owners, after.owners);
    if (isStrange) agenda.examine.add(uid);
    // Those that took it for an owner before it was seen may have named it wrongly.
    if (before === undefined) for (const each of this.dependentsOf(uid)) if (each.owners.some((owner) => owner.uid === uid && !this.#isThere(each, owner))) agenda.examine.add(each.uid);
    if (before !== undefined) for (const owner of before.owners) this.#examineWaiting(owner.uid, agenda);
    for (const owner of after.owners) if (this.#nodes.get(owner.uid)?.waiting === true) agenda.examine.add(uid);
    if (after.waiting && before?.waiting !== true) {
      agenda.examine.add(uid);
      for (const each of this.#dependents.get(uid) ?? []) agenda.examine.add(each);
    }
    if (after.orphaning && before?.orphaning !== true) agenda.orphan.add(uid);
  }

  remove(uid: string, agenda: Agenda): void {
    const node = this.#nodes.get(uid);
    if (node === undefined) return;
    this.#nodes.delete(uid);
    this.#link(uid, node.owners, []);
    for (const each of this.#dependents.get(uid) ?? []) agenda.examine.add(each);
    for (const owner of node.owners) this.#examineWaiting(owner.uid, agenda);
  }

  /** All objects of a kind, for when it is listed anew or withdrawn. */
  ofKind(kind: Kind): GraphNode[] {
    return [...this.#nodes.values()].filter((each) => each.kind.group === kind.group && each.kind.plural === kind.plural);
  }

  /** Whether an owner was seen where a dependent may look for it: cluster-wide or in its own namespace, by this kind and name. */
  #isThere(dependent: GraphNode, owner: OwnerReference): boolean {
    const node = this.#nodes.get(owner.uid);
    if (node === undefined || node.kind.kind !== owner.kind || node.name !== owner.name) return false;
    return node.namespace === undefined || node.namespace === dependent.namespace;
  }

  #examineWaiting(uid: string, agenda: Agenda): void {
    if (this.#nodes.get(uid)?.waiting === true) agenda.examine.add(uid);
  }

  #link(uid: string, before: readonly OwnerReference[], after: readonly OwnerReference[]): void {
    for (const owner of before) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
    for (const owner of after) {
      const dependents = this.#dependents.get(owner.uid);
      if (dependents === undefined) this.#dependents.set(owner.uid, new Set([uid]));
      else dependents.add(uid);
    }
  }
}

function nodeOf(kind: Kind, { metadata }: KubeObject): GraphNode {
  const deleting = metadata.deletionTimestamp !== undefined;
  return {
    uid: metadata.uid ?? '', kind, namespace: metadata.namespace, name: metadata.name ?? '', owners: metadata.ownerReferences ?? NO_OWNERS, deleting,
    waiting: deleting && metadata.finalizers?.includes(FOREGROUND) === true, orphaning: deleting && metadata.finalizers?.includes(ORPHAN) === true,
  };
}

const NO_OWNERS: readonly OwnerReference[] = [];

function changedOwners(before: readonly OwnerReference[], after: readonly OwnerReference[]): boolean {
  return before.length !== after.length || before.some((each, index) => each.uid !== after[index]?.uid || each.blockOwnerDeletion !== after[index]?.blockOwnerDeletion);
}
