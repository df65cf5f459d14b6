/** Which ListenerSets add their listeners to which Gateway (GEP-1713). Pure. */
import { GROUP } from '../../api/gateway/parts.ts';
import type { Gateway, ListenerSet } from '../../api/gateway/kinds.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import type { Observed } from './observed.ts';
import { compareText } from './rules.ts';

/** Of a Gateway, the older before the younger, and of the same age by `namespace/name`: those that it lets in, and those that ask in vain. */
export function setsOf(gateway: Gateway, observed: Pick<Observed, 'listenerSets' | 'namespace'>): { allowed: ListenerSet[]; refused: ListenerSet[] } {
  const asking = observed.listenerSets.filter(({ metadata, spec }) => {
    const { group = GROUP, kind = 'Gateway', namespace = metadata.namespace, name } = spec.parentRef;
    return metadata.deletionTimestamp === undefined && group === GROUP && kind === 'Gateway' && namespace === gateway.metadata.namespace && name === gateway.metadata.name;
  }).sort((a, b) => compareText(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') || compareText(keyOfSet(a), keyOfSet(b)));
  const sets = { allowed: [] as ListenerSet[], refused: [] as ListenerSet[] };
  for (const set of asking) (allows(gateway, set.metadata.namespace ?? '', observed) ? sets.allowed : sets.refused).push(set);
  return sets;
}

export const keyOfSet = ({ metadata }: ListenerSet): string => `${metadata.namespace}/${metadata.name}`;

function allows({ metadata, spec }: Gateway, namespace: string, observed: Pick<Observed, 'namespace'>): boolean {
  const { from = 'None', selector } = spec.allowedListeners?.namespaces ?? {};
  if (from === 'All') return true;
  if (from === 'Same') return namespace === metadata.namespace;
  return from === 'Selector' && selector !== undefined && matcherOfSelector(selector).matches(observed.namespace(namespace)?.metadata.labels ?? {});
}
