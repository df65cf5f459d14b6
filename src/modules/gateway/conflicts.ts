/** HTTPRoutes and GRPCRoutes that ask for the same hostname of one listener: one kind has it (GRPCRoute, "Cross Serving"). Pure. */
import type { Attachment } from './attach.ts';
import { intersection } from './hostnames.ts';
import type { ListenerState } from './listeners.ts';
import type { RouteState } from './plan.ts';
import { compareText } from './rules.ts';

interface Held { kind: string; hostnames: readonly string[]; by: string }

/** Takes the listeners from attachments of routes that must yield: to the older one, and of the same age to the one whose `namespace/name` comes first. */
export function yieldHostnames(routes: readonly RouteState[]): void {
  if (new Set(routes.map(({ kind }) => kind)).size < 2) return;
  const held = new Map<ListenerState, Held[]>();
  const keyOf = ({ route }: RouteState): string => `${route.metadata.namespace}/${route.metadata.name}`;
  const oldestFirst = routes.filter(({ resolved }) => resolved.unsupported === undefined)
    .sort((a, b) => compareText(a.route.metadata.creationTimestamp ?? '', b.route.metadata.creationTimestamp ?? '') || compareText(keyOf(a), keyOf(b)));
  for (const { kind, route, attachments } of oldestFirst) {
    for (const attachment of attachments) yieldTo(attachment, kind, held);
    for (const { listeners } of attachments) {
      for (const { state, hostnames } of listeners) held.set(state, [...(held.get(state) ?? []), { kind, hostnames, by: `${kind} '${route.metadata.namespace}/${route.metadata.name}'` }]);
    }
  }
}

function yieldTo(attachment: Attachment, kind: string, held: ReadonlyMap<ListenerState, readonly Held[]>): void {
  let holder: Held | undefined;
  const kept = attachment.listeners.filter(({ state, hostnames }) => {
    const other = held.get(state)?.find((each) => each.kind !== kind && each.hostnames.some((one) => hostnames.some((two) => intersection(one, two) !== undefined)));
    holder ??= other;
    return other === undefined;
  });
  attachment.listeners = kept;
  if (kept.length === 0 && holder !== undefined) attachment.failure ??= { reason: 'HostnameConflict', message: `${holder.by} has these hostnames; HTTPRoutes and GRPCRoutes cannot share one of a listener, so give this route others` };
}
