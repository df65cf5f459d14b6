import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { UsageRecord } from '../../api/metering/usage-record.ts';
import { workloadOf } from './accumulate.ts';
import { partsOf } from './containers.ts';
import { createMeter, type Look } from './meter.ts';
import { CALENDAR, calendarOf, dayOf, HOUR_MS, parseWindow } from './periods.ts';
import { meteredPeriod } from './record.ts';
import { rollUp } from './roll-up.ts';
import { servicesBy } from './selected-by.ts';
import { slicesIn } from './slices.ts';

const T0 = Date.parse('2026-11-22T10:00:00Z');
const at = (seconds: number): number => T0 + seconds * 1_000;
const iso = (seconds: number): string => new Date(at(seconds)).toISOString().replace('.000', '');

function pod(uid: string, options: { boundAt: number; finishedAt?: number; cpu?: string; owner?: { kind: string; name: string }; labels?: Record<string, string> }): Pod {
  const { boundAt, finishedAt, cpu = '500m', owner, labels } = options;
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: { name: `pod-${uid}`, namespace: 'team', uid, ...(labels === undefined ? {} : { labels }), ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'apps/v1', uid: 'o', controller: true, ...owner }] }) },
    spec: { nodeName: 'n1', containers: [{ name: 'main', resources: { requests: { cpu, memory: '1Gi' } } }] },
    status: {
      phase: finishedAt === undefined ? 'Running' : 'Succeeded', conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: iso(boundAt) }],
      ...(finishedAt === undefined ? {} : { containerStatuses: [{ name: 'main', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode: 0, finishedAt: iso(finishedAt) } } }] }),
    },
  };
}

const look = (seconds: number, pods: readonly Pod[], cpuSeconds: Readonly<Record<string, number>> = {}, more: Partial<Look> = {}): Look => ({
  nowMs: at(seconds), pods, deleted: [], claims: [], readings: new Map(Object.entries(cpuSeconds).map(([uid, cpu]) => [uid, { counters: [cpu, cpu * 10, cpu * 20], workingSetBytes: 2 ** 29 }])), ...more,
});
const only = (records: readonly UsageRecord[]): UsageRecord => (assert.equal(records.length, 1), records[0]!);

test('a pod is charged for the greater of what it asked for and what it used, in each stretch', () => {
  const meter = createMeter([], at(0));
  const web = pod('a', { boundAt: 30 });
  meter.look(look(60, [web], { a: 60 })); // half a core asked for 30 s, 60 s of cpu used
  const { pods, through, namespace, metadata } = only(meter.look(look(120, [web], { a: 61 }))); // 60 s, 1 s used
  assert.deepEqual([namespace, metadata.name, through], ['team', 'team.2026-11-22t10', iso(120)]);
  assert.deepEqual(pods![0]!.cpuCoreSeconds, { requested: 45, used: 61, charged: 60 + 30 });
  assert.deepEqual(pods![0]!.memoryGiBSeconds, { requested: 90, used: 45, charged: 90 });
  assert.deepEqual([pods![0]!.seconds, pods![0]!.networkBytes], [90, { received: 610, sent: 1_220 }]);
});

test('one that came and went between two looks is charged for its time', () => {
  const meter = createMeter([], at(0));
  const { pods } = only(meter.look(look(60, [pod('a', { boundAt: 10, finishedAt: 25 })], { a: 3 }, { deleted: [{ pod: pod('b', { boundAt: 20 }), atMs: at(50) }] })));
  assert.deepEqual(pods!.map(({ uid, seconds, cpuCoreSeconds }) => [uid, seconds, cpuCoreSeconds.charged]), [['a', 15, 7.5], ['b', 30, 15]]);
});

test('what is over is charged no longer', () => {
  const meter = createMeter([], at(0));
  const done = pod('a', { boundAt: 10, finishedAt: 25 });
  meter.look(look(60, [done], { a: 3 }));
  assert.equal(only(meter.look(look(120, [done], { a: 3 }))).pods![0]!.seconds, 15);
});

