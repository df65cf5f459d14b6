/**
 * `matchLabelKeys` and `mismatchLabelKeys`: a pod is put beside, or kept apart from, those whose labels have its own values of these keys (KEP-3633, KEP-3243). When a pod is made, what its
 * labels say of them becomes part of its selectors (upstream: registry/core/pod/strategy.go, applyLabelKeysToLabelSelector), so that whoever reads the pod sees what it selects.
 */
import { forbidden, invalid, type FieldError } from '../field-error.ts';
import type { Pod } from '../generated/core-v1.ts';
import type { LabelSelector, LabelSelectorRequirement } from '../meta.ts';
import { labelKeyErrors } from '../names.ts';

interface Selecting {
  labelSelector?: LabelSelector;
  matchLabelKeys?: string[];
  mismatchLabelKeys?: string[];
}

/** Adds what the pod's labels say of the keys to the selectors of its affinities and of how it spreads. Keys that it has no label of say nothing. Changes the pod. */
export function mergeLabelKeys({ metadata: { labels = {} }, spec }: Pod): void {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((each) => each?.podAffinityTerm), ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
  ]);
  const selecting: (Selecting | undefined)[] = [...terms, ...(spec?.topologySpreadConstraints ?? [])];
  for (const each of selecting) {
    const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = each ?? {};
    if (labelSelector === undefined) continue;
    const said = (keys: readonly string[], operator: 'In' | 'NotIn'): LabelSelectorRequirement[] =>
      keys.filter((key) => Object.hasOwn(labels, key)).map((key) => ({ key, operator, values: [labels[key]!] }));
    const expressions = [...said(matchLabelKeys, 'In'), ...said(mismatchLabelKeys, 'NotIn')];
    if (expressions.length > 0) labelSelector.matchExpressions = [...(labelSelector.matchExpressions ?? []), ...expressions];
  }
}

/**
 * What is wrong with the keys, once they are part of the selector: a selector that names one of `matchLabelKeys` by itself, too, has it twice then. Of `mismatchLabelKeys` it may, to leave out more values.
 * Source: apis/core/validation, validateMatchLabelKeysAndMismatchLabelKeys; the paths of its errors are upstream's as well.
 */
export function labelKeysErrors({ labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }: Selecting, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [field, keys] of [['matchLabelKeys', matchLabelKeys], ['mismatchLabelKeys', mismatchLabelKeys]] as const) {
    if (keys.length > 0 && labelSelector === undefined) errors.push(forbidden(`${path}.${field}`, 'must not be specified when labelSelector is not set'));
    for (const [index, key] of keys.entries()) errors.push(...labelKeyErrors(key).map((error) => invalid(`${path}.${field}[${index}]`, key, error)));
  }
  const selected = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const index = matchLabelKeys.lastIndexOf(key);
    if (index >= 0 && selected.has(key)) errors.push(invalid(`${path}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector'));
    selected.add(key);
  }
  for (const [index, key] of matchLabelKeys.entries()) if (mismatchLabelKeys.includes(key)) errors.push(invalid(`${path}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'));
  return errors;
}
