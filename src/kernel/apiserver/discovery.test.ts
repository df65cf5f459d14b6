/** What is served: discovery in both forms, openapi, health, custom kinds at run time, routes of modules. */
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { connect as connectH2 } from 'node:http2';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { schemaOfCustomResource } from '../../api/custom/custom-schema.ts';
import { defineKind } from '../../api/kind.ts';
import { Pod } from '../../api/kinds.ts';
import { decodeProtobuf } from '../../api/protobuf/envelope.ts';
import type { ModuleContext } from '../../sdk/module.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
const Toad = defineKind({
  group: 'example.com', version: 'v1', kind: 'Toad', plural: 'toads', namespaced: true, shortNames: ['td'],
  schema: () => schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer', minimum: 1 } } } } } } }),
});
let door: OpenDoor;
before(async () => {
  door = await openDoor();
});
after(() => door.close());

test('plain discovery', async () => {
  assert.deepEqual((await door.call('GET', '/api')).json.versions, ['v1']);
  const groups = (await door.call('GET', '/apis')).json;
  assert.deepEqual(groups.groups.slice(0, 3).map((each: { name: string }) => each.name), ['apiregistration.k8s.io', 'apps', 'events.k8s.io']);
  assert.deepEqual((await door.call('GET', '/apis/apps')).json.preferredVersion, { groupVersion: 'apps/v1', version: 'v1' });
  const { resources } = (await door.call('GET', '/apis/apps/v1')).json;
  const scale = resources.find((each: { name: string }) => each.name === 'deployments/scale');
  assert.deepEqual(scale, { name: 'deployments/scale', singularName: '', namespaced: true, kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] });
  assert.equal((await door.call('GET', '/apis/nothing')).status, 404);
});

test('hashes of the version in which objects are stored are those of a cluster', async () => {
  const hashOf = async (path: string, plural: string): Promise<string> => (await door.call('GET', path)).json.resources.find(({ name }: { name: string }) => name === plural).storageVersionHash;
  for (const [path, plural, hash] of [
    ['/api/v1', 'pods', 'xPOwRZ+Yhw8='], ['/api/v1', 'configmaps', 'qFsyl6wFWjQ='], ['/apis/apps/v1', 'deployments', '8aSe+NMegvE='], ['/api/v1', 'events', 'r2yiGXH7wu8='], ['/apis/events.k8s.io/v1', 'events', 'r2yiGXH7wu8='],
    ['/api/v1', 'bindings', undefined], ['/apis/apps/v1', 'deployments/status', undefined],
  ] as const) assert.equal(await hashOf(path, plural), hash, `${path} ${plural}`);
});

