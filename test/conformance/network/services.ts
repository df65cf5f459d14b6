/** [sig-network] Services */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, create, get, gone, namespace, ok, patch, put, remove, until, watch, type Body } from '../cluster.ts';
import { askFrom, askFromNode, resolveFrom, serve, serverOf } from './servers.ts';

const at = (ns: string, name = ''): string => `/api/v1/namespaces/${ns}/services${name === '' ? '' : `/${name}`}`;
const web = { app: 'web' };
const PORT = { port: 80, targetPort: 8080, protocol: 'TCP' };

async function threeAnd(client: string): Promise<string> {
  const ns = await namespace();
  await serve(ns, ...['one', 'two', 'three'].map((name) => serverOf(name, { labels: web })), serverOf(client));
  return ns;
}

async function nodeAddress(): Promise<string> {
  const [node] = (await get('/api/v1/nodes')).items as Body[];
  return node.status.addresses.find((each: Body) => each.type === 'InternalIP').address;
}

/** Settles when the answers are from as many pods as that. */
async function answers(ask: () => Promise<string[]>, pods: number): Promise<void> {
  await eventually(async () => {
    const names = await ask();
    return names.every((each) => each !== '') && new Set(names).size === pods;
  }, { timeoutMs: 20_000, what: `answers of ${pods} pods` });
}

async function affinity(type: 'ClusterIP' | 'NodePort', how: { switched: boolean }): Promise<void> {
  const ns = await threeAnd('client');
  const made = await create(at(ns), { metadata: { name: 'sticky' }, spec: { type, selector: web, ports: [PORT], sessionAffinity: 'ClientIP' } });
  const ways = [{ host: made.spec.clusterIP, port: 80 }, { host: 'sticky', port: 80 }, ...(type === 'NodePort' ? [{ host: await nodeAddress(), port: made.spec.ports[0].nodePort }] : [])];
  for (const way of ways) await answers(() => askFrom(ns, 'client', { ...way, times: 9 }), 1);
  if (!how.switched) return;
  await patch(at(ns, 'sticky'), { spec: { sessionAffinity: 'None' } });
  for (const way of ways) await answers(() => askFrom(ns, 'client', { ...way, times: 9 }), 3);
  await patch(at(ns, 'sticky'), { spec: { sessionAffinity: 'ClientIP' } });
  for (const way of ways) await answers(() => askFrom(ns, 'client', { ...way, times: 9 }), 1);
}

