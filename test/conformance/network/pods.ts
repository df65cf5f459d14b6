/** [sig-network] Networking, DNS, EndpointSlice */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, create, get, gone, kubectl, namespace, patch, put, remove, until, type Body } from '../cluster.ts';
import { liveThrough } from '../resource-life.ts';
import { askFrom, askFromNode, resolveFrom, serve, serverOf } from './servers.ts';

const web = { app: 'web' };

export function networking(): void {
  for (const protocol of ['http', 'udp'] as const) {
    const port = protocol === 'http' ? 8080 : 8081;
    behaviour(`Networking Granular Checks: Pods should function for intra-pod communication: ${protocol}`, async () => {
      const ns = await namespace();
      const pods = await serve(ns, serverOf('one'), serverOf('two'), serverOf('three'));
      for (const pod of pods) assert.deepEqual(await askFrom(ns, 'one', { host: pod.status.podIP, port, protocol }), [pod.metadata.name]);
    });
    behaviour(`Networking Granular Checks: Pods should function for node-pod communication: ${protocol}`, async () => {
      const ns = await namespace();
      for (const pod of await serve(ns, serverOf('one'), serverOf('two'))) assert.deepEqual(await askFromNode({ host: pod.status.podIP, port, protocol }), [pod.metadata.name]);
    });
  }
}