test('aggregated discovery has an ETag', async () => {
  const first = await door.call('GET', '/apis', { headers: { accept: AGGREGATED } });
  assert.equal(first.headers['content-type'], 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
  assert.equal(first.json.items[1].versions[0].resources.find((each: { resource: string }) => each.resource === 'deployments').subresources.length, 2);
  const again = await door.call('GET', '/apis', { headers: { accept: AGGREGATED, 'if-none-match': String(first.headers['etag']) } });
  assert.deepEqual([again.status, again.text], [304, '']);
  const old = await door.call('GET', '/api', { headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList' } });
  assert.equal(old.json.apiVersion, 'apidiscovery.k8s.io/v2beta1');
});

test('discovery is told in YAML and protobuf too, and not in what nobody here speaks', async () => {
  const get = (path: string, accept: string): ReturnType<OpenDoor['call']> => door.call('GET', path, { headers: { accept } });
  const PROTOBUF = 'application/vnd.kubernetes.protobuf';
  for (const [path, kind] of [['/api', 'APIVersions'], ['/apis', 'APIGroupList'], ['/apis/apps', 'APIGroup'], ['/apis/apps/v1', 'APIResourceList']] as const) {
    const { json } = await get(path, 'application/json');
    const packed = await get(path, `${PROTOBUF}, application/json`);
    assert.equal(packed.headers['content-type'], PROTOBUF, path);
    assert.equal(json.kind, kind);
    assert.deepEqual(decodeProtobuf(packed.bytes), { apiVersion: '', ...json }, 'the envelope has a place for a version, where there is none too');
    assert.deepEqual(parse((await get(path, 'application/yaml')).text), json);
    assert.equal((await get(path, 'text/html')).status, 406);
    assert.equal((await get(path, 'text/html, */*;q=0.1')).headers['content-type'], 'application/json');
  }
  const as = ';g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { json, headers } = await get('/apis', `application/json${as}`);
  const packed = await get('/apis', `${PROTOBUF}${as}`);
  assert.deepEqual([packed.headers['content-type'], packed.headers['etag']], [`${PROTOBUF}${as}`, headers['etag']]);
  const decoded = decodeProtobuf(packed.bytes) as unknown as { items: { metadata: { name: string }; versions: { resources: unknown[] }[] }[] };
  assert.deepEqual(decoded.items.map((each) => [each.metadata.name, each.versions]), json.items.map((each: { metadata: { name: string }; versions: unknown }) => [each.metadata.name, each.versions]));
  const yaml = await get('/apis', `application/yaml${as}`);
  assert.equal(yaml.headers['content-type'], `application/yaml${as}`);
  assert.deepEqual(parse(yaml.text), json);
});

test('a kind can come and go', async () => {
  assert.equal((await door.call('GET', '/apis/example.com/v1/toads')).status, 404);
  const withdraw = door.server.serve(Toad);
  assert.equal((await door.call('GET', '/apis/example.com/v1')).json.resources[0].name, 'toads');
  const made = await door.call('POST', '/apis/example.com/v1/namespaces/default/toads', { body: { metadata: { name: 't' }, spec: { size: 0 } } });
  assert.equal(made.status, 422, made.text);
  assert.equal((await door.call('POST', '/apis/example.com/v1/namespaces/default/toads', { body: { metadata: { name: 't' }, spec: { size: 2 } } })).status, 201);
  assert.equal((await door.call('PATCH', '/apis/example.com/v1/namespaces/default/toads/t', { body: {}, headers: { 'content-type': 'application/strategic-merge-patch+json' } })).status, 415);
  assert.ok('/apis/example.com/v1' in (await door.call('GET', '/openapi/v3')).json.paths === false);
  assert.ok('apis/example.com/v1' in (await door.call('GET', '/openapi/v3')).json.paths);
  const watch = await door.watch('/apis/example.com/v1/toads?watch=1&resourceVersion=0');
  assert.equal((await watch.next())?.type, 'ADDED');
  const iterator = door.client.watch(Toad)[Symbol.asyncIterator]();
  assert.equal((await iterator.next()).value.type, 'ADDED');
  withdraw();
  assert.equal(await watch.next(), undefined, 'a watch ends with its kind');
  await assert.rejects(iterator.next(), { reason: 'NotFound' });
  assert.equal((await door.call('GET', '/apis/example.com/v1/namespaces/default/toads/t')).status, 404);
});

test('what a route answers for is told as long as it is there', async () => {
  const resources = [
    { name: 'ponds', singularName: 'pond', namespaced: true, kind: 'Pond', verbs: [] },
    { name: 'ponds/depth', singularName: '', namespaced: true, kind: 'Depth', verbs: ['get'] },
  ];
  const withdraw = door.server.route({ path: '/apis/water.example.com/v1', resources, handle: ({ response }) => Promise.resolve(void response?.writeHead(200).end('{"resources":[]}')) });
  const groups = (await door.call('GET', '/apis')).json.groups as { name: string; preferredVersion: { groupVersion: string } }[];
  assert.equal(groups.find(({ name }) => name === 'water.example.com')?.preferredVersion.groupVersion, 'water.example.com/v1');
  const told = (await door.call('GET', '/apis', { headers: { accept: AGGREGATED } })).json.items.find(({ metadata }: { metadata: { name: string } }) => metadata.name === 'water.example.com');
  assert.deepEqual(told.versions[0].resources[0].subresources, [{ subresource: 'depth', responseKind: { group: 'water.example.com', version: 'v1', kind: 'Depth' }, verbs: ['get'] }]);
  withdraw();
  assert.equal((await door.call('GET', '/apis/water.example.com')).status, 404);
});

test('openapi documents carry the hash of the index', async () => {
  const { paths } = (await door.call('GET', '/openapi/v3')).json;
  const url = paths['apis/apps/v1'].serverRelativeURL as string;
  const document = await door.call('GET', url);
  assert.ok('io.k8s.api.apps.v1.Deployment' in document.json.components.schemas);
  assert.match(String(document.headers['cache-control']), /immutable/);
  assert.equal((await door.call('GET', url, { headers: { 'if-none-match': String(document.headers['etag']) } })).status, 304);
  assert.equal((await door.call('GET', '/openapi/v2')).json.swagger, '2.0');
  assert.equal((await door.call('GET', '/openapi/v3/apis/none/v1')).status, 404);
});

test('how the checks of health went is counted', async () => {
  const lines = async (): Promise<string[]> => (await door.call('GET', '/metrics/slis')).text.split('\n').filter((line) => line.includes('name="brook"'));
  let ok = true;
  const remove = door.server.addCheck('brook', () => {
    if (!ok) throw new Error('dry');
  });
  await door.call('GET', '/livez/brook');
  await door.call('GET', '/livez?exclude=brook');
  assert.deepEqual(await lines(), [], 'who asks for one check, or not for it, counts nothing');
  for (const next of [false, false, true]) {
    await door.call('GET', '/livez');
    ok = next;
  }
  assert.deepEqual(await lines(), ['kubernetes_healthcheck{name="brook",type="livez"} 0', 'kubernetes_healthchecks_total{name="brook",status="error",type="livez"} 2', 'kubernetes_healthchecks_total{name="brook",status="success",type="livez"} 1']);
  await door.call('GET', '/livez');
  assert.equal((await lines())[0], 'kubernetes_healthcheck{name="brook",type="livez"} 1');
  remove();
  assert.equal((await door.call('GET', '/metrics/slis', { token: '' })).status, 401);
});

test('health says which check fails, without saying why', async () => {
  const remove = door.server.addCheck('pond', () => {
    throw new Error('a secret reason');
  }, { readyOnly: true });
  const ready = await door.call('GET', '/readyz?verbose');
  assert.deepEqual([ready.status, ready.text], [500, '[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]etcd-readiness ok\n[+]shutdown ok\n[-]pond failed: reason withheld\nreadyz check failed\n']);
  assert.equal((await door.call('GET', '/livez')).text, 'ok');
  assert.equal((await door.call('GET', '/readyz?exclude=pond')).text, 'ok');
  assert.equal((await door.call('GET', '/readyz?verbose&exclude=pond&exclude=lake')).text, '[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]etcd-readiness ok\n[+]shutdown ok\n[+]pond excluded: ok\nwarn: some health checks cannot be excluded: no matches for "lake"\nreadyz check passed\n');
  assert.deepEqual([(await door.call('GET', '/readyz/pond')).status, (await door.call('GET', '/livez/pond')).status, (await door.call('GET', '/livez/ping?verbose')).text], [500, 404, 'ok']);
  assert.equal((await door.call('GET', '/readyz/pond')).text, 'internal server error: check pond failed: reason withheld\n');
  remove();
  assert.equal((await door.call('GET', '/readyz')).text, 'ok');
  for (const [path, status] of [['/readyz/etcd', 200], ['/livez/etcd', 200], ['/healthz/etcd', 200], ['/healthz/log', 200], ['/readyz/shutdown', 200], ['/readyz/etcd-readiness', 200], ['/livez/etcd-readiness', 404]] as const) assert.equal((await door.call('GET', path)).status, status, path);
  assert.equal((await door.call('GET', '/livez?verbose&exclude=etcd')).text, '[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\nlivez check passed\n');
});

test('a client says how long it waits, and what took longer is never stored', async () => {
  const maps = '/api/v1/namespaces/default/configmaps';
  const withdraw = door.server.admit({ name: 'slow', kinds: 'all', operations: ['CREATE', 'UPDATE', 'DELETE'], admit: ({ name }) => (name === 'late' ? sleep(300) : undefined) }, {} as ModuleContext);
  const late = await door.call('POST', `${maps}?timeout=100ms`, { body: { metadata: { name: 'late' } } });
  assert.deepEqual([late.status, late.json.reason, late.json.message], [504, 'Timeout', 'Timeout: request did not complete within requested timeout - context deadline exceeded']);
  assert.equal((await door.call('POST', `${maps}?timeout=30s`, { body: { metadata: { name: 'early' } } })).status, 201);
  await sleep(350);
  withdraw();
  assert.equal((await door.call('GET', `${maps}/late?timeout=1m0.5s`)).status, 404);
  for (const [timeout, said] of [['abc', /invalid duration "abc"/], ['5', /invalid duration "5"/], ['-5s', /must be a positive duration/]] as const) {
    const refused = await door.call('GET', `${maps}?timeout=${timeout}`);
    assert.equal(refused.status, 400);
    assert.match(refused.json.message, said);
  }
});

test('bindings name their pod in the body too', async () => {
  await door.client.create(Pod, { metadata: { name: 'unbound', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }] } });
  const path = '/api/v1/namespaces/default/bindings';
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'unbound' }, target: { kind: 'Node', name: 'n' } };
  assert.equal((await door.call('POST', `${path}?dryRun=All`, { body: binding })).status, 201);
  const made = await door.call('POST', path, { body: binding });
  assert.deepEqual([made.status, made.json.kind, made.json.status], [201, 'Status', 'Success']);
  assert.equal((await door.client.get(Pod, 'unbound', { namespace: 'default' })).spec?.nodeName, 'n');
  assert.equal((await door.call('POST', path, { body: binding })).status, 409);
  assert.equal((await door.call('POST', path, { body: { ...binding, metadata: {} } })).status, 400);
  assert.ok((await door.call('GET', '/api/v1')).json.resources.some((each: { name: string; kind: string }) => each.name === 'bindings' && each.kind === 'Binding'));
});

