/** Event (events.k8s.io/v1): the events of the core group in newer words, kept as core events. */
import type { Event as CoreEvent } from '../generated/core-v1.ts';
import type { Event as EventType } from '../generated/events-v1.ts';
import { Event as CoreEventKind, eventErrors, writeZeros } from '../core/event.ts';
import type { Column } from '../kind.ts';
import { defineKind, type Kind } from '../kind.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import type { KubeObject } from '../meta.ts';
import { schemaOf } from '../schema/facts.ts';

export type Event = EventType;

export const Event: Kind<Event> = defineKind<Event>({
  group: 'events.k8s.io', version: 'v1', kind: 'Event', plural: 'events', namespaced: true,
  shortNames: ['ev'],
  storageGroup: '',
  stored: { to: toCoreEvent, from: (stored) => fromCoreEvent(stored as CoreEvent) },
  schema: () => schemaOf('events.k8s.io', 'v1', 'Event'),
  rules: { generation: false, allowCreateOnUpdate: true, ownsNothing: true, validate: strictErrors },
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
  return writeZeros(compact({
    ...same, apiVersion: 'v1', kind: 'Event', involvedObject: regarding ?? {}, message: note, reportingComponent: reportingController,
    source: deprecatedSource, firstTimestamp: deprecatedFirstTimestamp, lastTimestamp: deprecatedLastTimestamp, count: deprecatedCount,
  }));
}

/** The same event in the words of events.k8s.io/v1. */
function fromCoreEvent(event: CoreEvent): Event {
  const { message, involvedObject, reportingComponent, reportingInstance, source, firstTimestamp, lastTimestamp, count, ...same } = writeZeros({ ...event });
  return compact({
    ...same, apiVersion: 'events.k8s.io/v1', kind: 'Event', regarding: involvedObject, note: message, reportingController: reportingComponent || undefined, reportingInstance: reportingInstance || undefined,
    deprecatedSource: source, deprecatedFirstTimestamp: firstTimestamp, deprecatedLastTimestamp: lastTimestamp, deprecatedCount: count,
  }) as unknown as Event;
}

function compact<T extends KubeObject>(object: T): T {
  for (const [key, value] of Object.entries(object)) if (value === undefined) delete (object as unknown as Record<string, unknown>)[key];
  return object;
}

/** Fields of core/v1 that events of this group do not have: older writers' counting. */
const OF_OLD = ['firstTimestamp', 'lastTimestamp', 'count', 'source'] as const;
/** What an event says once for all; only its series goes on. */
const FIXED = ['involvedObject', 'reason', 'message', 'source', 'firstTimestamp', 'lastTimestamp', 'count', 'type', 'eventTime', 'action', 'related', 'reportingComponent', 'reportingInstance'] as const;

/** Of this group's writers more is asked than of those of core/v1; fields are named as there (upstream: pkg/apis/core/validation/events.go). */
function strictErrors(event: Event, old: Event | undefined): FieldError[] {
  const [next, before] = [toCoreEvent(event), old === undefined ? undefined : toCoreEvent(old)];
  const errors = eventErrors(next);
  if (before !== undefined) {
    if (!equalJson(next.series, before.series)) errors.push(...seriesErrors(event));
    for (const field of FIXED) if (!equalJson(next[field], before[field]) && !(isUnset(next[field]) && isUnset(before[field]))) errors.push(invalid(field === 'reportingComponent' ? 'reportingController' : field, next[field] ?? '', 'field is immutable'));
    return errors;
  }
  errors.push(...seriesErrors(event));
  if (!next.eventTime) errors.push(required('eventTime'));
  if (next.type !== 'Normal' && next.type !== 'Warning') errors.push(invalid('type', '', `has invalid value: ${next.type ?? ''}`));
  for (const field of OF_OLD) if (!isUnset(next[field])) errors.push(invalid(field, '', 'needs to be unset'));
  return errors;
}

/** As Go has it: 0, the empty text, and a struct of such. */
function isUnset(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? Object.values(value).every(isUnset) : !value;
}

function seriesErrors({ series }: Event): FieldError[] {
  if (series === undefined || series === null) return [];
  return [...((series.count ?? 0) < 2 ? [invalid('series.count', '', 'should be at least 2')] : []), ...(series.lastObservedTime ? [] : [required('series.lastObservedTime')])];
}
