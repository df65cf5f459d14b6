import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isApiError } from '../../api/errors.ts';
import { findCluster, inClusterAccess, parseKubeconfig } from './kubeconfig.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'llmos-kubeconfig-')); });
afterEach(() => rmSync(folder, { recursive: true }));

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** A kubeconfig with one context; `cluster` and `user` are the lines of theirs. */
function config(options: { name?: string; cluster?: string; user?: string; context?: string } = {}): string {
  const { name = 'c', cluster = 'server: https://host:6443', user = 'token: t', context = '' } = options;
  return `apiVersion: v1
kind: Config
clusters: [{name: ${name}, cluster: {${cluster}}}]
users: [{name: ${name}-user, user: {${user}}}]
contexts: [{name: ${name}, context: {cluster: ${name}, user: ${name}-user${context}}}]
current-context: ${name}
`;
}

describe('kubeconfig', () => {
  it('gives what is embedded', async () => {
    const access = parseKubeconfig(config({
      cluster: `server: "https://host:6443", certificate-authority-data: ${base64('ca')}, tls-server-name: other`,
      user: `client-certificate-data: ${base64('cert')}, client-key-data: ${base64('key')}, as: someone, as-groups: [a, b]`, context: ', namespace: ns',
    }));
    assert.deepEqual({ ...access, credential: await access.credential() }, {
      server: 'https://host:6443', caPem: 'ca', insecureSkipTlsVerify: false, tlsServerName: 'other', namespace: 'ns',
      headers: { 'impersonate-user': 'someone', 'impersonate-group': ['a', 'b'] }, credential: { token: undefined, certificatePem: 'cert', keyPem: 'key' },
    });
  });
  it('reads files relative to itself, and token files again', async () => {
    for (const name of ['ca.crt', 'me.crt', 'me.key', 'token']) file(name, `${name}\n`);
    const certified = findCluster({ path: file('one', config({ cluster: 'server: "https://h", certificate-authority: ca.crt', user: 'client-certificate: me.crt, client-key: ./me.key' })) });
    assert.equal(certified.caPem, 'ca.crt\n');
    assert.deepEqual(await certified.credential(), { token: undefined, certificatePem: 'me.crt\n', keyPem: 'me.key\n' });
    const tokened = findCluster({ path: file('two', config({ user: 'tokenFile: token' })) });
    assert.deepEqual(await tokened.credential(), { token: 'token' });
    file('token', 'new');
    assert.deepEqual(await tokened.credential(), { token: 'token' });
    assert.deepEqual(await tokened.credential({ refused: true }), { token: 'new' });
  });
  it('merges the files of $KUBECONFIG, the first that says something wins', () => {
    const env = { KUBECONFIG: [file('a', config({ name: 'a', cluster: 'server: "https://a"' })), join(folder, 'none'), file('b', `${config({ name: 'b', cluster: 'server: "https://b"' })}`)].join(':') };
    assert.equal(findCluster({ env }).server, 'https://a');
    assert.equal(findCluster({ env, context: 'b' }).server, 'https://b');
  });
  it('looks into the home folder, then for the account of the pod', async () => {
    mkdirSync(join(folder, '.kube'));
    file('.kube/config', config({ cluster: 'server: "https://home"' }));
    assert.equal(findCluster({ env: { HOME: folder } }).server, 'https://home');
    for (const [name, text] of [['token', 'abc\n'], ['ca.crt', 'ca'], ['namespace', 'mine']] as const) file(name, text);
    const inside = inClusterAccess({ env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }, folder });
    assert.deepEqual([inside?.server, inside?.caPem, inside?.namespace, await inside?.credential()], ['https://[fd00::1]:443', 'ca', 'mine', { token: 'abc' }]);
    assert.equal(inClusterAccess({ env: {}, folder }), undefined);
  });
  it('asks a program for its credential, and again only when that runs out or is refused', async () => {
    const program = file('get-token', `#!/bin/sh
n=$(cat '${folder}/count' 2>/dev/null || echo 0); n=$((n + 1)); echo $n > '${folder}/count'; echo "$KUBERNETES_EXEC_INFO $EXTRA $1" > '${folder}/info'
echo "{\\"apiVersion\\": \\"client.authentication.k8s.io/v1\\", \\"kind\\": \\"ExecCredential\\", \\"status\\": {\\"token\\": \\"t$n\\", \\"expirationTimestamp\\": \\"$WHEN\\"}}"
`);
    chmodSync(program, 0o700);
    const access = (when: string) => parseKubeconfig(config({ user: `exec: {apiVersion: client.authentication.k8s.io/v1, command: ./get-token, args: [x], provideClusterInfo: true, env: [{name: EXTRA, value: e}, {name: WHEN, value: "${when}"}]}` }), { folder });
    const lasting = access('2999-01-01T00:00:00Z');
    assert.deepEqual((await Promise.all([lasting.credential(), lasting.credential(), lasting.credential()])).map((each) => each.token), ['t1', 't1', 't1']);
    assert.equal((await lasting.credential({ refused: true })).token, 't2');
    const over = access('2020-01-01T00:00:00Z');
    assert.deepEqual([(await over.credential()).token, (await over.credential()).token], ['t3', 't4']);
    assert.match(readFileSync(join(folder, 'info'), 'utf8'), /"kind":"ExecCredential","spec":\{"interactive":false,"cluster":\{"server":"https:\/\/host:6443"\}\}\} e x/);
    const broken = parseKubeconfig(config({ user: 'exec: {command: "false", installHint: Install it.}' }));
    await assert.rejects(broken.credential(), (error) => isApiError(error, 'Unauthorized') && /false.*Install it\./.test(error.message));
  });
  const wrong: [string, string, RegExp][] = [
    ['no context', 'apiVersion: v1\nkind: Config\n', /has no context ""; it has: none/],
    ['another context', config().replace('current-context: c', 'current-context: d'), /no context "d"; it has: c/],
    ['no cluster', config().replace('cluster: c,', 'cluster: x,'), /no cluster "x"/],
    ['no server', config({ cluster: '' }), /no server address/],
    ['a proxy', config({ cluster: 'server: "https://h", proxy-url: "http://p"' }), /proxy/],
    ['a removed provider', config({ user: 'auth-provider: {name: gcp}' }), /auth-provider/],
    ['a file that is missing', config({ user: 'client-certificate: none.crt' }), /none\.crt, which cannot be read/],
    ['no YAML', '{{{', /cannot be read/],
    ['something else', 'clusters: 7', /must be a list/],
    ['a text', 'hello', /must be a list/],
  ];
  for (const [what, text, message] of wrong) {
    it(`says what is wrong: ${what}`, async () => {
      await assert.rejects(async () => findCluster({ path: file('bad', text) }).credential(), (error) => isApiError(error, 'BadRequest') && message.test(error.message) || assert.fail(String(error)));
    });
  }
  it('says that there is none', () => {
    assert.throws(() => findCluster({ env: { HOME: folder } }), (error) => isApiError(error, 'BadRequest') && /--kubeconfig/.test(error.message));
    assert.throws(() => findCluster({ path: join(folder, 'none') }), (error) => isApiError(error, 'BadRequest'));
  });
});
