/** The kinds that other servers answer for, as far as discovery tells of them: names, scope and verbs, without a schema. */
import { defineKind, resourceKey, type Kind, type Verb } from '../api/kind.ts';
import type { Client } from './client.ts';
import type { AggregatedVersion } from './module.ts';

export interface KindElsewhere {
  kind: Kind;
  client: Client;
  /** Whether its server answers now. */
  current: boolean;
}

interface Resource {
  resource?: string;
  scope?: string;
  verbs?: readonly string[];
  responseKind?: { kind?: string };
}

/** One version a resource: that of the server with the highest priority. */
export function kindsElsewhere(versions: readonly AggregatedVersion[]): KindElsewhere[] {
  const found = new Map<string, KindElsewhere>();
  for (const version of versions.toSorted((a, b) => b.versionPriority - a.versionPriority)) {
    const { client } = version;
    if (client === undefined) continue;
    for (const resource of version.resources as readonly Resource[]) {
      const kind = kindOf(version, resource);
      if (kind !== undefined && !found.has(resourceKey(kind))) found.set(resourceKey(kind), { kind, client, current: version.current });
    }
  }
  return [...found.values()];
}

function kindOf({ group, version }: AggregatedVersion, { resource, scope, verbs, responseKind }: Resource): Kind | undefined {
  const kind = responseKind?.kind;
  if (resource === undefined || kind === undefined) return undefined;
  return defineKind({ group, version, kind, plural: resource, namespaced: scope === 'Namespaced', verbs: (verbs ?? []) as Verb[], schema: () => ({ type: 'object' }) });
}
