/** Who has the same target as another: autoscalers that would pull it to and fro. Pure. */
import { parseApiVersion } from '../../../api/meta.ts';
import { keyOf } from '../../../sdk/index.ts';
import type { Autoscaler } from './reconcile.ts';

/** Tells of each of them the others with its target, as `Kind namespace/name`; one that is there twice counts once. */
export function rivalsOf(all: readonly Autoscaler[]): (autoscaler: Autoscaler) => string[] {
  const byTarget = new Map<string, Set<string>>();
  for (const each of all) {
    const target = targetOf(each);
    byTarget.set(target, (byTarget.get(target) ?? new Set()).add(nameOf(each)));
  }
  return (autoscaler) => [...(byTarget.get(targetOf(autoscaler)) ?? [])].filter((name) => name !== nameOf(autoscaler)).toSorted();
}

function nameOf(autoscaler: Autoscaler): string {
  return `${autoscaler.kind} ${keyOf(autoscaler)}`;
}

function targetOf({ metadata, spec }: Autoscaler): string {
  const { apiVersion = '', kind, name } = spec!.scaleTargetRef;
  return [metadata.namespace, parseApiVersion(apiVersion).group, kind, name].join(' ');
}
