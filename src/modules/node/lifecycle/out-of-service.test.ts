import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { silentLog } from '../../../base/log.ts';
import type { Cache } from '../../../sdk/cache.ts';
import { createCaches } from '../../../sdk/caches.ts';
import { carriesOut } from '../../../sdk/carried-out.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { EndpointSliceKind } from '../kinds.ts';
import { memoryCluster } from '../testing/memory-cluster.ts';
import { outOfService } from './out-of-service.ts';

const slice = (conditions: object): EndpointSlice => ({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'web-1', namespace: 'default' }, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], conditions, targetRef: { kind: 'Pod', uid: 'one' } }, { addresses: ['10.0.0.9'] }] });
const [READY, LEAVING, PUBLISHED] = [{ ready: true }, { ready: false, serving: true, terminating: true }, { ready: true, terminating: true }];

for (const [what, leaving] of [['terminating', LEAVING], ['terminating, of a Service that publishes all addresses', PUBLISHED]] as const) {
  test(`a pod is out of service when it is ${what}, and those who lead to it know`, async () => {
    const end = new AbortController();
    const cluster = memoryCluster();
    const caches = (): ReturnType<typeof createCaches> => createCaches({ client: cluster.client, log: silentLog, signal: end.signal });
    const [ours, theirs] = [caches().of(EndpointSliceKind), caches().of(EndpointSliceKind)];
    const place = { instance: `test-${what}`, signal: end.signal };
    const service = outOfService(ours, place);
    const written = Promise.withResolvers<void>();
    let asked = 0;
    const stop = carriesOut(place.instance, theirs, () => {
      asked += 1;
      assert.equal(theirs.get('default/web-1')?.endpoints?.[0]?.conditions?.terminating, true, 'it has seen what it is asked of');
      return written.promise;
    });
    const failing = carriesOut(place.instance, theirs, () => Promise.reject(new Error('the rules cannot be written')));
    cluster.put(EndpointSliceKind, slice(READY));
    await eventually(async () => ours.get('default/web-1') !== undefined);
    assert.equal(service.of('another'), undefined, 'who is in no Service does not wait');
    let left = false;
    const leaves = service.of('one')!.then(() => { left = true; });
    await new Promise((soon) => setImmediate(soon));
    assert.deepEqual([left, asked], [false, 0]);
    cluster.put(EndpointSliceKind, slice(leaving));
    await eventually(async () => asked === 1);
    assert.equal(left, false);
    written.resolve();
    await leaves;
    // One that was taken out a moment ago is waited for, too.
    await service.of('one');
    assert.equal(asked, 2);
    for (const each of [stop, failing]) each();
    await service.of('one');
    assert.equal(asked, 2, 'nobody carries it out any more');
    end.abort();
  });
}

test('a slice that goes on leading to a pod, as one made by hand may, is not waited for without end', async () => {
  const end = new AbortController();
  const cluster = memoryCluster();
  const cache = createCaches({ client: cluster.client, log: silentLog, signal: end.signal }).of(EndpointSliceKind);
  const service = outOfService(cache, { instance: 'test-by-hand', signal: end.signal });
  cluster.put(EndpointSliceKind, slice(READY));
  await eventually(async () => cache.get('default/web-1') !== undefined);
  const awake = setInterval(() => {}, 1_000);
  await service.of('one');
  clearInterval(awake);
  end.abort();
});

test('one that carries out and has stopped is not waited for, though it has not seen all', async () => {
  const [end, theirEnd] = [new AbortController(), new AbortController()];
  const cluster = memoryCluster();
  const [ours, theirs] = [end, theirEnd].map(({ signal }) => createCaches({ client: cluster.client, log: silentLog, signal }).of(EndpointSliceKind)) as [Cache<EndpointSlice>, Cache<EndpointSlice>];
  const place = { instance: 'test-stopped', signal: end.signal };
  const service = outOfService(ours, place);
  let asked = 0;
  const stop = carriesOut(place.instance, theirs, async () => void (asked += 1));
  cluster.put(EndpointSliceKind, slice(READY));
  await eventually(async () => ours.get('default/web-1') !== undefined && theirs.get('default/web-1') !== undefined);
  theirEnd.abort();
  await new Promise((soon) => setImmediate(soon));
  cluster.put(EndpointSliceKind, slice(LEAVING));
  await eventually(async () => ours.get('default/web-1')?.endpoints?.[0]?.conditions?.terminating === true);
  let left = false;
  const leaves = service.of('one')!.then(() => { left = true; });
  for (let turn = 0; turn < 5; turn++) await new Promise((soon) => setImmediate(soon));
  assert.equal(left, false, 'it may still catch up');
  stop();
  await leaves;
  assert.equal(asked, 0);
  end.abort();
});
