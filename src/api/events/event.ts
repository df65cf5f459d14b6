/** Event (events.k8s.io/v1): the events of the core group in newer words, kept as core events. */
import type { Event as CoreEvent } from '../generated/core-v1.ts';
import type { Event as EventType } from '../generated/events-v1.ts';
import { Event as CoreEventKind } from '../core/event.ts';
import type { Column } from '../kind.ts';
import { defineKind, type Kind } from '../kind.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import type { KubeObject } from '../meta.ts';
import { labelKeyErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type Event = EventType;

export const Event: Kind<Event> = defineKind<Event>({
  group: 'events.k8s.io', version: 'v1', kind: 'Event', plural: 'events', namespaced: true,
  shortNames: ['ev'],
  storageGroup: '',
  stored: { to: toCoreEvent, from: (stored) => fromCoreEvent(stored as CoreEvent) },
  schema: () => schemaOf('events.k8s.io', 'v1', 'Event'),
  rules: { generation: false, allowCreateOnUpdate: true, validate: eventErrors },
  columns: CoreEventKind.columns.map((each): Column<Event> => ({ ...each, cell: (event, nowMs) => each.cell(toCoreEvent(event), nowMs) })),
  selectableFields: {
    ...Object.fromEntries(['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((name) => [
      `regarding.${name}`, (event: Event): string => (event.regarding as Record<string, string | undefined> | undefined)?.[name] ?? ''])),
    reason: (event) => event.reason ?? '',
    reportingController: (event) => event.reportingController ?? '',
    type: (event) => event.type ?? '',
  },
});

/** The same event in the words of core/v1. */
function toCoreEvent(event: Event): CoreEvent {
  const { note, regarding, reportingController, deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount, ...same } = event;
  return compact({
    ...same, apiVersion: 'v1', kind: 'Event', involvedObject: regarding ?? {}, message: note, reportingComponent: reportingController,
    source: deprecatedSource, firstTimestamp: deprecatedFirstTimestamp, lastTimestamp: deprecatedLastTimestamp, count: deprecatedCount,
  });
}

/** The same event in the words of events.k8s.io/v1. */
function fromCoreEvent(event: CoreEvent): Event {
  const { message, involvedObject, reportingComponent, source, firstTimestamp, lastTimestamp, count, ...same } = event;
  return compact({
    ...same, apiVersion: 'events.k8s.io/v1', kind: 'Event', regarding: involvedObject, note: message, reportingController: reportingComponent,
    deprecatedSource: source, deprecatedFirstTimestamp: firstTimestamp, deprecatedLastTimestamp: lastTimestamp, deprecatedCount: count,
  }) as unknown as Event;
}

function compact<T extends KubeObject>(object: T): T {
  for (const [key, value] of Object.entries(object)) if (value === undefined) delete (object as unknown as Record<string, unknown>)[key];
  return object;
}

const MOST_CHARACTERS = { reportingInstance: 128, action: 128, reason: 128, note: 1024 } as const;

/** New events must say who reports what and when; core events need not. */
function eventErrors(event: Event, old: Event | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const about = event.regarding?.namespace ?? '';
  const allowed = about === '' ? ['default', 'kube-system'] : [about];
  if (!allowed.includes(event.metadata.namespace ?? '')) errors.push(invalid('involvedObject.namespace', about, 'does not match event.namespace'));
  if (old !== undefined) return errors;
  if (!event.eventTime) errors.push(required('eventTime'));
  if (!event.reportingController) errors.push(required('reportingController'));
  for (const error of labelKeyErrors(event.reportingController ?? '')) errors.push(invalid('reportingController', event.reportingController ?? '', error));
  for (const [field, most] of Object.entries(MOST_CHARACTERS) as [keyof typeof MOST_CHARACTERS, number][]) {
    const text = event[field] ?? '';
    if (text === '' && field !== 'note') errors.push(required(field));
    if (Buffer.byteLength(text) > most) errors.push(invalid(field, '', `can have at most ${most} characters`));
  }
  if (event.type !== 'Normal' && event.type !== 'Warning') errors.push(invalid('type', event.type ?? '', 'has invalid value'));
  return errors;
}
