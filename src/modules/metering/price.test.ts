import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PRICES, type PriceSheet } from '../../api/metering/price-sheet.ts';
import type { MeteredPod } from '../../api/metering/usage-record.ts';
import { allocationSets, summaryOf } from './allocation.ts';
import { toCsv } from './csv.ts';
import { FOCUS_COLUMNS, focusRows } from './focus.ts';
import { hourOf, type Period } from './periods.ts';
import { tariffFor } from './price.ts';
import { recordOf } from './record.ts';
import { statementOf } from './statement.ts';
import type { Subject } from './subject.ts';

const HOUR: Period = hourOf(Date.parse('2026-11-22T10:00:00Z'));
const row = (name: string, options: { cpu?: number; used?: number; labels?: Record<string, string>; sent?: number } = {}): MeteredPod => {
  const { cpu = 3_600, used = 1_800, labels, sent = 0 } = options;
  return {
    uid: `uid-${name}`, name, pods: 1, node: 'n1', owner: 'Deployment/web', seconds: 3_600, cpuCoreSeconds: { requested: cpu, used, charged: Math.max(cpu, used) }, memoryGiBSeconds: { requested: 7_200, used: 3_600, charged: 7_200 },
    otherSeconds: { 'nvidia.com/gpu': 3_600 }, networkBytes: { received: 0, sent }, ...(labels === undefined ? {} : { labels }),
  };
};
const record = (namespace: string, pods: MeteredPod[]) => recordOf(namespace, HOUR, { through: new Date(HOUR.endMs).toISOString(), pods, claims: [{ name: 'data', gibSeconds: 36_000 }] });
const sheet = (name: string, cpuCoreHour: number, more: Partial<PriceSheet['spec']> = {}): PriceSheet => ({ apiVersion: 'metering.llmos.dev/v1alpha1', kind: 'PriceSheet', metadata: { name }, spec: { currency: 'EUR', prices: { cpuCoreHour, memoryGiBHour: 1, storageGiBHour: 0.5, networkSentGiB: 8, otherHours: { 'nvidia.com/gpu': 100 } }, ...more } });
const sheets = [sheet('all', 2)];

test('which sheet holds', () => {
  const several = [sheet('all', 1), sheet('later', 2, { effectiveFrom: '2026-11-01T00:00:00Z' }), sheet('never', 3, { effectiveFrom: '2027-01-01T00:00:00Z' }), sheet('theirs', 4, { namespaces: ['lab'] })];
  const of = (namespace: string, time: string): string => tariffFor(several, namespace, Date.parse(time)).name;
  assert.deepEqual([of('team', '2026-11-22T00:00:00Z'), of('team', '2026-10-01T00:00:00Z'), of('lab', '2026-11-22T00:00:00Z')], ['later', 'all', 'theirs']);
  assert.deepEqual(tariffFor([], 'team', 0), { name: 'default', currency: 'USD', prices: DEFAULT_PRICES });
});

test('a bill adds up to the parts of it, however it is cut', () => {
  const records = [record('team', [row('a', { labels: { app: 'x' } }), row('b', { sent: 2 ** 30, labels: { app: 'y' } })]), record('lab', [row('c')])];
  // Each pod: a core hour at 2, two GiB hours at 1, a piece at 100; b sent a GiB at 8; the claim 10 GiB hours at 0.5.
  const costs = (by: string): Record<string, number> => Object.fromEntries(statementOf(records, sheets, HOUR, by).lines.map(({ name, cost }) => [name, cost]));
  assert.deepEqual(costs('namespace'), { team: 221, lab: 109 });
  assert.deepEqual(costs('label:app'), { y: 112, x: 104, __unallocated__: 114 });
  const dotted = [record('team', [row('a', { labels: { 'app.kubernetes.io/name': 'x' } }), row('b', { labels: { 'app.kubernetes.io/name': 'y', app_kubernetes_io_name: 'own' } })])];
  const names = statementOf(dotted, sheets, HOUR, 'label:app_kubernetes_io_name').lines.map(({ name }) => name);
  assert.deepEqual(names.toSorted(), ['__unallocated__', 'own', 'x'], "labels have OpenCost's names, too");
  assert.deepEqual(costs('namespace,pod'), { 'team/b': 112, 'team/a': 104, 'lab/c': 104, 'team/__unallocated__': 5, 'lab/__unallocated__': 5 });
  assert.throws(() => statementOf(records, sheets, HOUR, 'colour'), /nothing to group by: write cluster, namespace/);
  const focus = focusRows(records, sheets, HOUR, { cluster: 'home' });
  assert.equal(focus.reduce((sum, { BilledCost }) => sum + (BilledCost as number), 0), 330);
  const [set] = allocationSets(records, sheets, { period: HOUR, aggregate: 'namespace' });
  assert.deepEqual(Object.values(set!).map(({ name, totalCost }) => [name, totalCost]), [['team', 221], ['lab', 109]]);
});

