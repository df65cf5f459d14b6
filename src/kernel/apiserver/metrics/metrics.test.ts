/** What /metrics says, under the names and labels by which upstream's dashboards and alerts look for it (test/integration/metrics/metrics_test.go, apiserver/pkg/endpoints/metrics). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kind.ts';
import { BUILT_IN_KINDS, ConfigMap } from '../../../api/kinds.ts';
import { kindsOfDefinition } from '../../../api/custom/custom-kind.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { openDoor, type OpenDoor } from '../testing/open-door.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const version = { name: 'v1', served: true, storage: true, deprecated: true, deprecationWarning: 'pond.example/v1 Toad is deprecated; unavailable in v1.40+', schema: { openAPIV3Schema: { type: 'object' } } };
const DEFINITION = { metadata: { name: 'toads.pond.example' }, spec: { group: 'pond.example', scope: 'Namespaced', names: { plural: 'toads', singular: 'toad', kind: 'Toad', listKind: 'ToadList' }, versions: [version] } };
let door: OpenDoor;
before(async () => {
  door = await openDoor({ kinds: [...BUILT_IN_KINDS, ...kindsOfDefinition(DEFINITION as never)] });
});
after(() => door.close());

/** The value of the one line that begins so and whose labels have all of `labels`; undefined where there is none. */
async function value(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
  const lines = (await door.call('GET', '/metrics')).text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const found = lines.filter((line) => Object.entries(labels).every(([label, text]) => line.includes(`${label}="${text}"`)));
  assert.ok(found.length <= 1, found.join('\n'));
  return found.length === 0 ? undefined : Number(found[0]!.split(' ').at(-1));
}

test('process metrics', async () => {
  for (const name of ['process_start_time_seconds', 'process_cpu_seconds_total', 'process_open_fds', 'process_max_fds', 'process_resident_memory_bytes', 'process_virtual_memory_bytes']) assert.ok((await value(name))! > 0, name);
  assert.ok(Math.abs((await value('process_start_time_seconds'))! - (Date.now() / 1_000 - process.uptime())) < 5);
  assert.equal(await value('kubernetes_build_info', { major: '1', git_version: (await door.call('GET', '/version')).json.gitVersion }), 1);
});

