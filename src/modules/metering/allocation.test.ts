import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PriceSheet } from '../../api/metering/price-sheet.ts';
import type { MeteredPod, UsageRecord } from '../../api/metering/usage-record.ts';
import type { Allocation } from './allocation-fields.ts';
import { allocationSets, type AllocationQuery } from './allocation.ts';
import { parseFilter } from './filter.ts';
import { hourOf } from './periods.ts';
import { recordOf } from './record.ts';
import { statementOf } from './statement.ts';

const HOUR = hourOf(Date.parse('2026-11-22T10:00:00Z'));
const SHEETS: PriceSheet[] = [{ apiVersion: 'metering.llmos.dev/v1alpha1', kind: 'PriceSheet', metadata: { name: 'house' }, spec: { currency: 'EUR', prices: { cpuCoreHour: 1, memoryGiBHour: 0.5, storageGiBHour: 0.5, networkSentGiB: 8 } } }];
const amount = (hours: number, used = hours) => ({ requested: hours * 3_600, used: used * 3_600, charged: Math.max(hours, used) * 3_600 });
const pod = (name: string, cores: number, more: Partial<MeteredPod> = {}): MeteredPod => ({ uid: name, name, pods: 1, node: 'n1', owner: `Deployment/${name}`, seconds: 3_600, cpuCoreSeconds: amount(cores), memoryGiBSeconds: amount(2), networkBytes: { received: 0, sent: 0 }, ...more });
const record = (namespace: string, pods: MeteredPod[], more: Partial<UsageRecord> = {}): UsageRecord => recordOf(namespace, HOUR, { through: new Date(HOUR.endMs).toISOString(), pods, ...more });
const RECORDS = [
  record('shop', [
    pod('web', 3, { labels: { app: 'web' }, services: ['front', 'web'], annotations: { 'example.com/cost-center': '42' }, containers: [{ name: 'main', cpuCoreSeconds: amount(2), memoryGiBSeconds: amount(1) }, { name: 'proxy', cpuCoreSeconds: amount(0.5, 1), memoryGiBSeconds: amount(1) }], networkBytes: { received: 0, sent: 2 ** 30 } }),
    pod('nightly', 1, { owner: 'CronJob/nightly', containers: [{ name: 'main' }] }),
  ], { namespaceLabels: { team: 'apes' } }),
  record('kube-system', [pod('dns', 1, { labels: { team: 'bees', app: 'dns' } })]),
];
const costs = (aggregate: string, more: Partial<AllocationQuery> = {}): Record<string, number> => Object.fromEntries(Object.entries(setOf(aggregate, more)).map(([name, { totalCost }]) => [name, totalCost]));
const setOf = (aggregate: string, more: Partial<AllocationQuery> = {}): Record<string, Allocation> => allocationSets(RECORDS, SHEETS, { period: HOUR, aggregate, ...more })[0]!;

test('by all that OpenCost groups by', () => {
  for (const [aggregate, wanted] of [
    ['namespace', { shop: 14, 'kube-system': 2 }], ['NameSpace', { shop: 14, 'kube-system': 2 }], ['all', { '': 16 }], ['cluster', { cluster: 16 }],
    ['controller', { 'deployment:web': 12, 'cronjob:nightly': 2, 'deployment:dns': 2 }], ['controllerNamespace', { 'deployment:shop:web': 12, 'cronjob:shop:nightly': 2, 'deployment:kube-system:dns': 2 }], ['namespace,controllerNamespace', { 'shop/deployment:web': 12, 'shop/cronjob:nightly': 2, 'kube-system/deployment:dns': 2 }],
    ['job', { nightly: 2, __unallocated__: 14 }], ['service', { front: 12, __unallocated__: 4 }], ['annotation:example_com_cost_center', { '42': 12, __unallocated__: 4 }], ['annotation:example.com/cost-center,service', { '42/front': 12, '__unallocated__/__unallocated__': 4 }],
    ['label:team', { apes: 14, bees: 2 }], ['team', { apes: 14, bees: 2 }], ['product', { web: 12, dns: 2, __unallocated__: 2 }], ['department', { __unallocated__: 16 }],
    // two thirds of the requests and of what was used are main's, half of the memory, half of what was sent
    ['container', { main: 2 + 0.5 + 4 + 2, proxy: 1 + 0.5 + 4, __unallocated__: 2 }], ['', { 'cluster/n1/shop/web/main': 6.5, 'cluster/n1/shop/web/proxy': 5.5, 'cluster/n1/shop/nightly/main': 2, 'cluster/n1/kube-system/dns/__unallocated__': 2 }],
  ] as [string, Record<string, number>][]) assert.deepEqual(costs(aggregate), wanted, aggregate);
  assert.deepEqual(Object.fromEntries(statementOf(RECORDS, SHEETS, HOUR, 'container').lines.map(({ name, cost }) => [name, cost])), { main: 8.5, proxy: 5.5, __unallocated__: 2 });
  assert.deepEqual(costs('namespace', { filter: parseFilter('container:"proxy"'), byContainer: true }), { shop: 5.5 });
});