test('a restart goes on where the record ends: nothing is lost, nothing is counted twice', () => {
  const web = pod('a', { boundAt: 0 });
  const left = only(createMeter([], at(0)).look(look(60, [web], { a: 10 })));
  const { pods } = only(createMeter([left], at(200)).look(look(240, [web], { a: 130 })));
  assert.deepEqual([pods![0]!.seconds, pods![0]!.cpuCoreSeconds.used], [240, 130]);
});

test('after the machine was off, counters begin anew, and the pod is charged from its new start', () => {
  const web = pod('a', { boundAt: 0 });
  const left = only(createMeter([], at(0)).look(look(60, [web], { a: 10 })));
  const again = structuredClone(web);
  again.status!.containerStatuses = [{ name: 'main', image: '', imageID: '', ready: true, restartCount: 1, state: { running: { startedAt: iso(3_000) } } }];
  const { pods } = only(createMeter([left], at(3_050)).look(look(3_060, [again], { a: 5 })));
  assert.deepEqual([pods![0]!.seconds, pods![0]!.cpuCoreSeconds.used], [120, 15]);
});

test('at the full hour a new record begins', () => {
  const meter = createMeter([], at(3_570));
  const web = pod('a', { boundAt: 0 });
  const records = meter.look(look(3_630, [web], { a: 60 }));
  assert.deepEqual(records.map(({ metadata, pods }) => [metadata.name, pods![0]!.seconds, pods![0]!.cpuCoreSeconds.used]), [['team.2026-11-22t10', 30, 30], ['team.2026-11-22t11', 30, 30]]);
  assert.deepEqual(only(meter.look(look(3_660, [web], { a: 60 }))).metadata.name, 'team.2026-11-22t11');
});

test('a clock that is put back meters nothing twice', () => {
  const meter = createMeter([], at(0));
  const web = pod('a', { boundAt: 0 });
  meter.look(look(60, [web]));
  assert.deepEqual(meter.look(look(30, [web])), []);
  assert.equal(only(meter.look(look(90, [web]))).pods![0]!.seconds, 90);
});

test('rates stand in where nobody counts; a bound claim is metered by its size', () => {
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'team', creationTimestamp: iso(20) }, spec: { storageClassName: 'fast' }, status: { phase: 'Bound', capacity: { storage: '2Gi' } } };
  const { pods, claims } = only(createMeter([], at(0)).look(look(60, [pod('a', { boundAt: 0 })], {}, { readings: new Map([['a', { cpuCores: 2, workingSetBytes: 0 }]]), claims: [claim as never] })));
  assert.deepEqual([pods![0]!.cpuCoreSeconds, claims], [{ requested: 30, used: 120, charged: 120 }, [{ name: 'data', storageClassName: 'fast', gibSeconds: 80 }]]);
});

test('the day is the sum of its hours, a row a workload, node and labels', () => {
  const labels = { app: 'web', 'pod-template-hash': 'abc' };
  const owner = { kind: 'ReplicaSet', name: 'web-abc' };
  const meter = createMeter([], at(0));
  const pods = ['a', 'b'].map((uid) => pod(uid, { boundAt: 0, owner, labels }));
  const [first] = meter.look(look(3_600, pods, { a: 100, b: 200 }));
  const [second] = meter.look(look(7_200, [pods[0]!], { a: 150 }));
  const day = rollUp([first!, second!], dayOf(T0));
  assert.equal(day.metadata.name, 'team.2026-11-22');
  assert.deepEqual(day.pods!.map((row) => [row.name, row.owner, row.pods, row.labels, row.seconds, row.cpuCoreSeconds.used]), [['web', 'Deployment/web', 2, { app: 'web' }, 10_800, 350]]);
});

test('whose a pod is', () => {
  const owned = (kind: string, name: string, hash?: string) => workloadOf(pod('a', { boundAt: 0, owner: { kind, name }, ...(hash === undefined ? {} : { labels: { 'pod-template-hash': hash } }) }));
  assert.deepEqual([owned('ReplicaSet', 'web-5d', '5d'), owned('ReplicaSet', 'plain'), owned('Job', 'nightly-29384756'), owned('Job', 'once'), owned('StatefulSet', 'db'), workloadOf(pod('a', { boundAt: 0 }))],
    ['Deployment/web', 'ReplicaSet/plain', 'CronJob/nightly', 'Job/once', 'StatefulSet/db', undefined]);
});