export function services(): void {
  behaviour('API Server should provide secure master service', async () => {
    assert.equal((await get(at('default', 'kubernetes'))).spec.ports[0].port, 443);
  });

  behaviour('Services should find a service from listing all namespaces', async () => {
    assert.ok((await get('/api/v1/services')).items.some(({ metadata }: Body) => metadata.name === 'kubernetes' && metadata.namespace === 'default'));
  });

  behaviour('Services should be able to create a functioning NodePort service', async () => {
    const ns = await threeAnd('client');
    const made = await create(at(ns), { metadata: { name: 'port' }, spec: { type: 'NodePort', selector: web, ports: [PORT] } });
    for (const [host, port] of [['port', 80], [made.spec.clusterIP, 80], [await nodeAddress(), made.spec.ports[0].nodePort]]) await answers(() => askFrom(ns, 'client', { host, port, times: 9 }), 3);
  });

  behaviour('Services should have session affinity work for service with type clusterIP', () => affinity('ClusterIP', { switched: false }));
  behaviour('Services should have session affinity work for NodePort service', () => affinity('NodePort', { switched: false }));
  behaviour('Services should be able to switch session affinity for service with type clusterIP', () => affinity('ClusterIP', { switched: true }));
  behaviour('Services should be able to switch session affinity for NodePort service', () => affinity('NodePort', { switched: true }));

  for (const type of ['ClusterIP', 'NodePort'] as const) {
    behaviour(`Services should be able to change the type from ExternalName to ${type}`, async () => {
      const ns = await threeAnd('client');
      await create(at(ns), { metadata: { name: 'turning' }, spec: { type: 'ExternalName', externalName: 'foo.example.com' } });
      const now = await get(at(ns, 'turning'));
      assert.equal(now.spec.clusterIP, undefined);
      const made = await put(at(ns, 'turning'), { ...now, spec: { type, selector: web, ports: [PORT] } });
      await answers(() => askFrom(ns, 'client', { host: 'turning', port: 80, times: 9 }), 3);
      await answers(() => askFrom(ns, 'client', { host: made.spec.clusterIP, port: 80, times: 9 }), 3);
      if (type === 'NodePort') await answers(async () => askFrom(ns, 'client', { host: await nodeAddress(), port: made.spec.ports[0].nodePort, times: 9 }), 3);
    });

    behaviour(`Services should be able to change the type from ${type} to ExternalName`, async () => {
      const ns = await namespace();
      await serve(ns, serverOf('client'), serverOf('one', { labels: web }));
      await create(at(ns), { metadata: { name: 'target' }, spec: { selector: web, ports: [PORT] } });
      await create(at(ns), { metadata: { name: 'turning' }, spec: { type, selector: web, ports: [PORT] } });
      const now = await get(at(ns, 'turning'));
      const turned = await put(at(ns, 'turning'), { ...now, spec: { type: 'ExternalName', externalName: `target.${ns}.svc.cluster.local` } });
      assert.equal(turned.spec.clusterIP ?? '', '');
      const { clusterIP } = (await get(at(ns, 'target'))).spec;
      await eventually(async () => (await resolveFrom(ns, 'client', 'lookup', 'turning')) === clusterIP, { what: 'the name leads to the other service' });
    });
  }

  behaviour('Services should serve a basic endpoint from pods', async () => {
    const ns = await namespace();
    await create(at(ns), { metadata: { name: 'basic' }, spec: { selector: web, ports: [PORT] } });
    const addresses = (wanted: Body[]): Promise<Body> => until(`/api/v1/namespaces/${ns}/endpoints/basic`, ({ subsets = [] }) =>
      JSON.stringify(subsets.flatMap((each: Body) => each.addresses ?? []).map((each: Body) => each.ip).sort()) === JSON.stringify(wanted.map((pod) => pod.status.podIP).sort()));
    await addresses([]);
    const [one] = await serve(ns, serverOf('one', { labels: web }));
    await addresses([one]);
    const [two] = await serve(ns, serverOf('two', { labels: web }));
    await addresses([one, two]);
    await answers(() => askFrom(ns, 'one', { host: 'basic', port: 80, times: 6 }), 2);
    await remove(`/api/v1/namespaces/${ns}/pods/one`);
    await addresses([two]);
    await remove(`/api/v1/namespaces/${ns}/pods/two`);
    await addresses([]);
  });

  behaviour('Services should serve multiport endpoints from pods', async () => {
    const ns = await namespace();
    await create(at(ns), { metadata: { name: 'multi' }, spec: { selector: web, ports: [{ name: 'portname1', port: 80, targetPort: 'p1' }, { name: 'portname2', port: 81, targetPort: 'p2' }] } });
    const ports = (wanted: Record<string, string>): Promise<Body> => until(`/api/v1/namespaces/${ns}/endpoints/multi`, ({ subsets = [] }) =>
      JSON.stringify(subsets.flatMap((each: Body) => each.addresses.flatMap((address: Body) => each.ports.map((port: Body) => [port.name, address.ip]))).sort()) === JSON.stringify(Object.entries(wanted).sort()));
    await ports({});
    const [one] = await serve(ns, serverOf('one', { labels: web, container: { ports: [{ name: 'p1', containerPort: 80 }] } }));
    await ports({ portname1: one.status.podIP });
    const [two] = await serve(ns, serverOf('two', { labels: web, container: { ports: [{ name: 'p2', containerPort: 8080 }] } }));
    await ports({ portname1: one.status.podIP, portname2: two.status.podIP });
    assert.deepEqual([await askFromNode({ host: (await get(at(ns, 'multi'))).spec.clusterIP, port: 80 }), await askFromNode({ host: (await get(at(ns, 'multi'))).spec.clusterIP, port: 81 })], [['one'], ['two']]);
    await remove(`/api/v1/namespaces/${ns}/pods/one`);
    await ports({ portname2: two.status.podIP });
    await remove(`/api/v1/namespaces/${ns}/pods/two`);
    await ports({});
  });

  behaviour('Services should serve endpoints on same port and different protocols', async () => {
    const ns = await namespace();
    await serve(ns, serverOf('one', { labels: web }), serverOf('client'));
    const [tcp, udp] = [{ name: 'tcp', port: 80, protocol: 'TCP' }, { name: 'udp', port: 80, protocol: 'UDP' }];
    const { spec: { clusterIP: host } } = await create(at(ns), { metadata: { name: 'both' }, spec: { selector: web, ports: [tcp, udp] } });
    const expect = (wanted: [string, string]): Promise<unknown> => eventually(async () => {
      const seen = [(await askFrom(ns, 'client', { host, port: 80 }))[0], (await askFrom(ns, 'client', { host, port: 80, protocol: 'udp' }))[0]];
      return JSON.stringify(seen) === JSON.stringify(wanted);
    }, { timeoutMs: 60_000, what: `answers by TCP and UDP ${wanted.join()}` });
    await expect(['one', 'one']);
    for (const [ports, wanted] of [[[tcp], ['one', '']], [[udp], ['', 'one']]] as [Body[], [string, string]][]) {
      const now = await get(at(ns, 'both'));
      await put(at(ns, 'both'), { ...now, spec: { ...now.spec, ports } });
      await expect(wanted);
    }
  });

  behaviour('Services should complete a service status lifecycle', async () => {
    const ns = await namespace();
    await create(at(ns), { metadata: { name: 'life', labels: { 'test-service-static': 'true' } }, spec: { type: 'LoadBalancer', loadBalancerClass: 'example.com/none', ports: [{ port: 80 }] } });
    const status = `${at(ns, 'life')}/status`;
    assert.deepEqual((await get(status)).status.loadBalancer, {});
    const patched = await patch(status, { metadata: { annotations: { patchedstatus: 'true' } }, status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } } });
    assert.equal(patched.status.loadBalancer.ingress[0].ip, '203.0.113.1');
    const updated = await put(status, { ...patched, status: { ...patched.status, conditions: [{ type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from e2e test', lastTransitionTime: '2026-01-01T00:00:00Z' }] } });
    assert.equal(updated.status.conditions[0].type, 'StatusUpdate');
    assert.equal((await patch(at(ns, 'life'), { metadata: { labels: { 'test-service': 'patched' } } })).metadata.labels['test-service'], 'patched');
    await remove(at(ns, 'life'));
    await gone(at(ns, 'life'));
  });

  behaviour('Services should delete a collection of services', async () => {
    const ns = await namespace();
    for (const [name, label] of [['a', 'yes'], ['b', 'yes'], ['c', 'no']]) await create(at(ns), { metadata: { name, labels: { collected: label } }, spec: { ports: [{ port: 80 }] } });
    await ok('DELETE', `${at(ns)}?labelSelector=collected%3Dyes`);
    await eventually(async () => (await get(at(ns))).items.length === 1, { what: 'one service is left' });
  });

  behaviour('Endpoints should test the lifecycle of an Endpoint', async () => {
    const ns = await namespace();
    const path = `/api/v1/namespaces/${ns}/endpoints`;
    const events = await watch(`${path}?labelSelector=test-endpoint-static%3Dtrue`);
    await create(path, { metadata: { name: 'testservice', labels: { 'test-endpoint-static': 'true' } }, subsets: [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80 }] }] });
    await events.nextOf('ADDED');
    const now = await get(`${path}/testservice`);
    await put(`${path}/testservice`, { ...now, metadata: { ...now.metadata, labels: { ...now.metadata.labels, 'test-service': 'updated' } } });
    assert.equal((await events.nextOf('MODIFIED')).object.metadata.labels['test-service'], 'updated');
    await patch(`${path}/testservice`, { subsets: [{ addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'http-test', port: 8080 }] }] });
    assert.equal((await get(`${path}/testservice`)).subsets[0].addresses[0].ip, '10.0.0.25');
    await ok('DELETE', `${path}?labelSelector=test-endpoint-static%3Dtrue`);
    await events.nextOf('DELETED');
    events.close();
  });

  behaviour('Service endpoints latency should not be very high', async () => {
    const ns = await namespace();
    await serve(ns, serverOf('one', { labels: web }));
    const tookMs: number[] = [];
    for (let index = 0; index < 30; index++) {
      const fromMs = performance.now();
      await create(at(ns), { metadata: { name: `s${index}` }, spec: { selector: web, ports: [PORT] } });
      await until(`/api/v1/namespaces/${ns}/endpoints/s${index}`, ({ subsets }) => subsets?.length === 1);
      tookMs.push(performance.now() - fromMs);
    }
    tookMs.sort((a, b) => a - b);
    assert.ok((tookMs[15] ?? Infinity) < 20_000 && (tookMs[27] ?? Infinity) < 50_000, `median ${tookMs[15]} ms`);
  });
}
