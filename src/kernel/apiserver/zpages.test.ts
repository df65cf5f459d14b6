/** /statusz and /flagz, as upstream's integration tests of them ask (test/integration/serving, TestSchedulerZPages). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDoor, type Answer, type OpenDoor } from './testing/open-door.ts';

let door: OpenDoor;
before(async () => {
  door = await openDoor({ flags: { 'secure-port': '6443', 'bind-address': '127.0.0.1' } });
});
after(() => door.close());

const get = (path: string, accept?: string): Promise<Answer> => door.call('GET', path, { headers: accept === undefined ? {} : { accept } });

for (const [page, kind] of [['statusz', 'Statusz'], ['flagz', 'Flagz']] as const) {
  const structured = (type: string, version: string): string => `application/${type};v=${version};g=config.k8s.io;as=${kind}`;

  test(`/${page} as text, for whoever asks for no more`, async () => {
    for (const accept of [undefined, 'text/plain', '*/*', 'text/*', `application/json;v=foo;g=config.k8s.io;as=${kind},*/*`]) {
      const answer = await get(`/${page}`, accept);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
      assert.ok(answer.text.startsWith(`\nkube-apiserver ${page}\nWarning: This endpoint is not meant to be machine parseable`), answer.text);
    }
  });

  test(`/${page} as an object of config.k8s.io`, async () => {
    const answer = await get(`/${page}`, structured('json', 'v1beta1'));
    assert.deepEqual([answer.json.kind, answer.json.apiVersion, answer.json.metadata], [kind, 'config.k8s.io/v1beta1', { name: 'kube-apiserver' }]);
    assert.equal(answer.headers['warning'], undefined);
    assert.match((await get(`/${page}`, structured('yaml', 'v1beta1'))).text, new RegExp(`^kind: ${kind}$`, 'm'));
    const both = await get(`/${page}`, `${structured('json', 'v1beta1')},${structured('json', 'v1alpha1')}`);
    assert.deepEqual([both.json.apiVersion, both.headers['warning']], ['config.k8s.io/v1beta1', undefined]);
  });

  test(`/${page} in an older version says so`, async () => {
    const answer = await get(`/${page}`, `${structured('json', 'v1alpha1')},${structured('json', 'v1beta1')}`);
    assert.equal(answer.json.apiVersion, 'config.k8s.io/v1alpha1');
    assert.equal(answer.headers['warning'], `299 - "This version of the ${page} endpoint is deprecated. Please use a newer version."`);
  });

  test(`/${page} in no other form, by no other method, for nobody unknown`, async () => {
    for (const accept of ['application/xml', 'application/json', 'application/json;v=v1beta1;g=config.k8s.io', 'application/vnd.kubernetes.protobuf', structured('json', 'v1')]) {
      const { status, text } = await get(`/${page}`, accept);
      assert.equal(status, 406, accept);
      assert.match(text, /only the following media types are accepted: application\/json, application\/yaml, text\/plain/);
    }
    assert.equal((await door.call('POST', `/${page}`, { body: {} })).status, 405);
    assert.equal((await door.call('GET', `/${page}`, { token: '' })).status, 401);
  });
}

test('the status has versions, times and paths', async () => {
  const { json } = await get('/statusz', 'application/json;v=v1beta1;g=config.k8s.io;as=Statusz');
  const version = (await get('/version')).json;
  assert.equal(json.emulationVersion, `${version.major}.${version.minor}`);
  assert.equal(version.gitVersion.startsWith(`v${json.binaryVersion}+`), true, json.binaryVersion);
  assert.equal(json.goVersion, version.goVersion);
  assert.ok(Number.isInteger(json.uptimeSeconds) && json.uptimeSeconds >= 0);
  assert.match(json.startTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual(json.paths, ['/flagz', '/healthz', '/livez', '/metrics', '/readyz', '/statusz', '/version']);
  const { text } = await get('/statusz');
  assert.match(text, /^Started: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}$/m);
  assert.match(text, /^Up: \d+ hr \d\d min \d\d sec$/m);
  assert.match(text, /^Paths: \/flagz \/healthz .*\/version$/m);
});

test('the flags are those that the server was given, sorted', async () => {
  const { json } = await get('/flagz', 'application/json;v=v1beta1;g=config.k8s.io;as=Flagz');
  assert.deepEqual(json.flags, { 'bind-address': '127.0.0.1', 'secure-port': '6443' });
  assert.match((await get('/flagz')).text, /\n\nbind-address=127\.0\.0\.1\nsecure-port=6443\n$/);
});
