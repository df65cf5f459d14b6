import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { after, before, beforeEach, test } from 'node:test';
import { Pod } from '../../../api/core/pod.ts';
import { realClock } from '../../../base/clock.ts';
import { openDoor, type OpenDoor } from '../testing/open-door.ts';
import { createAudit } from './audit.ts';
import { checkPolicy } from './policy.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';

// Events of all shapes.
// oxlint-disable-next-line typescript/no-explicit-any
type Event = any;

let events: Event[] = [];
let door: OpenDoor;

const policy = checkPolicy({
  apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitManagedFields: true,
  rules: [
    { level: 'None', nonResourceURLs: ['/openapi/*'] },
    { level: 'Metadata', resources: [{ resources: ['secrets', 'serviceaccounts/token'] }], omitStages: ['RequestReceived'] },
    { level: 'Request', resources: [{ resources: ['configmaps'] }], verbs: ['patch', 'list'], omitStages: ['RequestReceived'] },
    { level: 'RequestResponse', resources: [{ resources: ['*'] }], omitStages: ['RequestReceived'] },
    { level: 'Metadata' },
  ],
});

before(async () => {
  door = await openDoor({ audit: createAudit({ policy, clock: realClock, maxEventBytes: 4_096, append: (line) => (assert.ok(line.endsWith('}\n')), events.push(JSON.parse(line)) > 0) }) });
  door.server.admit({ name: 'noting', kinds: 'all', operations: ['CREATE'], admit: (request) => (request.annotate?.('test/first', 'a'), request.annotate?.('test/first', 'b'), request.annotate?.('test/patch', 'p', 'Request')) }, undefined as never);
});
after(() => door.close());
beforeEach(() => {
  events = [];
});

/** The answer may be there a moment before its end is told. */
async function told(count: number): Promise<Event[]> {
  await eventually(async () => events.length >= count, { what: `${count} events`, everyMs: 5 });
  assert.equal(events.length, count, JSON.stringify(events));
  return events;
}

const MAPS = '/api/v1/namespaces/default/configmaps';

