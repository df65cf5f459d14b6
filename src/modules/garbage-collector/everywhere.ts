/** All kinds whose objects may own or be owned: those of this cluster, and those that other servers answer for (APIServices). */
import { resourceKey, type Kind } from '../../api/kind.ts';
import type { Client, ServedKinds } from '../../sdk/index.ts';
import { kindsElsewhere, type KindElsewhere } from '../../sdk/elsewhere.ts';

export interface Followable {
  kind: Kind;
  client: Client;
  /** Whether another server answers for it. */
  elsewhere: boolean;
}

export interface Everywhere {
  /** The client that reaches the objects of a kind. */
  clientOf(kind: Kind): Client;
  /** The preferred version of a resource by its group and kind. */
  find(group: string, kind: string): Kind | undefined;
  /** One version a resource that can be followed, by resourceKey. Those of servers that do not answer are left out. */
  followable(): Map<string, Followable>;
}

const NEEDED = ['list', 'watch', 'get', 'delete'];

export function everywhere(kinds: ServedKinds, own: Client): Everywhere {
  const others = (): KindElsewhere[] => kindsElsewhere(kinds.elsewhere?.() ?? []);
  return {
    clientOf: ({ group, plural }) => others().find(({ kind }) => kind.group === group && kind.plural === plural)?.client ?? own,
    find: (group, kind) => others().find((each) => each.kind.group === group && each.kind.kind === kind)?.kind ?? kinds.find(group, kind),
    followable() {
      const found = new Map<string, Followable>();
      for (const { kind, client, current } of others()) if (current && isFollowable(kind)) found.set(resourceKey(kind), { kind, client, elsewhere: true });
      for (const kind of kinds.list()) if (isFollowable(kind) && kind.verbs.includes('patch') && !found.has(resourceKey(kind))) found.set(resourceKey(kind), { kind, client: own, elsewhere: false });
      return found;
    },
  };
}

/** Events own nothing and are owned by nothing. */
function isFollowable({ group, kind, storageGroup, verbs }: Kind): boolean {
  if (kind === 'Event' && (group === '' || group === 'events.k8s.io')) return false;
  return storageGroup === undefined && NEEDED.every((verb) => (verbs as readonly string[]).includes(verb));
}
