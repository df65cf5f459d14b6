/** [sig-network] Proxy, HostPort */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, call, create, get, namespace, type Answer } from '../cluster.ts';
import { porterOf } from './porter.ts';
import { askFromNode, serve, serverOf } from './servers.ts';

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

export function proxies(): void {
  behaviour('Proxy version v1 should proxy through a service and a pod', async () => {
    const ns = await namespace();
    const labels = { 'proxy-service-target': 'true' };
    const ports = [['portname1', 80, 'dest1'], ['portname2', 81, 162], ['tlsportname1', 443, 'tlsdest1'], ['tlsportname2', 444, 462]].map(([name, port, targetPort]) => ({ name, port, targetPort }));
    const { metadata: { name: service } } = await create(`/api/v1/namespaces/${ns}/services`, { metadata: { generateName: 'proxy-service-' }, spec: { selector: labels, ports } });
    const link = (path: string): string => `<a href="${path}">test</a>`;
    const texts = { 80: link('/rewriteme'), 1080: link('/rewriteme'), 160: 'foo', 162: 'bar' };
    const tlsTexts = { 443: link('/tlsrewriteme'), 460: 'tls baz', 462: 'tls qux' };
    const named = Object.entries({ dest0: 80, dest1: 160, dest2: 162, tlsdest1: 460, tlsdest2: 462 }).map(([name, containerPort]) => ({ name, containerPort }));
    await serve(ns, porterOf('porter', { texts, tlsTexts }, { labels, ports: named }));
    await eventually(async () => (await get(`/api/v1/namespaces/${ns}/endpoints/${service}`)).subsets?.[0]?.addresses?.length === 1, { what: 'endpoints' });
    const through = (plural: string, id: string): string => `/api/v1/namespaces/${ns}/${plural}/${id}/proxy`;
    const expected = new Map<string, string>();
    for (const [id, text] of Object.entries({ 'S:portname1': 'foo', 'http:S:portname1': 'foo', 'S:portname2': 'bar', 'http:S:portname2': 'bar', 'https:S:tlsportname1': 'tls baz', 'https:S:tlsportname2': 'tls qux', 'S:80': 'foo', 'https:S:443': 'tls baz' })) expected.set(through('services', id.replace('S', service)), text);
    for (const id of ['porter', 'porter:1080', 'http:porter:1080']) expected.set(through('pods', id), link(`${through('pods', id)}/rewriteme`));
    for (const [id, text] of Object.entries({ 'porter:160': 'foo', 'http:porter:160': 'foo', 'porter:162': 'bar', 'http:porter:162': 'bar', 'https:porter:460': 'tls baz', 'https:porter:462': 'tls qux' })) expected.set(through('pods', id), text);
    expected.set(through('pods', 'https:porter:443'), link(`${through('pods', 'https:porter:443')}/tlsrewriteme`));
    for (let round = 0; round < 20; round++) {
      await Promise.all([...expected].map(async ([path, text]) => assert.deepEqual(await call('GET', `${path}/`).then(({ code, body }) => [path, code, body]), [path, 200, text])));
    }
  });

  const both = async (): Promise<string[]> => {
    const ns = await namespace();
    const labels = { test: 'response' };
    await serve(ns, porterOf('agnhost', { texts: { 80: 'foo' }, json: true }, { labels }));
    await create(`/api/v1/namespaces/${ns}/services`, { metadata: { name: 'test-service' }, spec: { selector: labels, ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }] } });
    const paths = [`/api/v1/namespaces/${ns}/pods/agnhost/proxy`, `/api/v1/namespaces/${ns}/services/test-service/proxy`];
    for (const path of paths) await eventually(async () => (await call('GET', `${path}/`)).code === 200, { what: path });
    return paths;
  };
  const answered = (method: string, { code, body }: Answer): void => {
    assert.equal(code, 200, method);
    if (method !== 'HEAD') assert.deepEqual([body.method, body.body], [method, 'foo']);
  };

  behaviour('Proxy version v1 A set of valid responses are returned for both pod and service ProxyWithPath', async () => {
    for (const path of await both()) {
      for (const method of METHODS) {
        const answer = await call(method, `${path}/some/path/with/${method}`);
        answered(method, answer);
        if (method !== 'HEAD') assert.equal(answer.body.url, `/some/path/with/${method}`);
      }
    }
  });

  behaviour('Proxy version v1 A set of valid responses are returned for both pod and service Proxy', async () => {
    for (const path of await both()) {
      for (const method of METHODS.filter((each) => each !== 'GET' && each !== 'HEAD')) answered(method, await call(method, `${path}?method=${method}`));
      for (const method of ['GET', 'HEAD']) {
        const { code, headers } = await call(method, `${path}?method=${method}`);
        assert.deepEqual([code, headers.location], [301, `${path}/?method=${method}`]);
        answered(method, await call(method, headers.location!));
      }
    }
  });
}

export function hostPorts(): void {
  behaviour('HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol', async () => {
    const ns = await namespace();
    const port = 54_323;
    const { items: [node] } = await get('/api/v1/nodes');
    const hostIP = node.status.addresses.find((each: { type: string }) => each.type === 'InternalIP').address as string;
    const on = (name: string, more: object): object => serverOf(name, { container: { ports: [{ hostPort: port, containerPort: 8080, protocol: 'TCP', ...more }] } });
    await serve(ns, on('pod1', { hostIP: '127.0.0.1' }), on('pod2', { hostIP }), on('pod3', { hostIP, containerPort: 8081, protocol: 'UDP' }));
    const leads = (host: string, protocol: 'http' | 'udp', pod: string): Promise<boolean> => eventually(async () => (await askFromNode({ host, port, protocol }))[0] === pod, { what: `${protocol} to ${host} reaches ${pod}` });
    await leads('127.0.0.1', 'http', 'pod1');
    await leads(hostIP, 'http', 'pod2');
    await leads(hostIP, 'udp', 'pod3');
  });
}