test('requests are counted under the names of upstream', async () => {
  const maps = '/api/v1/namespaces/default/configmaps';
  await door.call('GET', maps);
  await door.call('PATCH', `${maps}/counted?fieldManager=x&dryRun=All`, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'counted' } }, headers: { 'content-type': 'application/apply-patch+yaml' } });
  const { text } = await door.call('GET', '/metrics');
  assert.match(text, /^apiserver_request_total\{verb="LIST",group="",version="v1",resource="configmaps",subresource="",scope="namespace",dry_run="",component="apiserver",code="200"\} \d+$/m);
  assert.match(text, /^apiserver_request_total\{verb="APPLY",group="",version="v1",resource="configmaps",subresource="",scope="resource",dry_run="All",component="apiserver",code="201"\} 1$/m);
  assert.match(text, /^apiserver_request_duration_seconds_bucket\{verb="LIST".*le="\+Inf"\} \d+$/m);
});

test('modules answer paths and connect subresources, upgrades included', async () => {
  const withdraw = [
    door.server.route({ path: '/pond', handle: async ({ rest, response }) => void response!.end(`pond ${rest}`) }),
    door.server.route({ kind: Pod, subresource: 'log', handle: async ({ name, object, response }) => void response!.end(`log of ${name} ${object!.metadata.uid}`) }),
    door.server.route({ kind: Pod, subresource: 'exec', methods: ['GET', 'POST'], handle: async ({ upgrade }) => void upgrade!.socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n\r\nhello') }),
  ];
  assert.equal((await door.call('GET', '/pond/a/b')).text, 'pond a/b');
  assert.equal((await door.call('POST', '/pond')).status, 405);
  assert.equal((await door.call('GET', '/api/v1/namespaces/default/pods/none/log')).json.message, 'pods "none" not found');
  const pod = await door.client.create(Pod, { metadata: { name: 'p', namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }] } });
  assert.equal((await door.call('GET', '/api/v1/namespaces/default/pods/p/log')).text, `log of p ${pod.metadata.uid}`);
  assert.ok((await door.call('GET', '/api/v1')).json.resources.some((each: { name: string; verbs: string[] }) => each.name === 'pods/exec' && each.verbs.join() === 'create,get'));
  assert.equal(await upgraded('/api/v1/namespaces/default/pods/p/exec'), '101 hello');
  assert.match(await upgraded('/api/v1/namespaces/default/pods/none/exec'), /^404 .*not found/);
  for (const each of withdraw) each();
  assert.equal((await door.call('GET', '/pond')).status, 404);
});

