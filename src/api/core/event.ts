/** Event (core/v1). events.k8s.io/v1 serves the same objects in its own words, see ../events/event.ts. */
import type { Event as EventType } from '../generated/core-v1.ts';
import { ageOf } from '../age.ts';
import { column } from '../columns.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { labelKeyErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type Event = EventType;

export const Event: Kind<Event> = defineKind<Event>({
  group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true,
  shortNames: ['ev'],
  schema: () => schemaOf('', 'v1', 'Event'),
  rules: {
    generation: false,
    allowCreateOnUpdate: true,
    ownsNothing: true,
    defaults(event) {
      event.involvedObject ??= {};
      writeZeros(event);
    },
    validate: (event) => eventErrors(event),
  },
  columns: [
    column('Last Seen', lastSeen),
    column('Type', (event) => event.type ?? ''),
    column('Reason', (event) => event.reason ?? ''),
    column('Object', showObject),
    column('Subobject', (event) => event.involvedObject?.fieldPath ?? '', { wide: true }),
    column('Source', showSource, { wide: true }),
    column('Message', (event) => (event.message ?? '').trim()),
    column('First Seen', firstSeen, { wide: true }),
    column('Count', (event) => (event.series ? (event.series.count ?? 0) + 1 : event.count || 1), { wide: true }),
    column('Name', (event) => event.metadata.name ?? '', { wide: true, format: 'name' }),
  ],
  selectableFields: {
    'involvedObject.kind': (event) => event.involvedObject?.kind ?? '',
    'involvedObject.namespace': (event) => event.involvedObject?.namespace ?? '',
    'involvedObject.name': (event) => event.involvedObject?.name ?? '',
    'involvedObject.uid': (event) => event.involvedObject?.uid ?? '',
    'involvedObject.apiVersion': (event) => event.involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': (event) => event.involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': (event) => event.involvedObject?.fieldPath ?? '',
    reason: (event) => event.reason ?? '',
    reportingComponent: (event) => event.reportingComponent ?? '',
    source: (event) => event.source?.component || event.reportingComponent || '',
    type: (event) => event.type ?? '',
  },
});

/** Times that are no pointers, and texts without omitempty: Go writes them, empty as they are. */
export function writeZeros(event: Event): Event {
  const fields = event as { -readonly [K in keyof Event]: Event[K] | null };
  for (const time of ['firstTimestamp', 'lastTimestamp', 'eventTime'] as const) fields[time] ??= null;
  event.reportingComponent ??= '';
  event.reportingInstance ??= '';
  return event;
}

function firstSeen(event: Event, nowMs: number): string {
  return ageOf(event.firstTimestamp || event.eventTime, nowMs);
}

function lastSeen(event: Event, nowMs: number): string {
  if (event.series) return ageOf(event.series.lastObservedTime, nowMs);
  return event.lastTimestamp ? ageOf(event.lastTimestamp, nowMs) : firstSeen(event, nowMs);
}

function showObject({ involvedObject }: Event): string {
  const { kind = '', name } = involvedObject ?? {};
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
}

function showSource(event: Event): string {
  const component = event.source?.component || event.reportingComponent || '';
  const instance = event.source?.host || event.reportingInstance || '';
  return instance === '' ? component : `${component}, ${instance}`;
}

const MOST_BYTES = { reportingInstance: 128, action: 128, reason: 128, message: 1024 } as const;

/**
 * What holds for events however they are written, with the fields' names of core/v1: one with an eventTime says who reports what, one without is about
 * something of its own namespace (upstream: pkg/apis/core/validation/events.go, legacyValidateEvent).
 */
export function eventErrors(event: Event): FieldError[] {
  const { namespace = '' } = event.metadata;
  const about = event.involvedObject?.namespace ?? '';
  const elsewhere = invalid('involvedObject.namespace', about, 'does not match event.namespace');
  if (!event.eventTime) return (about || 'default') === namespace ? [] : [elsewhere];
  const errors: FieldError[] = about === '' && !['default', 'kube-system'].includes(namespace) ? [elsewhere] : [];
  const reporter = event.reportingComponent ?? '';
  if (reporter === '') errors.push(required('reportingController'));
  errors.push(...labelKeyErrors(reporter).map((text) => invalid('reportingController', reporter, text)));
  for (const [field, most] of Object.entries(MOST_BYTES) as [keyof typeof MOST_BYTES, number][]) {
    const text = event[field] ?? '';
    if (text === '' && field !== 'message') errors.push(required(field));
    if (Buffer.byteLength(text) > most) errors.push(invalid(field, '', `can have at most ${most} characters`));
  }
  return errors;
}