test('the first record says since when there was metering, a later one does not', () => {
  const web = pod('a', { boundAt: 0 });
  const meter = createMeter([], at(1_800));
  const first = only(meter.look(look(1_860, [web], { a: 1 })));
  assert.deepEqual([first.start, first.from, meteredPeriod(first)], [iso(0), iso(1_800), { startMs: at(1_800), endMs: at(1_860) }]);
  const again = createMeter([first], at(1_900));
  assert.equal(only(again.look(look(1_920, [web], { a: 2 }))).from, iso(1_800));
  const next = again.look(look(3_700, [web], { a: 3 })).find(({ start }) => start === iso(3_600));
  assert.equal(next?.from, undefined);
  assert.equal(rollUp([first, next!], dayOf(at(0))).from, iso(1_800));
});

test('windows', () => {
  const shown = (text: string): string[] => Object.values(parseWindow(text, at(0))).map((ms) => new Date(ms).toISOString().slice(0, 16));
  assert.deepEqual(shown('2h'), ['2026-11-22T08:00', '2026-11-22T10:00']);
  assert.deepEqual(shown('7d'), ['2026-11-16T00:00', '2026-11-23T00:00'], 'today and the six days before, as of OpenCost');
  // core/pkg/opencost/window.go
  const whole = (text: string): string[] => Object.values(parseWindow(text, at(90), { wholeHours: true })).map((ms) => new Date(ms).toISOString().slice(0, 19));
  assert.deepEqual([whole('2h'), whole('45m'), whole('1w'), whole('45m offset 2h')], [['2026-11-22T09:00:00', '2026-11-22T11:00:00'], ['2026-11-22T09:17:00', '2026-11-22T10:02:00'], ['2026-11-16T00:00:00', '2026-11-23T00:00:00'], ['2026-11-22T07:16:30', '2026-11-22T08:01:30']]);
  assert.deepEqual([whole('week'), whole('month'), whole('today')], [['2026-11-22T00:00:00', '2026-11-22T10:01:30'], ['2026-11-01T00:00:00', '2026-11-22T10:01:30'], ['2026-11-22T00:00:00', '2026-11-23T00:00:00']]);
  assert.deepEqual(shown('month'), ['2026-11-01T00:00', '2026-11-22T10:00']);
  assert.deepEqual(shown('2026-02'), ['2026-02-01T00:00', '2026-03-01T00:00']);
  assert.deepEqual(shown('lastweek'), ['2026-11-15T00:00', '2026-11-22T00:00']);
  assert.deepEqual(shown(`${T0 / 1_000 - 60},${T0 / 1_000}`), ['2026-11-22T09:59', '2026-11-22T10:00']);
  assert.deepEqual(shown(`${T0 / 1_000 - 60}-${T0 / 1_000}`), ['2026-11-22T09:59', '2026-11-22T10:00']);
  for (const wrong of ['', '0h', '7', '7d offset', '7d offset x', '1-2-3', '2026-13', 'b,a', '2026-11-02T00:00:00Z,2026-11-01T00:00:00Z', '1,2,3']) assert.throws(() => parseWindow(wrong, at(0)), RangeError, wrong);
  assert.equal(HOUR_MS, 3_600_000);
});

test('parts of a period by the calendar', () => {
  const period = { startMs: Date.parse('2026-10-30T12:00:00Z'), endMs: Date.parse('2026-11-02T00:00:00Z') };
  const starts = CALENDAR.map((unit) => calendarOf(period, unit).map(({ startMs }) => new Date(startMs).toISOString().slice(0, 13)));
  assert.deepEqual([starts[0]!.length, ...starts.slice(1)], [60, ['2026-10-30T12', '2026-10-31T00', '2026-11-01T00'], ['2026-10-30T12', '2026-11-01T00'], ['2026-10-30T12', '2026-11-01T00'], ['2026-10-30T12']]);
  assert.equal(calendarOf(period, 'month').at(-1)?.endMs, period.endMs);
});

