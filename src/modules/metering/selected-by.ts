/** Which Services choose a pod, by what they select. Pure. */
import type { Pod, Service } from '../../api/generated/core-v1.ts';

/** Gives the names in order. */
export function servicesBy(services: readonly Service[]): (pod: Pod) => string[] {
  // By one of the labels that each selects: a pod without it is none of the Service's.
  const byLabel = Map.groupBy(services.filter(({ spec }) => Object.keys(spec?.selector ?? {}).length > 0), ({ metadata, spec }) => labelKey(metadata.namespace, Object.entries(spec!.selector!)[0]!));
  return ({ metadata: { namespace, labels = {} } }) => Object.entries(labels)
    .flatMap((label) => byLabel.get(labelKey(namespace, label)) ?? [])
    .filter(({ spec }) => Object.entries(spec!.selector!).every(([key, value]) => labels[key] === value))
    .map(({ metadata }) => metadata.name ?? '').sort();
}

function labelKey(namespace = '', [key, value]: readonly [string, string]): string {
  return `${namespace}/${key}=${value}`;
}