test('half of an hour costs half', () => {
  const half = { startMs: HOUR.startMs + 1_800_000, endMs: HOUR.endMs + 1_800_000 };
  assert.equal(statementOf([record('team', [row('a')])], sheets, half, 'namespace').lines[0]!.cost, 54.5);
});

test('an allocation in the shape of OpenCost, idle included', () => {
  const [set] = allocationSets([record('team', [row('a')])], sheets, { period: HOUR, aggregate: 'namespace', capacity: { cpuCores: 4, memoryBytes: 8 * 2 ** 30 } });
  const { team, __idle__: idle } = set!;
  assert.deepEqual([team!.minutes, team!.cpuCores, team!.cpuCoreRequestAverage, team!.cpuCoreUsageAverage, team!.cpuCoreHours, team!.cpuEfficiency, team!.cpuCost], [60, 1, 1, 0.5, 1, 0.5, 2]);
  assert.deepEqual([team!.ramBytes, team!.ramByteHours, team!.ramEfficiency, team!.gpuHours, team!.gpuCost, team!.pvBytes, team!.pvCost], [2 ** 31, 2 ** 31, 0.5, 1, 100, 10 * 2 ** 30, 5]);
  assert.deepEqual([idle!.cpuCoreHours, idle!.ramByteHours, idle!.totalCost], [3, 6 * 2 ** 30, 12]);
  assert.deepEqual(allocationSets([record('team', [row('a')])], sheets, { period: HOUR, stepMs: 900_000, aggregate: 'cluster' }).map(({ cluster }) => cluster!.totalCost), [27.25, 27.25, 27.25, 27.25]);
  const [named] = allocationSets([record('team', [row('a')])], sheets, { period: HOUR, aggregate: 'cluster', cluster: 'home' });
  assert.deepEqual([Object.keys(named!), named!['home']!.properties], [['home'], { cluster: 'home', node: 'n1', controller: 'web', controllerKind: 'deployment', namespace: 'team', pod: 'a' }]);
});

test('a summary of allocations', () => {
  const sets = allocationSets([record('team', [row('a')])], sheets, { period: HOUR, parts: [HOUR], aggregate: 'namespace', capacity: { cpuCores: 4, memoryBytes: 8 * 2 ** 30 }, sharesIdle: true });
  assert.deepEqual([sets[0]!['team']!.cpuCostIdle, sets[0]!['team']!.ramCostIdle], [6, 6]);
  const { step, sets: [{ allocations, window }] } = summaryOf(sets, [HOUR], HOUR) as { step: number; sets: [{ allocations: Record<string, object>; window: object }] };
  assert.deepEqual([step, window, allocations['team']], [3_600e9, { start: '2026-11-22T10:00:00Z', end: '2026-11-22T11:00:00Z' }, {
    name: 'team', start: '2026-11-22T10:00:00Z', end: '2026-11-22T11:00:00Z', cpuCoreRequestAverage: 1, cpuCoreUsageAverage: 0.5, cpuCost: 8, cpuCostIdle: 6, gpuCost: 100, gpuCostIdle: 0, networkCost: 0, loadBalancerCost: 0, pvCost: 5,
    ramByteRequestAverage: 2 ** 31, ramByteUsageAverage: 2 ** 30, ramCost: 8, ramCostIdle: 6, sharedCost: 0, externalCost: 0, totalEfficiency: 0.5, totalCost: 121,
  }]);
});