test('what all of an allocation have in common are its properties', () => {
  const web = { cluster: 'cluster', node: 'n1', controller: 'web', controllerKind: 'deployment', namespace: 'shop', pod: 'web' };
  assert.deepEqual(setOf('pod')['web']!.properties, { ...web, services: ['front', 'web'], labels: { team: 'apes', app: 'web' }, annotations: { 'example.com/cost-center': '42' }, namespaceLabels: { team: 'apes' } });
  assert.deepEqual(setOf('namespace')['shop']!.properties, { cluster: 'cluster', node: 'n1', namespace: 'shop', namespaceLabels: { team: 'apes' } });
  assert.deepEqual(setOf('namespace', { metadata: true })['shop']!.properties, { cluster: 'cluster', node: 'n1', namespace: 'shop', labels: { team: 'apes' }, namespaceLabels: { team: 'apes' } });
  assert.deepEqual(setOf('', {})['cluster/n1/shop/web/proxy']!.properties['container'], 'proxy');
  const withClaim = allocationSets([record('shop', [pod('web', 1)], { claims: [{ name: 'data', gibSeconds: 3_600 }] })], SHEETS, { period: HOUR, aggregate: 'namespace' })[0]!;
  assert.deepEqual([withClaim['shop']!.properties, withClaim['shop']!.totalCost], [{ ...web }, 2.5]);
});

test('what is there for everybody is shared by what each costs, or evenly', () => {
  const isShared = parseFilter('namespace:"kube-system"');
  assert.deepEqual(costs('controller', { sharing: { isShared, split: 'weighted' } }), { 'deployment:web': 12 + (2 * 12) / 14, 'cronjob:nightly': 2 + (2 * 2) / 14 });
  assert.deepEqual(costs('controller', { sharing: { isShared, split: 'even' } }), { 'deployment:web': 13, 'cronjob:nightly': 3 });
  const shown = setOf('controller', { sharing: { isShared, split: 'even' }, filter: parseFilter('controllerKind:"cronjob"') });
  assert.deepEqual(Object.values(shown).map(({ name, sharedCost, totalCost }) => [name, sharedCost, totalCost]), [['cronjob:nightly', 1, 3]], 'who is not shown bears a part all the same');
});

test('what pods have of claims is theirs, and the rest nobody\'s', () => {
  const mounted = [record('shop', [pod('web', 1, { claims: { data: 3_600 }, containers: [{ name: 'main' }, { name: 'proxy' }] })], { claims: [{ name: 'data', gibSeconds: 7_200 }, { name: 'old', gibSeconds: 3_600 }] })];
  const of = (aggregate: string): Record<string, number[]> => Object.fromEntries(Object.entries(allocationSets(mounted, SHEETS, { period: HOUR, aggregate })[0]!).map(([name, { pvCost, pvByteHours, totalCost }]) => [name, [pvCost, pvByteHours / 2 ** 30, totalCost]]));
  assert.deepEqual(of('controller'), { 'deployment:web': [0.5, 1, 2.5], __unallocated__: [1, 2, 1] });
  assert.deepEqual(of('container'), { main: [0.25, 0.5, 1.25], proxy: [0.25, 0.5, 1.25], __unallocated__: [1, 2, 1] });
  assert.deepEqual(of('namespace'), { shop: [1.5, 3, 3.5] });
  assert.deepEqual(statementOf(mounted, SHEETS, HOUR, 'pod').lines.map(({ name, storageGiBHours, cost }) => [name, storageGiBHours, cost]), [['web', 1, 2.5], ['__unallocated__', 2, 1]]);
});
