/** Node selectors and required node affinity (core/v1 NodeSelector), compiled to a test of nodes. */
import type { NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from './generated/core-v1.ts';

/** What selectors see of a node. */
export interface SelectableNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type NodePredicate = (node: SelectableNode) => boolean;

/** spec.nodeSelector and the required node affinity; undefined when the pod asks for neither. */
export function requiredNodes(spec: PodSpec | undefined): NodePredicate | undefined {
  const pairs = Object.entries(spec?.nodeSelector ?? {});
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (pairs.length === 0 && required === undefined) return undefined;
  const terms = required?.nodeSelectorTerms.map(compileTerm);
  return (node) => {
    for (const [key, value] of pairs) if (node.labels[key] !== value) return false;
    return terms === undefined || terms.some((term) => term(node)); // terms are alternatives
  };
}

/** A term without requirements matches nothing. */
export function compileTerm(term: NodeSelectorTerm): NodePredicate {
  const labels = (term.matchExpressions ?? []).map((each) => compileRequirement(each, (node) => node.labels[each.key]));
  const fields = (term.matchFields ?? []).map((each) => compileRequirement(each, (node) => (each.key === 'metadata.name' ? node.name : undefined)));
  const all = [...labels, ...fields];
  return all.length === 0 ? () => false : (node) => all.every((each) => each(node));
}

/** Names of nodes when every alternative names some by metadata.name, as daemon sets do. */
export function namedNodes(spec: PodSpec | undefined): ReadonlySet<string> | undefined {
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined || terms.length === 0) return undefined;
  const names = new Set<string>();
  for (const term of terms) {
    const fields = term.matchFields?.filter((each) => each.key === 'metadata.name' && each.operator === 'In') ?? [];
    if (fields.length === 0) return undefined;
    for (const name of fields[0]?.values ?? []) if (fields.every(({ values }) => values?.includes(name))) names.add(name);
  }
  return names;
}

function compileRequirement({ operator, values = [] }: NodeSelectorRequirement, read: (node: SelectableNode) => string | undefined): NodePredicate {
  const bound = Number(values[0]);
  switch (operator) {
    case 'In': return (node) => values.includes(read(node) ?? '\0');
    case 'NotIn': return (node) => !values.includes(read(node) ?? '\0');
    case 'Exists': return (node) => read(node) !== undefined;
    case 'DoesNotExist': return (node) => read(node) === undefined;
    case 'Gt': return (node) => isInteger(read(node)) && Number(read(node)) > bound;
    case 'Lt': return (node) => isInteger(read(node)) && Number(read(node)) < bound;
    default: return () => false;
  }
}

function isInteger(text: string | undefined): boolean {
  return text !== undefined && /^[+-]?\d+$/.test(text);
}