test('a filter shows some, and what is idle is shared by all', () => {
  const both = [record('team', [row('a')]), record('lab', [row('b')])];
  const capacity = { cpuCores: 4, memoryBytes: 8 * 2 ** 30 };
  const costs = (more: object): Record<string, number> => Object.fromEntries(Object.entries(allocationSets(both, sheets, { period: HOUR, aggregate: 'namespace', capacity, ...more })[0]!).map(([name, { totalCost }]) => [name, totalCost]));
  assert.deepEqual(costs({}), { team: 109, lab: 109, __idle__: 8 });
  assert.deepEqual(costs({ sharesIdle: true }), { team: 113, lab: 113 });
  assert.deepEqual(costs({ filter: ({ namespace }: Subject) => namespace === 'lab', sharesIdle: true }), { lab: 113 });
  assert.deepEqual(costs({ aggregate: 'deployment,clusterQueue', filter: () => true }), { 'web/__unallocated__': 208, '__unallocated__/__unallocated__': 10, __idle__: 8 });
});

test('a request costs once: of the pod that answered it, else of its route', () => {
  const web = { ...recordOf('team', HOUR, { through: new Date(HOUR.endMs).toISOString(), pods: [{ ...row('a', { labels: { app: 'x' } }), requests: 2e6 }, { ...row('b'), requests: 1e6 }], routes: [{ kind: 'HTTPRoute', name: 'web', requests: 4e6 }] }) };
  const priced = [sheet('requests', 0, { prices: { millionRequests: 10 } })];
  const asked = (by: string, records = [web]): Record<string, number[]> => Object.fromEntries(statementOf(records, priced, HOUR, by).lines.map(({ name, requests, cost }) => [name, [requests, cost]]));
  assert.deepEqual(asked('namespace'), { team: [4e6, 40] });
  assert.deepEqual(asked('label:app'), { x: [2e6, 20], __unallocated__: [2e6, 20] });
  assert.deepEqual(asked('pod'), { a: [2e6, 20], b: [1e6, 10], __unallocated__: [1e6, 10] });
  // It answered for routes of others, who pay.
  assert.deepEqual(asked('pod', [{ ...web, routes: [] }]), { a: [0, 0], b: [0, 0] });
  const requests = focusRows([web], priced, HOUR, { cluster: 'home' }).filter(({ SkuMeter }) => SkuMeter === 'requests');
  assert.equal(requests.reduce((sum, { BilledCost }) => sum + (BilledCost as number), 0), 40);
  assert.deepEqual(requests.map(({ ConsumedQuantity, ConsumedUnit, PricingQuantity, PricingUnit }) => [ConsumedQuantity, ConsumedUnit, PricingQuantity, PricingUnit])[0], [2e6, 'Requests', 2, '1000000 Requests']);
});

test('FOCUS: every column in every row, and the unit prices times the quantities are the costs', () => {
  const rows = focusRows([record('team', [row('a')])], sheets, HOUR, { cluster: 'home' });
  assert.deepEqual(rows.map(({ SkuMeter, ConsumedQuantity, PricingUnit, ServiceCategory }) => [SkuMeter, ConsumedQuantity, PricingUnit, ServiceCategory]), [
    ['cpu', 1, 'Core-Hours', 'Compute'], ['memory', 2, 'GiB-Hours', 'Compute'], ['nvidia.com/gpu', 1, 'Unit-Hours', 'Compute'], ['storage', 10, 'GiB-Hours', 'Storage'],
  ]);
  for (const each of rows) {
    assert.deepEqual(Object.keys(each), [...FOCUS_COLUMNS]);
    assert.equal((each.ListUnitPrice as number) * (each.PricingQuantity as number), each.ListCost);
    assert.deepEqual([each.BillingPeriodStart, each.BillingPeriodEnd, each.ChargePeriodStart, each.ChargePeriodEnd, each.SubAccountId, each.BillingCurrency, each.ChargeCategory], ['2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z', '2026-11-22T10:00:00Z', '2026-11-22T11:00:00Z', 'team', 'EUR', 'Usage']);
  }
});

test('csv quotes what it must, writes no exponents, and no text is a formula', () => {
  assert.equal(toCsv(['a', 'b'], [{ a: 'x,"y"', b: 0.0000001 }, { a: null, b: 3 }, { a: '=1+1', b: -2 }]), 'a,b\r\n"x,""y""",0.0000001\r\n,3\r\n\'=1+1,-2\r\n');
});
