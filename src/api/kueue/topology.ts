/** Topology (kueue.x-k8s.io): the levels by which nodes are near each other, from the widest to the narrowest. */
import { AGE, NAME } from '../columns.ts';
import { invalid, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import type { Json } from '../meta.ts';
import type { Kind } from '../kind.ts';
import { defineKueueKind } from './define.ts';
import { objectSchema, struct, text } from './schema.ts';
import type { Topology as TopologyType } from './types.ts';

export type Topology = TopologyType;

export const HOSTNAME = 'kubernetes.io/hostname';

const level = struct({ nodeLabel: { ...text, minLength: 1, maxLength: 316 } }, ['nodeLabel']);

export const [Topology, TopologyV1beta2, TopologyV1alpha1]: readonly [Kind<Topology>, Kind<Topology>, Kind<Topology>] = defineKueueKind<Topology>({
  kind: 'Topology', plural: 'topologies', namespaced: false, alpha: true,
  schema: objectSchema(() => ({ spec: struct({ levels: { type: 'array', items: level, minItems: 1, maxItems: 16, xListType: 'atomic' } }, ['levels']) })),
  rules: { validate: topologyErrors },
  columns: [NAME, AGE],
});

/** Source: Kueue, the validations of TopologySpec. */
function topologyErrors({ spec }: Topology, old: Topology | undefined): FieldError[] {
  const labels = (spec?.levels ?? []).map(({ nodeLabel }) => nodeLabel);
  const errors: FieldError[] = [];
  // Where pods are placed by nodes, what is above these may be told apart in another way.
  const [isByNode, wasByNode] = [labels.at(-1) === HOSTNAME, old?.spec?.levels.at(-1)?.nodeLabel === HOSTNAME];
  if (old !== undefined && !(isByNode && wasByNode) && !equalJson((spec?.levels ?? null) as unknown as Json, (old.spec?.levels ?? null) as unknown as Json)) errors.push(invalid('spec.levels', labels.length, 'field is immutable'));
  for (const [index, label] of labels.entries()) {
    if (labels.indexOf(label) < index) errors.push({ type: 'FieldValueDuplicate', field: `spec.levels[${index}].nodeLabel`, message: `Duplicate value: "${label}"` });
    if (label === HOSTNAME && index < labels.length - 1) errors.push(invalid('spec.levels', labels.length, 'the kubernetes.io/hostname label can only be used at the lowest level of topology'));
  }
  return errors;
}
