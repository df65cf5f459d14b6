import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { silentLog } from '../../base/log.ts';
import { NOBODY } from '../../api/networking/isolation.ts';
import { memoryCache } from '../../sdk/testing/memory-cache.ts';
import { createBlocks } from './blocks.ts';
import type { Fragment } from './fragment.ts';
import type { ProxiedServices } from './proxy/proxied.ts';
import { createServiceFragments } from './service-fragments.ts';
import { indexSlices } from './service-index.ts';
import { service, slice } from './testing/machine.ts';

const mapOf = (name: string): string => createBlocks().place(`svc/default/${name}/tcp/80`, 1).map;
/** Services whose endpoints stand in the same map. */
const [ONE, ANOTHER, THIRD] = Array.from({ length: 3_000 }, (_, index) => `web-${index}`).filter((name, _, [first = '']) => mapOf(name) === mapOf(first)) as [string, string, string];

/** `asked` is what each is asked of the proxy for, and may throw. */
function world(asked: (key: string) => void = () => {}) {
  const [services, slices, told, again] = [memoryCache<Service>(), memoryCache<EndpointSlice>(), [] as string[], [] as string[]];
  indexSlices(slices);
  const refused = new Map<string, string>();
  const proxies: ProxiedServices = {
    want: async (key, wanted) => {
      refused.delete(key);
      try {
        if (wanted?.metadata.annotations !== undefined) asked(key);
      } catch (error) {
        refused.set(key, (error as Error).message);
        throw error;
      }
      return new Map();
    },
    flush: async () => {}, settle: async () => {}, metrics: async () => '', failure: (key) => refused.get(key), pid: () => undefined,
  };
  const fragments = createServiceFragments({
    services, slices, proxies, log: silentLog, whoIsIsolated: () => NOBODY, events: { event: (about, _type, reason, message) => void told.push(`${about.metadata.name} ${reason} ${message}`) },
    lookAgain: (key) => void again.push(key), facts: { nodeName: 'n1', podCidr: '10.61.0.0/16', gatewayIp: '10.61.0.1' },
  });
  return {
    services, slices, told, again, fragments,
    has(name: string, endpoints: number): void {
      services.set(service(name, { clusterIP: '10.62.0.9' }));
      slices.set(slice(name, Array.from({ length: endpoints }, (_, index) => `10.61.0.${index + 2}`)));
    },
  };
}

/** Where its endpoints begin, in the map that they all share. */
function baseOf(name: string, found: ReadonlyMap<string, Fragment | undefined>): number {
  const [rule = ''] = found.get(`default/${name}`)?.chains.get(`svc/default/${name}/tcp/80`) ?? [];
  return Number(new RegExp(`offset (\\d+) map @${mapOf(name)}$`).exec(rule)?.[1] ?? `no rule: ${rule}`);
}

test('the numbers of a Service are given to another when the kernel has its new rules, not before', async () => {
  const { fragments, has } = world();
  has(ONE, 2);
  const first = baseOf(ONE, await fragments.of([`default/${ONE}`]));
  fragments.written();
  has(ONE, 4);
  await fragments.of([`default/${ONE}`]);
  // The kernel did not take that.
  has(ANOTHER, 2);
  assert.notEqual(baseOf(ANOTHER, await fragments.of([`default/${ANOTHER}`])), first);
  fragments.written();
  has(THIRD, 2);
  assert.equal(baseOf(THIRD, await fragments.of([`default/${THIRD}`])), first);
});

test('a Service of which it cannot be found out what it wants holds up no other, and keeps its numbers', async () => {
  const { fragments, has, services, again } = world();
  has(ONE, 2);
  const first = baseOf(ONE, await fragments.of([`default/${ONE}`]));
  fragments.written();
  has(ONE, 4);
  services.set(service(ONE, { clusterIP: '10.62.0.9', ports: [{ port: 80, protocol: 'TCP' }, null as never] }));
  has(ANOTHER, 2);
  const found = await fragments.of([`default/${ONE}`, `default/${ANOTHER}`]);
  assert.deepEqual([...found.keys()], [`default/${ANOTHER}`]);
  assert.deepEqual(again, [`default/${ONE}`]);
  assert.notEqual(baseOf(ANOTHER, found), first);
  fragments.written();
  has(THIRD, 2);
  assert.notEqual(baseOf(THIRD, await fragments.of([`default/${THIRD}`])), first, 'the rules of before lead there still');
  services.remove(`default/${THIRD}`);
  has(ONE, 4);
  await fragments.of([`default/${ONE}`, `default/${THIRD}`]);
  fragments.written();
  has(THIRD, 2);
  const places = new Set([baseOf(THIRD, await fragments.of([`default/${THIRD}`]))]);
  const FOURTH = Array.from({ length: 9_000 }, (_, index) => `more-${index}`).find((name) => mapOf(name) === mapOf(ONE))!;
  has(FOURTH, 2);
  places.add(baseOf(FOURTH, await fragments.of([`default/${FOURTH}`])));
  assert.ok(places.has(first), 'now they do not');
});

test('a Service that the proxy has no port for is shared by the kernel, and told so once; the others go through it', async () => {
  let isFull = true;
  const { fragments, has, services, told, again } = world((key) => {
    if (isFull && key === `default/${ONE}`) throw new Error('no port is free for the proxy');
  });
  for (const name of [ONE, ANOTHER]) {
    has(name, 2);
    const plain = service(name, { clusterIP: '10.62.0.9' });
    services.set({ ...plain, metadata: { ...plain.metadata, annotations: { 'llmos.dev/load-balancing': 'least-connection' } } });
  }
  const keys = [`default/${ONE}`, `default/${ANOTHER}`];
  for (let times = 0; times < 2; times++) assert.deepEqual([...(await fragments.of(keys)).keys()], keys);
  assert.deepEqual(told, [`${ONE} SharedByKernel HAProxy cannot be had: as long as it is so, the kernel shares connections in turn, without health checks: no port is free for the proxy`]);
  assert.ok(again.every((key) => key === keys[0]) && again.length === 2, again.join());
  isFull = false;
  await fragments.of(keys);
  assert.deepEqual(told.slice(1), [`${ONE} SharedByProxy HAProxy is there: connections are shared as the service asks`]);
});
