/** [sig-network] ServiceCIDR and IPAddress API: the ranges of Services, and whose an address is. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, call, create, get, gone, namespace, put, patch, refused, remove, until, watch, ok, type Body } from '../cluster.ts';
import { askFrom, askFromNode, serve, serverOf } from './servers.ts';

const PATH = '/apis/networking.k8s.io/v1';
const [RANGES, ADDRESSES] = [`${PATH}/servicecidrs`, `${PATH}/ipaddresses`];

const ready = (name: string): Promise<Body> => until(`${RANGES}/${name}`, ({ status }) => status?.conditions?.some((each: Body) => each.type === 'Ready' && each.status === 'True'));

async function discovered(...names: string[]): Promise<void> {
  assert.ok((await get('/apis')).groups.some((each: Body) => each.name === 'networking.k8s.io' && each.versions.some(({ version }: Body) => version === 'v1')));
  const { resources } = await get(PATH);
  for (const name of names) assert.ok(resources.some((each: Body) => each.name === name), name);
}

export function addresses(): void {
  behaviour('ServiceCIDR and IPAddress API should support ServiceCIDR API operations', async () => {
    await discovered('servicecidrs', 'servicecidrs/status');
    const own = await ready('kubernetes');
    assert.equal((await get(`${RANGES}/kubernetes/status`)).metadata.uid, own.metadata.uid);
    assert.ok((await get(RANGES)).items.some(({ metadata }: Body) => metadata.name === 'kubernetes'));

    const events = await watch(`${RANGES}?labelSelector=test%3Dmore`);
    await refused(422, 'POST', RANGES, { body: { metadata: { name: 'wrong' }, spec: { cidrs: ['203.0.113.1/24'] } } });
    await create(RANGES, { metadata: { name: 'more', labels: { test: 'more' } }, spec: { cidrs: ['203.0.113.0/24'] } });
    await events.nextOf('ADDED');
    await ready('more');
    await refused(422, 'PATCH', `${RANGES}/more`, { body: { spec: { cidrs: ['203.0.112.0/24'] } }, contentType: 'application/merge-patch+json' });
    assert.equal((await patch(`${RANGES}/more`, { metadata: { annotations: { patched: 'true' } } })).metadata.annotations.patched, 'true');
    const status = await patch(`${RANGES}/more/status`, { status: { conditions: [...(await get(`${RANGES}/more`)).status.conditions, { type: 'Other', status: 'True', reason: 'Tested', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }] } });
    assert.deepEqual(status.status.conditions.map(({ type }: Body) => type), ['Ready', 'Other']);

    // A Service may have an address of it, is reached there, and keeps the range from going.
    const ns = await namespace();
    const [one] = await serve(ns, serverOf('one', { labels: { app: 'one' } }), serverOf('client'));
    await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name: 'far' }, spec: { clusterIP: '203.0.113.10', selector: { app: 'one' }, ports: [{ port: 80, targetPort: 8080 }] } });
    assert.deepEqual((await until(`${ADDRESSES}/203.0.113.10`, () => true)).spec.parentRef, { resource: 'services', namespace: ns, name: 'far' });
    for (const ask of [() => askFrom(ns, 'client', { host: '203.0.113.10', port: 80 }), () => askFromNode({ host: '203.0.113.10', port: 80 })]) {
      await eventually(async () => (await ask())[0] === one!.metadata.name, { timeoutMs: 20_000, what: 'an answer at an address of the further range' });
    }
    await ok('DELETE', `${RANGES}/more`);
    await until(`${RANGES}/more`, (range) => range.status.conditions.some((each: Body) => each.type === 'Ready' && each.status === 'False' && each.reason === 'Terminating'));
    await remove(`/api/v1/namespaces/${ns}/services/far`);
    await gone(`${RANGES}/more`);
    await events.nextOf('DELETED');
    events.close();
    assert.equal((await get(`${RANGES}/kubernetes`)).metadata.uid, own.metadata.uid);
  });

  behaviour('ServiceCIDR and IPAddress API should support IPAddress API operations', async () => {
    await discovered('ipaddresses');
    const address = (name: string, type: string): Body => ({ metadata: { name, labels: { type } }, spec: { parentRef: { group: 'mygroup', resource: 'myresources', namespace: 'foo', name: 'bar' } } });
    for (const [name, body] of [['not canonical', address('fe80::0042:1', 'x')], ['no address', address('foo', 'x')], ['of nobody', { metadata: { name: '203.0.113.1' } }]] as [string, Body][]) {
      assert.equal((await call('POST', ADDRESSES, { body })).code, 422, name);
    }
    const events = await watch(`${ADDRESSES}?labelSelector=type%3Dbroadcast`);
    const made = await create(ADDRESSES, address('255.255.255.255', 'broadcast'));
    await create(ADDRESSES, address('fe80::42:1dff:fe84:f9e2', 'link-local'));
    await events.nextOf('ADDED');
    const patched = await patch(`${ADDRESSES}/255.255.255.255`, { metadata: { annotations: { patched: 'true' } } });
    assert.ok(Number(patched.metadata.resourceVersion) > Number(made.metadata.resourceVersion));
    await put(`${ADDRESSES}/255.255.255.255`, { ...patched, metadata: { ...patched.metadata, annotations: { updated: 'true' } } });
    assert.equal((await get(`${ADDRESSES}/255.255.255.255`)).metadata.annotations.updated, 'true');
    assert.equal((await get(`${ADDRESSES}?labelSelector=type%3Dbroadcast`)).items.length, 1);
    await remove(`${ADDRESSES}/255.255.255.255`);
    await events.nextOf('DELETED');
    events.close();
    await ok('DELETE', `${ADDRESSES}?labelSelector=type%3Dlink-local`);
    assert.deepEqual((await get(`${ADDRESSES}?labelSelector=type%3Dlink-local`)).items, []);

    // The addresses of Services are among them, and what somebody else has no Service gets.
    const { spec: { clusterIP } } = await get('/api/v1/namespaces/default/services/kubernetes');
    await until(`${ADDRESSES}/${clusterIP}`, ({ spec }) => spec.parentRef.resource === 'services' && spec.parentRef.name === 'kubernetes');
    const other = clusterIP.replace(/\d+$/, '200');
    await create(ADDRESSES, address(other, 'reserved'));
    await until(`${ADDRESSES}/${other}`, () => true);
    const ns = await namespace();
    const answer = await call('POST', `/api/v1/namespaces/${ns}/services`, { body: { metadata: { name: 's' }, spec: { clusterIP: other, ports: [{ port: 80 }] } } });
    assert.match(answer.body.message, /provided IP is already allocated/);
    await remove(`${ADDRESSES}/${other}`);
  });
}
