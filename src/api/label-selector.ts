/** Label selectors as objects hold them (meta/v1 LabelSelector), compiled to a test of labels. */
import type { LabelSelector, LabelSelectorRequirement } from './meta.ts';

export type Labels = Readonly<Record<string, string>>;
export type LabelTest = (labels: Labels | undefined) => boolean;

const NONE: Labels = {};

/** No selector matches nothing, an empty one everything (meta/v1 LabelSelectorAsSelector). */
export function compileLabelSelector(selector: LabelSelector | undefined): LabelTest {
  if (selector === undefined) return () => false;
  const pairs = Object.entries(selector.matchLabels ?? {});
  const tests = (selector.matchExpressions ?? []).map(compileRequirement);
  return (labels = NONE) => {
    for (const [key, value] of pairs) if (labels[key] !== value) return false;
    for (const test of tests) if (!test(labels)) return false;
    return true;
  };
}

export function matchesLabelSelector(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  return compileLabelSelector(selector)(labels);
}

/** Whether it asks for nothing, and so matches everything. */
export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions?.length ?? 0) === 0;
}

function compileRequirement({ key, operator, values = [] }: LabelSelectorRequirement): (labels: Labels) => boolean {
  switch (operator) {
    case 'In': return (labels) => labels[key] !== undefined && values.includes(labels[key]);
    case 'NotIn': return (labels) => labels[key] === undefined || !values.includes(labels[key]);
    case 'Exists': return (labels) => labels[key] !== undefined;
    case 'DoesNotExist': return (labels) => labels[key] === undefined;
    default: return () => false;
  }
}