function upgraded(path: string): Promise<string> {
  const { caPem, admin } = door.identity;
  return new Promise((resolve, reject) => {
    const http = request({ host: '127.0.0.1', port: door.listener.port, path, ca: caPem, cert: admin.certificatePem, key: admin.keyPem, headers: { connection: 'Upgrade', upgrade: 'test' } });
    http.on('upgrade', (response, socket, head) => {
      let text = head.toString();
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    http.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    http.on('error', reject);
    http.end();
  });
}

test('HTTP/2 carries requests and watches', async () => {
  const { caPem, admin } = door.identity;
  const session = connectH2(`https://127.0.0.1:${door.listener.port}`, { ca: caPem, cert: admin.certificatePem, key: admin.keyPem });
  const watch = session.request({ ':path': '/api/v1/namespaces?watch=1' });
  const line = await new Promise<string>((resolve) => watch.once('data', (chunk: Buffer) => resolve(chunk.toString())));
  assert.match(line, /^\{"type":"ADDED"/);
  watch.close();
  const get = session.request({ ':path': '/api/v1/namespaces/none' });
  let text = '';
  get.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => get.on('end', resolve));
  assert.match(text, /namespaces \\"none\\" not found/);
  session.close();
});

test('a kind with a source is made when asked for', async () => {
  const Frog = defineKind({ group: 'example.com', version: 'v1', kind: 'Frog', plural: 'frogs', namespaced: true, verbs: ['get', 'list'], schema: () => Toad.schema() });
  const frog = (name: string) => ({ apiVersion: 'example.com/v1', kind: 'Frog', metadata: { name, namespace: 'pond', labels: { name } } });
  const withdraw = door.server.serve(Frog, { get: (namespace, name) => (namespace === 'pond' && name === 'green' ? frog(name) : undefined), list: (namespace) => (namespace === undefined || namespace === 'pond' ? [frog('green'), frog('red')] : []) });
  assert.deepEqual((await door.call('GET', '/apis/example.com/v1/namespaces/pond/frogs/green')).json.metadata.labels, { name: 'green' });
  assert.equal((await door.call('GET', '/apis/example.com/v1/namespaces/pond/frogs/blue')).status, 404);
  assert.deepEqual((await door.call('GET', '/apis/example.com/v1/frogs?labelSelector=name%21%3Dred')).json.items.length, 1);
  assert.equal((await door.call('GET', '/apis/example.com/v1/namespaces/other/frogs')).json.items.length, 0);
  assert.equal((await door.call('POST', '/apis/example.com/v1/namespaces/pond/frogs', { body: frog('new') })).status, 405);
  withdraw();
});
