/** What modules tell by Events, over a real door: repeated ones are counted, talkative objects are held back, and what was deleted is told anew. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, it } from 'node:test';
import type { Event as EventObject } from '../../src/api/generated/core-v1.ts';
import { ConfigMap, Event, Namespace } from '../../src/api/kinds.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import core from '../../src/modules/core/module.ts';
import { createEventRecorder } from '../../src/sdk/event-recorder.ts';
import type { EventRecorder } from '../../src/sdk/events.ts';
import { eventually, startWorld, type World } from './world.ts';

const BURST = 25;
const REFILL_MS = 300_000;

let world: World;
let recorder: EventRecorder;
let aheadMs: number;
let rounds = 0;
let namespace: string;
const stopped = new AbortController();

before(async () => (world = await startWorld([core])));
after(async () => {
  stopped.abort();
  await world.stop();
});
beforeEach(async () => {
  aheadMs = 0;
  namespace = `round-${++rounds}`;
  await world.client.create(Namespace, { metadata: { name: namespace } });
  const clock = { ...realClock, nowMs: () => Date.now() + aheadMs };
  recorder = createEventRecorder({ client: world.client, kind: Event, component: 'tester', host: 'n1', clock, log: silentLog, signal: stopped.signal });
});

const map = (name: string): Promise<ConfigMap> => world.client.create(ConfigMap, { metadata: { name, namespace } } as ConfigMap);
const told = async (): Promise<EventObject[]> => (await world.client.list(Event, { namespace })).items;

it('one that repeats is counted, with the time of the last', async () => {
  const about = await map('a');
  recorder.event(about, 'Warning', 'Failed', 'it failed', { fieldPath: 'spec.containers{c}' });
  await eventually('the first', async () => (await told()).length === 1);
  aheadMs = 60_000;
  for (let index = 0; index < 2; index++) recorder.event(about, 'Warning', 'Failed', 'it failed', { fieldPath: 'spec.containers{c}' });
  await eventually('three of them', async () => (await told())[0]?.count === 3);
  const [event, ...others] = await told();
  assert.deepEqual(others, []);
  assert.ok(Date.parse(event!.lastTimestamp as string) - Date.parse(event!.firstTimestamp as string) >= 60_000);
  assert.deepEqual([event!.involvedObject, event!.source, event!.type, event!.reason, event!.message], [
    { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace, uid: about.metadata.uid, resourceVersion: about.metadata.resourceVersion, fieldPath: 'spec.containers{c}' },
    { component: 'tester', host: 'n1' }, 'Warning', 'Failed', 'it failed',
  ]);
});

it('another object, part, type, reason or message is another Event', async () => {
  const [one, two] = [await map('a'), await map('b')];
  recorder.event(one, 'Normal', 'Done', 'x');
  recorder.event(two, 'Normal', 'Done', 'x');
  recorder.event(one, 'Normal', 'Done', 'x', { fieldPath: 'data' });
  recorder.event(one, 'Warning', 'Done', 'x');
  recorder.event(one, 'Normal', 'Begun', 'x');
  recorder.event(one, 'Normal', 'Done', 'y');
  await eventually('six of them', async () => (await told()).length === 6);
  assert.deepEqual((await told()).map(({ count }) => count), [1, 1, 1, 1, 1, 1]);
});

it('one that was deleted is told anew, from one', async () => {
  const about = await map('a');
  recorder.event(about, 'Normal', 'Done', 'x');
  await eventually('it is told', async () => (await told()).length === 1);
  const [first] = await told();
  await world.client.delete(Event, first!.metadata.name!, { namespace });
  recorder.event(about, 'Normal', 'Done', 'x');
  await eventually('it is told anew', async () => (await told()).length === 1);
  const [again] = await told();
  assert.equal(again!.count, 1);
  assert.notEqual(again!.metadata.uid, first!.metadata.uid);
});

it('who tells much of one object is held back, and heard again later; others are heard', async () => {
  const [loud, quiet] = [await map('a'), await map('b')];
  for (let index = 0; index < BURST + 10; index++) recorder.event(loud, 'Normal', 'Said', `word ${index}`);
  recorder.event(quiet, 'Normal', 'Said', 'one word');
  await eventually('the quiet one', async () => (await told()).some(({ involvedObject }) => involvedObject.name === 'b'));
  const words = async (): Promise<(string | undefined)[]> => (await told()).filter(({ involvedObject }) => involvedObject.name === 'a').map(({ message }) => message);
  assert.deepEqual(new Set(await words()), new Set(Array.from({ length: BURST }, (_, index) => `word ${index}`)));
  aheadMs = REFILL_MS + 1_000;
  recorder.event(loud, 'Normal', 'Said', 'later');
  recorder.event(loud, 'Normal', 'Said', 'too soon');
  await eventually('one more word', async () => (await words()).includes('later'));
  assert.equal((await words()).length, BURST + 1);
});
