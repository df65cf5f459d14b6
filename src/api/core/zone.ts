/** The zone of a node, by its well-known label. Pure. */
import type { Node } from '../generated/core-v1.ts';

export function zoneOf(node: Node | undefined): string | undefined {
  return node?.metadata.labels?.['topology.kubernetes.io/zone'];
}
