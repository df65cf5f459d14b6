/**
 * The body of EventRecorder: writes core/v1 Events in the background, in order, off the path of the work they tell of. A repeated event
 * raises `count` of the first (upstream: client-go tools/record, its correlator), and one talkative object cannot flood the store.
 */
import { hash, randomBytes } from 'node:crypto';
import type { Event } from '../api/generated/core-v1.ts';
import { isApiError } from '../api/errors.ts';
import type { Kind } from '../api/kind.ts';
import type { KubeObject } from '../api/meta.ts';
import { rfc3339, type Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Client } from './client.ts';
import type { EventPart, EventRecorder } from './events.ts';

const REMEMBERED = 4_096;
/** Events about one object from one source: 25 at once, then one every 5 minutes (client-go's spam filter). */
const BURST = 25;
const REFILL_MS = 300_000;
/** Gives the work that an event tells of the way: events are read by people. */
const DELAY_MS = 100;

export interface EventRecorderOptions {
  client: Client;
  /** The Event kind of the core group. */
  kind: Kind<Event>;
  /** Reported as the source, for instance `deployment-controller`. */
  component: string;
  host?: string;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

/** What a repetition needs of the first: thousands are kept, so no whole Events. */
interface Remembered {
  name: string;
  namespace: string | undefined;
  count: number;
}

interface Pending {
  key: string;
  event: Event;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const seen = new Map<string, Remembered>();
  const tokens = new Map<string, { left: number; atMs: number }>();
  const pending: Pending[] = [];
  let writing = false;

  const flush = async (): Promise<void> => {
    await options.clock.sleep(DELAY_MS, options.signal);
    for (let next = pending.shift(); next !== undefined && !options.signal.aborted; next = pending.shift()) await write(options, seen, next);
    writing = false;
  };

  return {
    event(about, type, reason, message, part) {
      const nowMs = options.clock.nowMs();
      if (options.signal.aborted || !allowed(tokens, about.metadata.uid ?? '', nowMs)) return;
      const event = eventOf(options, about, { type, reason, message }, part);
      pending.push({ key: hash('sha1', [about.metadata.uid, part?.fieldPath, type, reason, message].join('\0'), 'base64'), event });
      if (writing) return;
      writing = true;
      void flush();
    },
  };
}

function eventOf({ component, host, clock }: EventRecorderOptions, about: KubeObject, what: { type: string; reason: string; message: string }, { fieldPath }: EventPart = {}): Event {
  const time = rfc3339(clock.nowMs());
  const { name = '', namespace, uid, resourceVersion } = about.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${randomBytes(8).toString('hex')}`, namespace: namespace ?? 'default' },
    involvedObject: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid, resourceVersion, ...(fieldPath === undefined ? {} : { fieldPath }) },
    ...what,
    message: what.message.slice(0, 1_024),
    source: host === undefined ? { component } : { component, host },
    reportingComponent: component,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  } as Event;
}

async function write({ client, kind, log }: EventRecorderOptions, seen: Map<string, Remembered>, { key, event }: Pending): Promise<void> {
  const before = seen.get(key);
  try {
    if (before !== undefined) {
      before.count += 1;
      await client.patch(kind, before.name, { type: 'merge', body: { count: before.count, lastTimestamp: event.lastTimestamp as string } }, { namespace: before.namespace });
      return;
    }
    const { name = '', namespace } = (await client.create(kind, event)).metadata;
    seen.set(key, { name, namespace, count: 1 });
    if (seen.size > REMEMBERED) seen.delete(seen.keys().next().value ?? '');
  } catch (error) {
    seen.delete(key);
    if (before !== undefined && isApiError(error, 'NotFound')) return write({ client, kind, log } as EventRecorderOptions, seen, { key, event });
    // A namespace that goes away takes no events; that is nobody's fault.
    if (!isApiError(error, 'Forbidden', 'NotFound')) log.warn('an event could not be written', { reason: event.reason, error });
  }
}

function allowed(tokens: Map<string, { left: number; atMs: number }>, uid: string, nowMs: number): boolean {
  const bucket = tokens.get(uid) ?? { left: BURST, atMs: nowMs };
  const refilled = Math.min(BURST, bucket.left + (nowMs - bucket.atMs) / REFILL_MS);
  tokens.set(uid, { left: Math.max(0, refilled - 1), atMs: nowMs });
  if (tokens.size > REMEMBERED) tokens.delete(tokens.keys().next().value ?? '');
  return refilled >= 1;
}