export function names(): void {
  behaviour('DNS should provide DNS for the cluster', async () => {
    const ns = await namespace();
    await serve(ns, serverOf('client'));
    for (const name of ['kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local']) assert.equal(await resolveFrom(ns, 'client', 'lookup', name), '10.96.0.1', name);
  });

  behaviour('DNS should provide /etc/hosts entries for the cluster', async () => {
    const ns = await namespace();
    const [pod] = await serve(ns, serverOf('querier', { spec: { ...serverOf('x').spec, hostname: 'dns-querier-1', subdomain: 'dns-test-service' } }));
    const hosts = await kubectl('exec', '-n', ns, 'querier', '--', 'cat', '/etc/hosts');
    assert.match(hosts, new RegExp(`^${pod.status.podIP.replaceAll('.', '\\.')}\\s+dns-querier-1\\.dns-test-service\\.${ns}\\.svc\\.cluster\\.local\\s+dns-querier-1$`, 'm'));
    assert.equal(await resolveFrom(ns, 'querier', 'lookup', 'dns-querier-1'), pod.status.podIP);
  });

  const both = async (): Promise<{ ns: string; pod: Body; clusterIP: string }> => {
    const ns = await namespace();
    const path = `/api/v1/namespaces/${ns}/services`;
    await create(path, { metadata: { name: 'headless' }, spec: { clusterIP: 'None', selector: web, ports: [{ name: 'http', port: 80 }] } });
    const { spec: { clusterIP } } = await create(path, { metadata: { name: 'normal' }, spec: { selector: web, ports: [{ name: 'http', port: 80 }] } });
    const [pod] = await serve(ns, serverOf('one', { labels: web }));
    await eventually(async () => (await resolveFrom(ns, 'one', 'lookup', 'headless')) === pod.status.podIP, { what: 'the headless service has its pod' });
    return { ns, pod, clusterIP };
  };

  behaviour('DNS should provide DNS for services', async () => {
    const { ns, pod, clusterIP } = await both();
    for (const [name, address] of [['headless', pod.status.podIP], ['normal', clusterIP]]) {
      assert.equal(await resolveFrom(ns, 'one', 'resolve4', `${name}.${ns}.svc.cluster.local`), address);
      assert.match(await resolveFrom(ns, 'one', 'resolveSrv', `_http._tcp.${name}.${ns}.svc.cluster.local`), /:80$/);
    }
    assert.equal(await resolveFrom(ns, 'one', 'reverse', clusterIP), `normal.${ns}.svc.cluster.local`);
  });

  behaviour('DNS should resolve DNS of partial qualified names for services', async () => {
    const { ns, pod, clusterIP } = await both();
    for (const [name, address] of [['headless', pod.status.podIP], ['normal', clusterIP]]) {
      for (const full of [name, `${name}.${ns}`, `${name}.${ns}.svc`]) assert.equal(await resolveFrom(ns, 'one', 'lookup', full), address, full);
    }
  });

  for (const [what, plain] of [['Hostname', true], ['Subdomain', false]] as const) {
    behaviour(`DNS should provide DNS for pods for ${what}`, async () => {
      const ns = await namespace();
      await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name: 'subdomain' }, spec: { clusterIP: 'None', selector: web, ports: [{ name: 'http', port: 80 }] } });
      const [pod] = await serve(ns, serverOf('one', { labels: web, spec: { ...serverOf('x').spec, hostname: 'querier', subdomain: 'subdomain' } }));
      const name = plain ? `querier.subdomain.${ns}.svc.cluster.local` : `subdomain.${ns}.svc.cluster.local`;
      await eventually(async () => (await resolveFrom(ns, 'one', 'resolve4', name)) === pod.status.podIP, { what: name });
    });
  }

  behaviour('DNS should provide DNS for ExternalName services', async () => {
    const ns = await namespace();
    const path = `/api/v1/namespaces/${ns}/services/external`;
    await serve(ns, serverOf('client'));
    await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name: 'external' }, spec: { type: 'ExternalName', externalName: 'foo.example.com' } });
    const name = `external.${ns}.svc.cluster.local`;
    await eventually(async () => (await resolveFrom(ns, 'client', 'resolveCname', name)) === 'foo.example.com', { what: 'the first name' });
    await patch(path, { spec: { externalName: 'bar.example.com' } });
    await eventually(async () => (await resolveFrom(ns, 'client', 'resolveCname', name)) === 'bar.example.com', { what: 'the second name' });
    const now = await get(path);
    const { spec: { clusterIP } } = await put(path, { ...now, spec: { type: 'ClusterIP', ports: [{ port: 80 }] } });
    await eventually(async () => (await resolveFrom(ns, 'client', 'resolve4', name)) === clusterIP, { what: 'the cluster IP' });
  });

  behaviour('DNS should support configurable pod DNS nameservers', async () => {
    const ns = await namespace();
    await serve(ns, serverOf('one', { spec: { ...serverOf('x').spec, dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.53'], searches: ['resolv.conf.local'] } } }));
    const text = await kubectl('exec', '-n', ns, 'one', '--', 'cat', '/etc/resolv.conf');
    assert.match(text, /^nameserver 192\.0\.2\.53$/m);
    assert.match(text, /^search resolv\.conf\.local$/m);
  });
}

export function slices(): void {
  const slicesOf = async (ns: string, service: string): Promise<Body[]> => (await get(`/apis/discovery.k8s.io/v1/namespaces/${ns}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D${service}`)).items;

  behaviour('API Server should have Endpoints and EndpointSlices pointing to API Server', async () => {
    const endpoints = await get('/api/v1/namespaces/default/endpoints/kubernetes');
    const [slice] = await slicesOf('default', 'kubernetes');
    assert.ok(endpoints.subsets[0].addresses.length > 0);
    assert.equal(slice?.endpoints[0].addresses[0], endpoints.subsets[0].addresses[0].ip);
  });

  behaviour('EndpointSlice should create and delete EndpointSlices for a Service with a selector that matches no pods', async () => {
    const ns = await namespace();
    const { metadata } = await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name: 'empty' }, spec: { selector: web, ports: [{ name: 'http', port: 80 }] } });
    const [slice] = await eventually(async () => {
      const found = await slicesOf(ns, 'empty');
      return found.length === 1 && found;
    }, { what: 'a slice' });
    assert.deepEqual([slice?.endpoints ?? [], slice?.metadata.ownerReferences[0].uid], [[], metadata.uid]);
    await remove(`/api/v1/namespaces/${ns}/services/empty`);
    await eventually(async () => (await slicesOf(ns, 'empty')).length === 0, { what: 'no slice' });
  });

  behaviour('EndpointsController should create and delete Endpoints for a Service with a selector that matches no pods', async () => {
    const ns = await namespace();
    await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name: 'empty' }, spec: { selector: web, ports: [{ name: 'http', port: 80 }] } });
    assert.deepEqual((await until(`/api/v1/namespaces/${ns}/endpoints/empty`, () => true)).subsets ?? [], []);
    await remove(`/api/v1/namespaces/${ns}/services/empty`);
    await gone(`/api/v1/namespaces/${ns}/endpoints/empty`);
  });

  behaviour('EndpointsController should create Endpoints for Pods matching a Service', async () => {
    const ns = await namespace();
    const ports = (name: string): Body => [{ name, containerPort: 8080 }];
    for (const [name, targetPort] of [['by-number', 8080], ['by-name', 'web']]) await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name }, spec: { selector: web, ports: [{ name: 'http', port: 80, targetPort }] } });
    const pods = await serve(ns, ...['one', 'two'].map((name) => serverOf(name, { labels: web, container: { ports: ports('web') } })));
    const wanted = JSON.stringify(pods.map((pod) => [pod.metadata.name, pod.status.podIP, 8080]).sort());
    for (const name of ['by-number', 'by-name']) {
      await until(`/api/v1/namespaces/${ns}/endpoints/${name}`, ({ subsets = [] }) =>
        JSON.stringify(subsets.flatMap((each: Body) => (each.addresses ?? []).map((address: Body) => [address.targetRef.name, address.ip, each.ports[0].port])).sort()) === wanted);
    }
  });

  for (const [what, addresses] of [['ports', 'of one pod'], ['endpoint IPs', 'of two pods']] as const) {
    behaviour(`EndpointSlice should support a Service with multiple ${what} specified in multiple EndpointSlices`, async () => {
      const ns = await namespace();
      const [one, two] = await serve(ns, serverOf('one'), serverOf('two'), serverOf('client'));
      const { spec: { clusterIP: host } } = await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name: 'byhand' }, spec: { ports: [{ name: 'first', port: 80 }, { name: 'second', port: 81 }] } });
      const other = addresses === 'of one pod' ? one : two;
      for (const [name, pod, port] of [['first', one, 80], ['second', other, 8080]] as [string, Body, number][]) {
        await create(`/apis/discovery.k8s.io/v1/namespaces/${ns}/endpointslices`, {
          metadata: { name: `byhand-${name}`, labels: { 'kubernetes.io/service-name': 'byhand' } }, addressType: 'IPv4', endpoints: [{ addresses: [pod.status.podIP] }], ports: [{ name, port, protocol: 'TCP' }],
        });
      }
      for (const [port, pod] of [[80, one], [81, other]] as [number, Body][]) {
        await eventually(async () => (await askFrom(ns, 'client', { host, port }))[0] === pod.metadata.name, { timeoutMs: 20_000, what: `an answer of ${pod.metadata.name} at ${port}` });
      }
    });
  }

  behaviour('EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service', async () => {
    const ns = await namespace();
    await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name: 'named' }, spec: { selector: web, ports: [{ name: 'http', port: 80, targetPort: 'web' }] } });
    const pods = await serve(ns, ...['one', 'two'].map((name) => serverOf(name, { labels: web, container: { ports: [{ name: 'web', containerPort: 8080 }] } })));
    await eventually(async () => {
      const found = (await slicesOf(ns, 'named')).flatMap(({ endpoints, ports }) => (endpoints ?? []).filter((each: Body) => each.conditions.ready).map((each: Body) => `${each.targetRef.name} ${each.addresses[0]}:${ports[0].port}`));
      return JSON.stringify(found.sort()) === JSON.stringify(pods.map((pod) => `${pod.metadata.name} ${pod.status.podIP}:8080`).sort());
    }, { what: 'two endpoints' });
  });

  behaviour('EndpointSlice should support creating EndpointSlice API operations', async () => {
    await liveThrough({ group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', subresources: [], namespace: await namespace(), make: (name) => ({ metadata: { name }, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }] }) });
  });

  behaviour('EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete', async () => {
    const ns = await namespace();
    await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name: 'custom' }, spec: { ports: [{ name: 'example', port: 80 }] } });
    const path = `/api/v1/namespaces/${ns}/endpoints`;
    const made = await create(path, { metadata: { name: 'custom' }, subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ name: 'example', port: 80 }] }] });
    const mirrored = (address: string): Promise<unknown> => eventually(async () => (await slicesOf(ns, 'custom')).flatMap(({ endpoints }) => endpoints.flatMap((each: Body) => each.addresses)).join() === address, { what: `slices of ${address}` });
    await mirrored('10.1.2.3');
    await put(`${path}/custom`, { ...made, metadata: { ...made.metadata, resourceVersion: undefined }, subsets: [{ addresses: [{ ip: '10.2.3.4' }], ports: [{ name: 'example', port: 80 }] }] });
    await mirrored('10.2.3.4');
    await remove(`${path}/custom`);
    await mirrored('');
  });
}
