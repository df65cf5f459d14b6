/** Deletes what another server keeps in a namespace that ends (upstream: the namespace controller, which finds it by discovery). */
import type { Remote } from './remote.ts';

interface Resource {
  resource?: string;
  scope?: string;
  verbs?: readonly string[];
}

interface List {
  items?: { metadata?: { name?: string; deletionTimestamp?: string; finalizers?: string[] } }[];
}

export interface Left {
  plural: string;
  count: number;
  finalizers: string[];
}

/** What is left of each resource. Rejects when the server does not answer. */
export async function emptyElsewhere(remote: Remote, root: string, resources: readonly unknown[], namespace: string, signal: AbortSignal): Promise<Left[]> {
  const left: Left[] = [];
  for (const { resource = '', scope, verbs = [] } of resources as readonly Resource[]) {
    if (scope !== 'Namespaced' || !verbs.includes('list') || !(verbs.includes('delete') || verbs.includes('deletecollection'))) continue;
    const path = `${root}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
    const { items = [] } = (await remote.ask(path, { signal })) as List;
    if (items.length === 0) continue;
    if (items.some(({ metadata }) => metadata?.deletionTimestamp === undefined)) {
      if (verbs.includes('deletecollection')) await remote.ask(path, { signal, method: 'DELETE' });
      else for (const { metadata } of items) await remote.ask(`${path}/${encodeURIComponent(metadata?.name ?? '')}`, { signal, method: 'DELETE' });
    }
    const { items: after = [] } = (await remote.ask(path, { signal })) as List;
    if (after.length > 0) left.push({ plural: resource, count: after.length, finalizers: after.flatMap(({ metadata }) => metadata?.finalizers ?? []) });
  }
  return left;
}
