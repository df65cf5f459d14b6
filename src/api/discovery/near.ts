/** Endpoints that are meant for somebody first (EndpointSlice: hints). Pure. */
import type { Endpoint } from '../generated/discovery-v1.ts';

/**
 * Those that are meant for this node, else those for its zone, where every endpoint says for whom it is meant; else all (upstream: kube-proxy,
 * topologyModeFromHints).
 */
export function nearOf<T extends { hints?: Endpoint['hints'] }>(all: readonly T[], { nodeName, zone }: { nodeName: string; zone?: string | undefined }): readonly T[] {
  const near = (named: (hints: Endpoint['hints']) => readonly { name: string }[] | undefined, wanted: string | undefined): readonly T[] =>
    (all.every(({ hints }) => (named(hints)?.length ?? 0) > 0) ? all.filter(({ hints }) => named(hints)?.some(({ name }) => name === wanted)) : []);
  const sameNode = near((hints) => hints?.forNodes, nodeName);
  if (sameNode.length > 0) return sameNode;
  const sameZone = near((hints) => hints?.forZones, zone);
  return sameZone.length > 0 ? sameZone : all;
}
