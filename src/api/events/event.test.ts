import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Event as CoreEvent } from '../core/event.ts';
import { Event } from './event.ts';

const GOOD = {
  apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: 'e', namespace: 'here' }, eventTime: '2026-01-01T00:00:00.000000Z', type: 'Normal', reason: 'Why', action: 'Do',
  reportingController: 'example.com/me', reportingInstance: 'me-1', regarding: { kind: 'Pod', namespace: 'here', name: 'p' }, note: 'text',
};
const SERIES = { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' };
const strict = (more: object, old?: object): string[] =>
  Event.rules.validate!({ ...GOOD, ...more } as unknown as Event, old === undefined ? undefined : { ...GOOD, ...old } as unknown as Event).map(({ field, message }) => `${field}: ${message}`);

for (const [more, wrong] of [
  [{}, []], [{ series: SERIES }, []], [{ regarding: { kind: 'Pod', namespace: 'elsewhere' } }, []],
  [{ deprecatedCount: 0, deprecatedSource: {} }, []],
  [{ deprecatedCount: 1, deprecatedSource: { component: 'c' }, deprecatedFirstTimestamp: '2026-01-01T00:00:00Z' }, ['firstTimestamp', 'count', 'source'].map((field) => `${field}: Invalid value: "": needs to be unset`)],
  [{ series: { count: 1 } }, ['series.count: Invalid value: "": should be at least 2', 'series.lastObservedTime: Required value']],
  [{ type: 'Odd' }, ['type: Invalid value: "": has invalid value: Odd']],
  [{ regarding: { kind: 'Node', name: 'n' } }, ['involvedObject.namespace: Invalid value: "": does not match event.namespace']],
  [{ note: 'x'.repeat(1025) }, ['message: Invalid value: "": can have at most 1024 characters']],
] as [object, string[]][]) test(`a new event with ${JSON.stringify(more).slice(0, 80)}`, () => assert.deepEqual(strict(more), wrong));

for (const [more, wrong] of [
  [{ series: SERIES }, []], [{ metadata: { ...GOOD.metadata, labels: { a: 'b' } } }, []], [{ deprecatedCount: 0 }, []],
  [{ series: { count: 1 } }, ['series.count', 'series.lastObservedTime']],
  [{ reason: 'Other', note: 'other' }, ['reason', 'message']],
  [{ reportingController: 'example.com/you', deprecatedCount: 3 }, ['count', 'reportingController']],
] as [object, string[]][]) test(`an event of which ${JSON.stringify(more)} is changed`, () => assert.deepEqual(strict(more, {}).map((text) => text.split(':')[0]), wrong));

test('through core/v1 an event with a time says who reports, one without only that it is of its namespace', () => {
  const core = (more: object): string[] => {
    const event = { apiVersion: 'v1', kind: 'Event', metadata: { name: 'e', namespace: 'default' }, ...more } as unknown as CoreEvent;
    CoreEvent.rules.defaults?.(event);
    return CoreEvent.rules.validate!(event, undefined).map(({ field }) => field);
  };
  assert.deepEqual(core({}), []);
  assert.deepEqual(core({ involvedObject: { namespace: 'other' } }), ['involvedObject.namespace']);
  assert.deepEqual(core({ metadata: { name: 'e', namespace: 'kube-system' } }), ['involvedObject.namespace']);
  assert.deepEqual(core({ eventTime: GOOD.eventTime }), ['reportingController', 'reportingController', 'reportingController', 'reportingInstance', 'action', 'reason']);
  assert.deepEqual(core({ eventTime: GOOD.eventTime, reportingComponent: 'a', reportingInstance: 'b', action: 'c', reason: 'd', count: 4 }), []);
});