test('every family is told of once, with its type', async () => {
  const { text } = await door.call('GET', '/metrics');
  const names = [...text.matchAll(/^# TYPE (\S+) (?:counter|gauge|histogram)$/gm)].map(([, name]) => name!);
  assert.deepEqual(names, [...new Set(names)]);
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
    const [, name = ''] = /^(\w+?)(?:_bucket|_sum|_count)?[{ ]/.exec(line) ?? [];
    assert.ok(names.includes(name) || names.includes(/^\w+/.exec(line)![0]), line);
  }
});

test('requests by verb, kind, scope, dry run and code; sizes of what is read', async () => {
  const base = { group: '', version: 'v1', resource: 'configmaps', component: 'apiserver' };
  const made = await door.call('POST', MAPS, { body: { metadata: { name: 'a' }, data: { a: 'x'.repeat(2_000) } } });
  assert.equal(made.status, 201);
  assert.equal(await value('apiserver_request_total', { ...base, verb: 'POST', scope: 'resource', dry_run: '', code: '201' }), 1);
  await door.call('POST', `${MAPS}?dryRun=All`, { body: { metadata: { name: 'b' } } });
  const refused = await door.call('POST', `${MAPS}?dryRun=Some`, { body: { metadata: { name: 'b' } } });
  assert.equal(await value('apiserver_request_total', { ...base, verb: 'POST', dry_run: 'All', code: '201' }), 1);
  assert.equal(await value('apiserver_request_total', { ...base, verb: 'POST', dry_run: 'invalid', code: String(refused.status) }), 1);
  await door.call('GET', `${MAPS}/a`);
  await door.call('HEAD', `${MAPS}/a`);
  assert.equal(await value('apiserver_request_duration_seconds_count', { ...base, verb: 'GET', scope: 'resource' }), 2);
  assert.equal(await value('apiserver_response_sizes_bucket', { ...base, verb: 'GET', le: '1000' }), 0);
  assert.ok((await value('apiserver_response_sizes_sum', { ...base, verb: 'GET' }))! > 4_000);
  await door.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { body: { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } } });
  assert.equal(await value('apiserver_request_total', { verb: 'POST', group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews', code: '201' }), 1);
  await door.call('PROPFIND', '/nowhere');
  assert.equal(await value('apiserver_request_total', { verb: 'other', resource: '' }), 1);
});

test('watches while they are open, by kind', async () => {
  const labels = { verb: 'WATCH', version: 'v1', resource: 'configmaps', scope: 'namespace', component: 'apiserver' };
  const watch = await door.watch(`${MAPS}?watch=true`);
  assert.equal(await value('apiserver_longrunning_requests', labels), 1);
  assert.equal(await value('apiserver_request_total', { ...labels, code: '200' }), 1);
  watch.close();
  await eventually(async () => (await value('apiserver_longrunning_requests', labels)) === 0, { what: 'its end' });
});

test('requests under way by kind', async () => {
  assert.equal(await value('apiserver_current_inflight_requests', { request_kind: 'readOnly' }), 1, 'the one that asks');
  assert.equal(await value('apiserver_current_inflight_requests', { request_kind: 'mutating' }), 0);
});

test('versions that are to go, once they were asked for', async () => {
  assert.equal(await value('apiserver_requested_deprecated_apis'), undefined);
  await door.call('GET', '/api/v1/namespaces/default/endpoints');
  await door.call('GET', '/api/v1/namespaces/default/endpoints/none');
  assert.equal(await value('apiserver_requested_deprecated_apis', { group: '', version: 'v1', resource: 'endpoints', subresource: '', removed_release: '' }), 1);
  await door.call('GET', '/apis/pond.example/v1/toads');
  assert.equal(await value('apiserver_requested_deprecated_apis', { group: 'pond.example', version: 'v1', resource: 'toads', removed_release: '1.40' }), 1);
});

test('objects by kind', async () => {
  await door.call('POST', '/apis/apps/v1/namespaces/default/controllerrevisions', { body: { metadata: { name: 'c' }, revision: 1, data: {} } });
  assert.equal(await value('apiserver_resource_objects', { group: 'apps', resource: 'controllerrevisions' }), 1);
  assert.equal(await value('apiserver_storage_objects', { resource: 'controllerrevisions.apps' }), 1);
  assert.equal(await value('apiserver_storage_objects', { resource: 'secrets' }), 0);
  assert.ok((await value('apiserver_storage_size_bytes'))! > 0);
});

test('who asked, and how long certificates are good', async () => {
  const before = (await value('authentication_attempts', { result: 'failure' })) ?? 0;
  await door.call('GET', '/api', { token: 'made.up.token' });
  assert.equal(await value('authentication_attempts', { result: 'failure' }), before + 1);
  assert.ok((await value('authenticated_user_requests', { username: 'other' }))! > 0);
  const [day, all] = [await value('apiserver_client_certificate_expiration_seconds_bucket', { le: '86400' }), await value('apiserver_client_certificate_expiration_seconds_count')];
  assert.ok(day === 0 && all! > 0, 'that of the administrator is good for longer');
});

test('how long admission takes, as a whole and step by step', async () => {
  const taken = (name: string, labels: Record<string, string>): Promise<number | undefined> => value(`apiserver_admission_${name}_admission_duration_seconds_count`, labels);
  const withdraw = door.server.admit({
    name: 'Judge', kinds: [ConfigMap as Kind], operations: ['CREATE'],
    validate({ object }) {
      if (object?.metadata.name === 'bad') throw new ApiError('Forbidden', 'no');
    },
  }, undefined as never);
  const before = (await taken('step', { operation: 'CREATE', rejected: 'false', type: 'admit' })) ?? 0;
  for (const name of ['good', 'bad']) await door.call('POST', '/api/v1/namespaces/default/configmaps', { body: { metadata: { name } } });
  withdraw();
  assert.equal(await taken('step', { operation: 'CREATE', rejected: 'false', type: 'admit' }), before + 2);
  assert.equal(await taken('step', { operation: 'CREATE', rejected: 'true', type: 'validate' }), 1);
  for (const rejected of ['true', 'false']) assert.equal(await taken('controller', { name: 'Judge', operation: 'CREATE', rejected, type: 'validate' }), 1);
  assert.equal(await taken('controller', { name: 'Judge', operation: 'CREATE', rejected: 'false', type: 'admit' }), undefined, 'it has no such step');
});
