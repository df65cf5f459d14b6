/**
 * calendar (llmos): a named event, such as a promotion or a release, from one moment to another, with the capacity that is expected. Where that is not
 * said it is what was needed the last time that an event of the name came, which the ScaledObject remembers; `leadSeconds` before it capacity is there.
 */
import { metricName, parametersOf, TriggerError, type TriggerFactory } from './trigger.ts';

/** An annotation of the ScaledObject: the most replicas during events, by name, as JSON. */
export const LEARNED = 'llmos.dev/learned-events';

export interface CalendarEvent {
  name: string;
  startMs: number;
  endMs: number;
}

export const calendar: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const event = eventOf(input.metadata);
  const expected = parameters.text('desiredReplicas') === undefined ? learnedOf(parameters.text('learned'))[event.name] : parameters.number('desiredReplicas');
  const leadMs = parameters.number('leadSeconds', 0) * 1_000;
  return {
    name: metricName('calendar', event.name), target: 1,
    read() {
      const nowMs = input.context.clock.nowMs();
      const active = nowMs >= event.startMs - leadMs && nowMs < event.endMs && expected !== undefined;
      return Promise.resolve({ value: active ? (expected ?? 0) : 0, active });
    },
  };
};

export function eventOf(metadata: Readonly<Record<string, string>>): CalendarEvent {
  const parameters = parametersOf({ metadata, auth: {}, env: {} });
  const [startMs, endMs] = [Date.parse(parameters.needed('start')), Date.parse(parameters.needed('end'))];
  if (!(endMs > startMs)) throw new TriggerError('start and end must be times such as 2026-11-27T00:00:00Z, the start first');
  return { name: parameters.needed('event'), startMs, endMs };
}

/** What is no such JSON is nothing learned. */
export function learnedOf(text: string | undefined): Record<string, number> {
  try {
    const parsed: unknown = JSON.parse(text ?? '{}');
    if (typeof parsed !== 'object' || parsed === null) return {};
    return Object.fromEntries(Object.entries(parsed).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] >= 0));
  } catch {
    return {};
  }
}