test('requests by routes are counted once, over a restart of llmos and of the proxy', () => {
  const route = (requests: number) => ({ routes: [{ kind: 'HTTPRoute', namespace: 'team', name: 'web', gateway: 'team/edge:80', requests }] });
  const left = only(createMeter([], at(0)).look(look(60, [], {}, route(10))));
  assert.deepEqual(left.routes, [{ kind: 'HTTPRoute', name: 'web', requests: 10 }]);
  const meter = createMeter([left], at(100));
  meter.look(look(120, [], {}, route(25)));
  meter.look(look(180, [])); // the gateway is away
  const [{ routes }] = meter.look(look(240, [], {}, route(4))) as [UsageRecord];
  assert.deepEqual(routes, [{ kind: 'HTTPRoute', name: 'web', requests: 29 }]);
  assert.deepEqual(rollUp([left, left], dayOf(at(0))).routes, [{ kind: 'HTTPRoute', name: 'web', requests: 20 }]);
});

test('requests are those of the pod that answered, over a restart of llmos', () => {
  const web = { ...pod('a', { boundAt: 0 }), status: { ...pod('a', { boundAt: 0 }).status, podIP: '10.244.0.3' } };
  const served = (requests: number): Partial<Look> => ({ served: new Map([['10.244.0.3', requests], ['10.244.0.9', 5]]) });
  const left = only(createMeter([], at(0)).look(look(60, [web], { a: 1 }, served(10))));
  assert.deepEqual([left.pods?.[0]?.requests, left.counters], [10, { a: [1, 10, 20, 10] }]);
  const meter = createMeter([left], at(100));
  meter.look(look(120, [web], { a: 2 }, served(25)));
  meter.look(look(180, [web], { a: 3 })); // the gateway is away
  meter.look(look(200, [web], {}, served(25))); // nobody counts the rest
  const last = only(meter.look(look(240, [web], { a: 4 }, served(4))));
  assert.deepEqual([last.pods?.[0]?.requests, last.pods?.[0]?.cpuCoreSeconds.used], [29, 4]);
  assert.equal(rollUp([left, left], dayOf(at(0))).pods?.[0]?.requests, 20);
});

test('what containers had, and what is said of pods and namespaces', () => {
  const container = (name: string, cpu: string) => ({ name, resources: { requests: { cpu, memory: '1Gi' } } });
  const web: Pod = pod('a', { boundAt: 0, labels: { app: 'web' } });
  const both: Pod = {
    ...web, metadata: { ...web.metadata, annotations: { 'example.com/cost-center': '42', 'kubectl.kubernetes.io/last-applied-configuration': '{}', long: 'x'.repeat(200) } },
    spec: { ...web.spec!, containers: [container('main', '300m')], initContainers: [{ ...container('proxy', '100m'), restartPolicy: 'Always' }, container('setup', '2')] },
  };
  const service = (name: string, selector?: Record<string, string>, namespace = 'team') => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: selector === undefined ? {} : { selector } });
  const servicesOf = servicesBy([service('web', { app: 'web' }), service('all', { app: 'web', tier: 'x' }), service('none'), service('other', { app: 'web' }, 'lab'), service('front', { app: 'web' })]);
  const used = (pods: number, main: number, proxy: number): Partial<Look> => ({ servicesOf, namespaceLabels: () => ({ team: 'apes', 'kubernetes.io/metadata.name': 'team' }), readings: new Map([['a', { counters: [pods, 0, 0], workingSetBytes: 2 ** 30, containers: [{ name: 'main', cpuSeconds: main, workingSetBytes: 2 ** 29 }, { name: 'proxy', cpuSeconds: proxy, workingSetBytes: 2 ** 28 }] }]]) });
  const meter = createMeter([], at(0));
  meter.look(look(60, [both], {}, used(10, 8, 2)));
  const { pods: [row] = [], namespaceLabels } = only(meter.look(look(120, [both], {}, used(50, 38, 1))));
  assert.ok(row !== undefined);
  assert.deepEqual([row.services, row.annotations, namespaceLabels], [['front', 'web'], { 'example.com/cost-center': '42' }, { team: 'apes' }]);
  // Nobody saw how they stood before the first look; the proxy began anew before the second.
  assert.deepEqual(row.containers!.map(({ name, cpuCoreSeconds, memoryGiBSeconds }) => [name, cpuCoreSeconds, memoryGiBSeconds!.used]), [['main', { requested: 36, used: 30, charged: 18 + 30 }, 60], ['proxy', { requested: 12, used: 1, charged: 12 }, 30]]);
  const { pods: [day] = [] } = rollUp([only(meter.look(look(180, [both], {}, used(50, 38, 1))))], dayOf(at(0)));
  assert.deepEqual([day?.containers?.map(({ name, cpuCoreSeconds }) => [name, cpuCoreSeconds!.used]), day?.services, day?.annotations], [[['main', 30], ['proxy', 1]], ['front', 'web'], { 'example.com/cost-center': '42' }]);
  const labelled = (second: number, labels: Record<string, string> | undefined) => only(meter.look(look(second, [both], {}, { ...used(50, 38, 1), namespaceLabels: () => labels }))).namespaceLabels;
  assert.deepEqual([labelled(240, undefined), labelled(300, {})], [{ team: 'apes' }, undefined], 'of a namespace that is gone what was seen last, of one that is there what it says');
  const parts = partsOf({ pod: row });
  assert.deepEqual(parts.map(({ container: name, pod: { cpuCoreSeconds } }) => [name, Math.round(cpuCoreSeconds.used * 31)]), [['main', 50 * 30], ['proxy', 50]]);
  for (const key of ['requested', 'used', 'charged'] as const) assert.ok(Math.abs(parts.reduce((sum, { pod: { memoryGiBSeconds } }) => sum + memoryGiBSeconds[key], 0) - row.memoryGiBSeconds[key]) < 1e-9, key);
  const alone = createMeter([], at(0)).look(look(60, [web], { a: 1 }));
  assert.deepEqual(only(alone).pods![0]!.containers, [{ name: 'main' }]);
});

