/** The containers that a pod had when its requests were set: those that others put in later are not asked about (upstream: utils/annotations, vpa_observed_containers). Pure. */
import type { Pod } from '../../api/generated/core-v1.ts';

export const OBSERVED_CONTAINERS = 'vpaObservedContainers';
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export function observedValue({ spec }: Pick<Pod, 'spec'>): string {
  return (spec?.containers ?? []).map(({ name }) => name).join(', ');
}

/** Undefined where nobody noted them, or the note makes no sense. */
export function observedContainers({ metadata }: Pod): ReadonlySet<string> | undefined {
  const noted = metadata.annotations?.[OBSERVED_CONTAINERS];
  if (noted === undefined) return undefined;
  const names = noted === '' ? [] : noted.split(', ');
  return names.every((name) => LABEL.test(name)) ? new Set(names) : undefined;
}
