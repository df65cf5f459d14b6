/** A new node takes no pods before it is known to be ready: it is made with that taint, which goes with the first look at it (upstream: admission plugin TaintNodesByCondition). */
import { Node } from '../../api/core/node.ts';
import type { Taint } from '../../api/generated/core-v1.ts';
import type { Admission } from '../../sdk/index.ts';

const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** The same taint with another value counts as well. */
export const taintNewNodes: Admission = {
  name: 'TaintNodesByCondition',
  kinds: [Node],
  operations: ['CREATE'],
  admit({ subresource, object }) {
    if (subresource !== undefined) return;
    const node = object as Node;
    const { taints = [] } = (node.spec ??= {});
    if (taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect)) return;
    node.spec.taints = [...taints, { ...NOT_READY }];
  },
};
