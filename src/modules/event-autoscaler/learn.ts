/** Learns what calendar events need: the most replicas while one was on, kept with the ScaledObject by the event's name, for the next time. */
import { ScaledObject } from '../../api/keda/scaled-object.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { eventOf, LEARNED, learnedOf } from './triggers/calendar.ts';

/** Writes only when an event needs more than is known of it. */
export async function learn(object: ScaledObject, replicas: number, { client, clock }: Pick<ModuleContext, 'client' | 'clock'>): Promise<void> {
  const known = learnedOf(object.metadata.annotations?.[LEARNED]);
  const next = learned(object, known, replicas, clock.nowMs());
  if (next === undefined) return;
  await client.patch(ScaledObject, object.metadata.name ?? '', { type: 'merge', body: { metadata: { annotations: { [LEARNED]: JSON.stringify(next) } } } }, { namespace: object.metadata.namespace });
}

/** Pure. */
export function learned({ spec }: Pick<ScaledObject, 'spec'>, known: Readonly<Record<string, number>>, replicas: number, nowMs: number): Record<string, number> | undefined {
  const on = spec.triggers.filter(({ type }) => type === 'calendar').map(({ metadata }) => eventOf(metadata)).filter(({ startMs, endMs, name }) => nowMs >= startMs && nowMs < endMs && (known[name] ?? 0) < replicas);
  return on.length === 0 ? undefined : { ...known, ...Object.fromEntries(on.map(({ name }) => [name, replicas])) };
}