test('claims are of the pods that have them, in equal parts, for as long as they do', () => {
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'team', creationTimestamp: iso(-1_000) }, spec: { storageClassName: 'fast' }, status: { phase: 'Bound' as const, capacity: { storage: '10Gi' } } };
  const mounting = (uid: string, boundAt: number): Pod => {
    const made = pod(uid, { boundAt });
    return { ...made, spec: { ...made.spec!, volumes: ['one', 'two'].map((name) => ({ name, persistentVolumeClaim: { claimName: 'data' } })) } };
  };
  const meter = createMeter([], at(0));
  const { pods, claims } = only(meter.look(look(60, [mounting('a', 0), mounting('b', 30)], {}, { claims: [claim] })));
  assert.deepEqual([pods!.map((row) => row.claims), claims![0]!.gibSeconds], [[{ data: 5 * 60 }, { data: 5 * 30 }], 600]);
  const record = only(meter.look(look(120, [mounting('b', 30)], {}, { claims: [claim], deleted: [{ pod: mounting('a', 0), atMs: at(90) }] })));
  assert.deepEqual([record.pods!.map((row) => row.claims!['data']), record.claims![0]!.gibSeconds], [[300 + 300, 150 + 600], 1_200], 'of one that went nobody knows who else had it');
  const [whole] = slicesIn([record], { startMs: at(0), endMs: at(120) });
  assert.deepEqual([whole!.claims.map(({ gibSeconds }) => gibSeconds), whole!.pods.map(({ claims: parts }) => parts)], [[1_200], [undefined, undefined]]);
  const shares = (from: number, to: number) => slicesIn([record], { startMs: at(from), endMs: at(to) }, { claimsOfPods: true }).map((slice) => [slice.claims.length, slice.pods.map(({ claims: parts }) => parts!.map(({ name, storageClassName, gibSeconds }) => [name, storageClassName, Math.round(gibSeconds)]))])[0];
  assert.deepEqual(shares(0, 120), [0, [[['data', 'fast', Math.round((1_200 * 600) / 1_350)]], [['data', 'fast', Math.round((1_200 * 750) / 1_350)]]]], 'and no more than there is');
  assert.deepEqual(shares(0, 60), [0, [[['data', 'fast', Math.round((600 * 600) / 1_350)]], [['data', 'fast', Math.round((600 * 750) / 1_350)]]]]);
});
