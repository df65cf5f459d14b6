/** The real kubectl's other ways to the server: its proxy at a path or a socket of the user's, several forwarded ports, tokens, plugins, preferences, short patience. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { get } from '../../src/base/http.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const WEB = `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: ${TEST_IMAGE}
    imagePullPolicy: IfNotPresent
    command: [sh, -c, 'mkdir /a /b; echo one > /a/index.html; echo two > /b/index.html; httpd -p 8080 -h /a; exec httpd -f -p 8081 -h /b']
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: one, port: 80, targetPort: 8080 }, { name: two, port: 81, targetPort: 8081 }] }
`;

describe('other ways of kubectl', { timeout: 300_000 }, () => {
  let llmos: Instance;
  let folder: string;
  const kubectl = (...args: string[]): ChildProcess => spawn('kubectl', args, { env: { ...process.env, KUBECONFIG: llmos.kubeconfig, HOME: folder }, stdio: 'ignore' });
  /** Runs a command that stays for as long as `work` takes. */
  const beside = async (args: string[], work: () => Promise<void>): Promise<void> => {
    const child = kubectl(...args);
    const ended = once(child, 'exit');
    try {
      await work();
    } finally {
      child.kill();
      await ended;
    }
  };
  const textOf = (socketPath: string, path: string): Promise<string> => new Promise((resolve, reject) => {
    get({ socketPath, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part)).on('end', () => resolve(text));
    }).on('error', reject);
  });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-kubectl-ways-'));
    llmos = await bootInstance();
    importTestImage(llmos);
    writeFileSync(join(folder, 'web.yaml'), WEB);
    await ok(llmos.kubectl('apply', '-f', join(folder, 'web.yaml')));
  });
  after(async () => {
    await llmos?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  it('proxies at a prefix, beside files', async () => {
    const www = join(folder, 'www');
    mkdirSync(www);
    writeFileSync(join(www, 'note.txt'), 'a note');
    await beside(['proxy', '--port=18101', '--api-prefix=/custom', `--www=${www}`, '--www-prefix=/files/'], async () => {
      const at = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:18101${path}`);
      await eventually(async () => (await at('/custom/version')).ok, { timeoutMs: 60_000 });
      assert.equal(((await (await at('/custom/api/v1/namespaces/default')).json()) as { metadata: { name: string } }).metadata.name, 'default');
      assert.equal(await (await at('/files/note.txt')).text(), 'a note');
      assert.equal((await at('/api/v1/namespaces/default')).status, 404);
    });
  });

  it('proxies at a socket', async () => {
    const socket = join(folder, 'proxy.sock');
    await beside(['proxy', `--unix-socket=${socket}`], async () => {
      await eventually(async () => existsSync(socket), { timeoutMs: 60_000 });
      assert.equal(JSON.parse(await textOf(socket, '/api/v1/namespaces/default')).kind, 'Namespace');
    });
  });

  it('forwards several ports of a pod and of a service', async () => {
    await ok(llmos.kubectl('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s'));
    for (const [what, ports] of [['pod/web', ['18111:8080', '18112:8081']], ['service/web', ['18111:one', '18112:81']]] as const) {
      await beside(['port-forward', what, ...ports], async () => {
        const bodies = await eventually(async () => Promise.all([18111, 18112].map(async (port) => (await fetch(`http://127.0.0.1:${port}/`)).text())), { timeoutMs: 60_000 });
        assert.deepEqual(bodies, ['one\n', 'two\n'], what);
      });
    }
  });

  it('makes tokens that are bound to a pod', async () => {
    const token = (await ok(llmos.kubectl('create', 'token', 'default', '--bound-object-kind=Pod', '--bound-object-name=web', '--duration=10m'))).trim();
    const [, claims] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    const { exp, iat, 'kubernetes.io': about } = JSON.parse(claims!);
    assert.deepEqual([about.pod.name, about.serviceaccount.name, exp - iat], ['web', 'default', 600]);
    const none = await llmos.kubectl('create', 'token', 'default', '--bound-object-kind=Pod', '--bound-object-name=none');
    assert.match(none.stderr, /pods "none" not found/);
  });

  it('runs plugins, and gives up when it is told to', async () => {
    const plugin = join(folder, 'kubectl-hello');
    writeFileSync(plugin, '#!/bin/sh\necho "hello $1"\n');
    chmodSync(plugin, 0o755);
    const run = spawn('kubectl', ['hello', 'you'], { env: { ...process.env, PATH: `${folder}:${process.env['PATH']}`, KUBECONFIG: llmos.kubeconfig } });
    let text = '';
    run.stdout.on('data', (part: Buffer) => (text += part.toString()));
    await once(run, 'close');
    assert.equal(text, 'hello you\n');
    const short = await llmos.kubectl('get', 'pods', '--watch', '--request-timeout=1s');
    assert.equal(short.code === 0 || /Timeout|deadline|exceeded/i.test(short.stderr), true, short.stderr);
    assert.match((await llmos.kubectl('get', 'pods', '--request-timeout=soon')).stderr, /Invalid timeout value/);
  });

  it('exec: a command that does not read holds who sends to it, and has all of it when it does', async () => {
    const all = 128 * 1024 * 1024;
    const child = spawn('kubectl', ['exec', '-i', 'web', '--', 'sh', '-c', 'until [ -e /read ]; do sleep 0.05; done; wc -c'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig, HOME: folder } });
    const ended = once(child, 'exit');
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
    let sentBytes = 0;
    let stillAtBytes = -1;
    Readable.from((function* chunks() {
      for (; sentBytes < all; sentBytes += 65_536) yield Buffer.alloc(65_536);
    })()).pipe(child.stdin);
    await eventually(async () => {
      const isStill = sentBytes > 0 && sentBytes === stillAtBytes;
      stillAtBytes = sentBytes;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return isStill;
    }, { what: 'nothing more is taken' });
    assert.ok(sentBytes < all / 2, `${sentBytes} bytes were taken, and nobody had asked for them`);
    await ok(llmos.kubectl('exec', 'web', '--', 'touch', '/read'));
    await ended;
    assert.equal(output.trim(), String(all));
  });
});
