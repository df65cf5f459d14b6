/** Which pods use more of the node's disk than they may (core/v1: emptyDir sizeLimit, limits of ephemeral-storage). Pure. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { addQuantities, quantityValue } from '../../../api/quantity.ts';
import type { PodDiskUsage } from './disk-usage.ts';

const NAME = 'ephemeral-storage';

/** Whether there is anything to look at. */
export function hasStorageLimits({ spec }: Pod): boolean {
  return (spec?.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined && emptyDir.medium !== 'Memory') || [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ resources }) => resources?.limits?.[NAME] !== undefined);
}

/** Why the pod must go, in the kubelet's words, the last space included; undefined when it keeps within its limits. */
export function storageExcess({ spec }: Pod, usage: PodDiskUsage): string | undefined {
  for (const { name, emptyDir } of spec?.volumes ?? []) {
    if (emptyDir?.sizeLimit === undefined || emptyDir.medium === 'Memory') continue;
    const limit = quantityValue(emptyDir.sizeLimit);
    if (limit > 0 && (usage.volumes.get(name) ?? 0) > limit) return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir.sizeLimit}". `;
  }
  const limits = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap(({ name, resources }) => resources?.limits?.[NAME] === undefined ? [] : [{ name, text: resources.limits[NAME] }]);
  const over = limits.find(({ name, text }) => (usage.containers.get(name) ?? 0) > quantityValue(text));
  if (over !== undefined) return `Container ${over.name} exceeded its local ephemeral storage limit "${over.text}". `;
  const ofPod = limits.filter(({ name }) => spec!.containers.some((each) => each.name === name)).map(({ text }) => text);
  const sum = ofPod.length === 0 ? undefined : ofPod.reduce((all, text) => addQuantities(all, text));
  return sum !== undefined && usage.total > quantityValue(sum) ? `Pod ephemeral local storage usage exceeds the total limit of containers ${sum}. ` : undefined;
}