test('a request is told with its bodies, its user and its end', async () => {
  const answer = await door.call('POST', MAPS, { body: { metadata: { name: 'a' }, data: { k: 'v' } }, headers: { 'user-agent': 'tester', 'x-forwarded-for': '192.0.2.7', 'audit-id': 'mine-1' } });
  const [event] = await told(1);
  assert.deepEqual([event.kind, event.apiVersion, event.level, event.stage, event.verb, event.requestURI, event.userAgent], ['Event', 'audit.k8s.io/v1', 'RequestResponse', 'ResponseComplete', 'create', MAPS, 'tester']);
  assert.deepEqual([event.auditID, answer.headers['audit-id']], ['mine-1', 'mine-1']);
  const credential = `X509SHA256=${new X509Certificate(door.identity.admin.certificatePem).fingerprint256.replaceAll(':', '').toLowerCase()}`;
  assert.deepEqual(event.user, { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'], extra: { 'authentication.kubernetes.io/credential-id': [credential] } });
  assert.deepEqual(event.sourceIPs, ['192.0.2.7', '127.0.0.1']);
  assert.deepEqual(event.objectRef, { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' });
  assert.deepEqual(event.responseStatus, { metadata: {}, code: 201 });
  assert.deepEqual(event.requestObject, { metadata: { name: 'a' }, data: { k: 'v' } }, 'as it was sent, before defaults');
  assert.deepEqual([event.responseObject.kind, event.responseObject.data, event.responseObject.metadata.managedFields], ['ConfigMap', { k: 'v' }, undefined]);
  assert.deepEqual(event.annotations, { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '', 'test/first': 'a', 'test/patch': 'p' });
  assert.match(event.requestReceivedTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.ok(event.stageTimestamp >= event.requestReceivedTimestamp);
});

test('secrets and tokens at Metadata leave no trace of what they hold', async () => {
  await door.call('POST', '/api/v1/namespaces/default/secrets', { body: { metadata: { name: 's' }, stringData: { password: 'hunter2' } } });
  await door.call('GET', '/api/v1/namespaces/default/secrets/s');
  await door.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'sa' } } });
  const { json } = await door.call('POST', '/api/v1/namespaces/default/serviceaccounts/sa/token', { body: {} });
  await door.call('GET', '/api/v1/namespaces', { token: json.status.token });
  const text = JSON.stringify(await told(5));
  for (const secret of ['hunter2', Buffer.from('hunter2').toString('base64'), json.status.token]) assert.ok(!text.includes(secret));
  assert.deepEqual([events[0].annotations['test/first'], events[0].annotations['test/patch']], ['a', undefined], 'some is told from a higher level on');
  assert.deepEqual([events[0].requestObject, events[1].responseObject, events[3].responseObject], [undefined, undefined, undefined]);
});

test('refusals: the status, who was refused, and by what', async () => {
  await door.call('GET', `${MAPS}/none`);
  await door.call('GET', MAPS, { headers: { 'impersonate-user': 'eve', 'impersonate-group': 'x' } });
  await door.call('GET', MAPS, { token: '' });
  const [missing, eve, nobody] = await told(3);
  assert.deepEqual(missing.responseStatus, { metadata: {}, status: 'Failure', message: 'configmaps "none" not found', reason: 'NotFound', details: { name: 'none', kind: 'configmaps' }, code: 404 });
  assert.deepEqual([eve.user.username, eve.impersonatedUser.username, eve.annotations['authorization.k8s.io/decision'], eve.responseStatus.code], ['kubernetes-admin', 'eve', 'forbid', 403]);
  assert.deepEqual([nobody.stage, nobody.user, nobody.responseStatus.code, nobody.responseStatus.message], ['ResponseStarted', {}, 401, 'Authentication failed']);
});

test('levels, stages and paths', async () => {
  await door.call('GET', '/openapi/v2');
  await door.call('PATCH', `${MAPS}/a`, { body: { data: { k: 'w' } }, headers: { 'content-type': 'application/merge-patch+json' } });
  await door.call('GET', MAPS);
  await door.call('GET', '/version');
  await door.call('GET', '/metrics');
  const [patch, list, , version, received, completed] = await told(6);
  assert.deepEqual([patch.level, patch.requestObject, patch.responseObject], ['Request', { data: { k: 'w' } }, undefined]);
  assert.deepEqual([list.verb, list.objectRef.name, list.responseObject], ['list', undefined, undefined]);
  assert.deepEqual([version.requestURI, version.stage], ['/version', 'ResponseComplete']);
  assert.deepEqual([received.stage, completed.stage, received.auditID === completed.auditID, completed.objectRef, completed.requestURI, completed.verb], ['RequestReceived', 'ResponseComplete', true, undefined, '/metrics', 'get']);
  assert.match((await door.call('GET', '/metrics')).text, /^apiserver_audit_event_total \d+$/m);
  await told(8);
});

test('what is open to anybody is told, too', async () => {
  await door.call('GET', '/version', { token: 'nobody' });
  const [, event] = await told(2);
  assert.deepEqual([event.stage, event.requestURI, event.user], ['ResponseComplete', '/version', { username: 'system:anonymous', groups: ['system:unauthenticated'] }]);
});

test('a watch is told when it begins and when it ends, an upgrade too', async () => {
  const watch = await door.watch(`${MAPS}?watch=true`);
  const [started] = await told(1);
  assert.deepEqual([started.stage, started.verb, started.responseStatus.code], ['ResponseStarted', 'watch', 200]);
  watch.close();
  const [, completed] = await told(2);
  assert.equal(completed.stage, 'ResponseComplete');

  events = [];
  const withdraw = door.server.route({ kind: Pod as never, subresource: 'exec', methods: ['GET'], handle: async ({ upgrade }) => void upgrade?.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n') });
  await door.call('POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'a', image: 'b' }] } } });
  const { caPem: ca, admin } = door.identity;
  const socket = connect({ host: '127.0.0.1', port: door.listener.port, ca, cert: admin.certificatePem, key: admin.keyPem, ALPNProtocols: ['http/1.1'] });
  socket.end('GET /api/v1/namespaces/default/pods/p/exec?command=ls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n').resume();
  const [, opened, closed] = await told(3);
  assert.deepEqual([opened.stage, opened.objectRef.subresource, opened.responseStatus.code, closed.stage], ['ResponseStarted', 'exec', 101, 'ResponseComplete']);
  withdraw();
});

test('a deletion is told with its options and its end', async () => {
  await door.call('DELETE', `${MAPS}/a`, { body: { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 } });
  const [event] = await told(1);
  assert.deepEqual([event.requestObject.gracePeriodSeconds, event.responseStatus.status, event.responseStatus.code, event.responseObject.kind], [0, 'Success', 200, 'Status']);
});

test('an event that is too long is told without its bodies', async () => {
  await door.call('POST', MAPS, { body: { metadata: { name: 'long' }, data: { k: 'v'.repeat(8_000) } } });
  const [event] = await told(1);
  assert.deepEqual([event.requestObject, event.responseObject, event.annotations['audit.k8s.io/truncated'], event.objectRef.name], [undefined, undefined, 'true', 'long']);
});

test('a fault of the server itself is told as a panic, and ends what is told', async () => {
  const withdraw = door.server.admit({ name: 'faulty', kinds: 'all', operations: ['CREATE'], admit: () => (undefined as unknown as string[]).push('x') > 0 }, undefined as never);
  const { status } = await door.call('POST', MAPS, { body: { metadata: { name: 'faulty' } } });
  const [event] = await told(1);
  assert.deepEqual([status, event.stage, event.responseStatus.code, event.responseStatus.reason], [500, 'Panic', 500, 'InternalError']);
  assert.match(event.responseStatus.message, /^APIServer panic'd: /);
  await realClock.sleep(30);
  await told(1);
  withdraw();
});
