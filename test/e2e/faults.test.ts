/** Bad input and faults, each caused for real: a clear answer, and nothing lost. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { ConfigMap } from '../../src/api/core/config-map.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { isApiError } from '../../src/api/errors.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { PATIENCE } from '../fixtures/patience.ts';

interface Answer {
  code: number;
  body: { message?: string; reason?: string; code?: number };
}

describe('faults', { timeout: 300_000 * PATIENCE }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
  });
  after(async () => llmos?.destroy());

  const send = (method: string, path: string, body: string, contentType = 'application/json'): Promise<Answer> => {
    const config = parse(readFileSync(llmos.kubeconfig, 'utf8')) as { users: [{ user: Record<string, string> }] };
    const decode = (name: string): Buffer => Buffer.from(config.users[0].user[name] ?? '', 'base64');
    return new Promise((resolve, reject) => {
      const call = request({
        host: '127.0.0.1', port: 6443, method, path, rejectUnauthorized: false, agent: false, cert: decode('client-certificate-data'), key: decode('client-key-data'),
        headers: { 'content-type': contentType, 'content-length': Buffer.byteLength(body) },
      }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ code: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] }));
      });
      call.once('error', reject);
      call.end(body);
    });
  };
  const PATH = '/api/v1/namespaces/default/configmaps';

  it('malformed JSON and YAML are refused with 400', async () => {
    for (const [body, type] of [['{"kind":', 'application/json'], ['a: [b', 'application/yaml'], ['[]', 'application/json'], ['"text"', 'application/json']] as const) {
      const { code, body: status } = await send('POST', PATH, body, type);
      assert.deepEqual([code, status.reason], [400, 'BadRequest'], body);
      assert.ok((status.message?.length ?? 0) > 10);
    }
  });

  it('unknown kinds, groups and content types are named', async () => {
    assert.equal((await send('POST', '/apis/ghost.example/v1/ghosts', '{}')).code, 404);
    assert.equal((await send('POST', PATH, '<xml/>', 'text/xml')).code, 415);
    const wrongKind = await send('POST', PATH, '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}');
    assert.equal(wrongKind.code, 400);
    assert.match((await llmos.kubectlWith('apiVersion: ghost.example/v1\nkind: Ghost\nmetadata: { name: x }\n', 'apply', '-f', '-')).stderr, /no matches for kind "Ghost"/);
  });

  it('a huge body is refused with 413', async () => {
    const answer = await send('POST', PATH, JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'huge' }, data: { x: 'x'.repeat(4 * 1024 * 1024) } }));
    assert.equal(answer.code, 413);
  });

  it('an old resourceVersion gets 409, and the other write stays', async () => {
    const created = await llmos.client.create(ConfigMap, { metadata: { name: 'contested', namespace: 'default' }, data: { a: '1' } } as ConfigMap);
    await llmos.client.update(ConfigMap, { ...created, data: { a: '2' } });
    await assert.rejects(llmos.client.update(ConfigMap, { ...created, data: { a: '3' } }), (error) => isApiError(error, 'Conflict') && /the object has been modified; please apply your changes to the latest version/.test(error.message));
    assert.deepEqual((await llmos.client.get(ConfigMap, 'contested', { namespace: 'default' })).data, { a: '2' });
  });

  const waitingReason = (name: string, reasons: string[]): Promise<Pod> => eventually(async () => {
    const found = await llmos.client.get(Pod, name, { namespace: 'default' });
    const state = found.status?.containerStatuses?.[0];
    return reasons.includes(state?.state?.waiting?.reason ?? state?.lastState?.terminated?.reason ?? '') && found;
  }, { timeoutMs: 40_000, what: `${name} is ${reasons.join(' or ')}` });
  const create = (name: string, container: object): Promise<Pod> =>
    llmos.client.create(Pod, { metadata: { name, namespace: 'default' }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', ...container }] } } as Pod);

  it('a missing image is ErrImagePull, then ImagePullBackOff', async () => {
    const abort = new AbortController();
    const reasons: string[] = [];
    const messages: string[] = [];
    // From before the pod, whenever the watch begins: what follows on the other stands for a short while only.
    const { resourceVersion } = (await llmos.client.list(Pod, { namespace: 'default' })).metadata;
    const watching = (async () => {
      for await (const { type, object } of llmos.client.watch(Pod, { namespace: 'default', fieldSelector: 'metadata.name=no-image', resourceVersion, signal: abort.signal })) {
        const waiting = type === 'BOOKMARK' ? undefined : (object as Pod).status?.containerStatuses?.[0]?.state?.waiting;
        if (waiting?.reason === undefined || reasons.at(-1) === waiting.reason) continue;
        reasons.push(waiting.reason);
        messages.push(waiting.message ?? '');
      }
    })().catch((error: Error) => abort.signal.aborted || Promise.reject(error));
    await create('no-image', { image: 'localhost:1/ghost:1' });
    await eventually(async () => reasons.includes('ImagePullBackOff'), { what: 'the pull backs off' });
    abort.abort();
    await watching;
    assert.deepEqual(reasons.filter((reason) => reason.includes('Pull')).slice(0, 2), ['ErrImagePull', 'ImagePullBackOff']);
    assert.match(messages[reasons.indexOf('ErrImagePull')] ?? '', /localhost:1\/ghost:1/);
    assert.match(messages[reasons.indexOf('ImagePullBackOff')] ?? '', /Back-off pulling image/);
  });

  it('a command that does not exist is told, then backed off', async () => {
    await create('no-command', { command: ['/bin/ghost'] });
    await waitingReason('no-command', ['RunContainerError', 'StartError', 'CrashLoopBackOff']);
    const pod = await waitingReason('no-command', ['CrashLoopBackOff']);
    const terminated = pod.status?.containerStatuses?.[0]?.lastState?.terminated;
    assert.deepEqual([[127, 128].includes(terminated?.exitCode ?? 0), /ghost/.test(terminated?.message ?? '')], [true, true]);
  });

  it('a container over its memory limit is OOMKilled', async () => {
    await create('hungry', { command: ['sh', '-c', 'x=a; while true; do x=$x$x; done'], resources: { limits: { memory: '24Mi' } } });
    const pod = await eventually(async () => {
      const found = await llmos.client.get(Pod, 'hungry', { namespace: 'default' });
      const status = found.status?.containerStatuses?.[0];
      return (status?.lastState?.terminated ?? status?.state?.terminated) !== undefined && found;
    });
    const status = pod.status?.containerStatuses?.[0];
    assert.equal((status?.lastState?.terminated ?? status?.state?.terminated)?.reason, 'OOMKilled');
  });

  it('an image is not taken away from under its containers', async () => {
    await create('stands', { command: ['sleep', '1000'] });
    await eventually(async () => (await llmos.client.get(Pod, 'stands', { namespace: 'default' })).status?.phase === 'Running', { what: 'the pod runs' });
    const refused = await llmos.llmos('image', 'rm', TEST_IMAGE);
    assert.deepEqual([refused.code, /containers run from the image/.test(refused.stderr)], [1, true], refused.stderr);
    assert.equal((await llmos.kubectl('exec', 'stands', '--', 'ls', '/bin/busybox')).stdout.trim(), '/bin/busybox');
    await llmos.client.delete(Pod, 'stands', { namespace: 'default' });
    assert.match((await llmos.llmos('image', 'rm', 'ghost')).stderr, /^llmos: there is no image ghost;/);
  });

  it('a backup that cannot be written says so, and nothing else suffers', async () => {
    const { code, stderr } = await llmos.llmos('backup', '/nowhere/backup.db');
    assert.deepEqual([code, stderr.trim()], [1, "llmos: the copy /nowhere/backup.db cannot be written (ENOENT: no such file or directory, open '/nowhere/backup.db.partial'); the store itself is well"]);
    await llmos.client.create(ConfigMap, { metadata: { name: 'after-backup', namespace: 'default' } } as ConfigMap);
  });

  it('a port of the door that is in use is named, and so is a broken configuration', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-fault-'));
    const env = { ...process.env, LLMOS_STATE: join(folder, 'state'), LLMOS_RUN: join(folder, 'run'), LLMOS_CONFIG: join(folder, 'config.yaml') };
    const up = (): string => {
      try {
        return execFileSync(join(import.meta.dirname, '../../llmos'), ['up'], { env, encoding: 'utf8', stdio: 'pipe' });
      } catch (error) {
        return (error as { stderr: string }).stderr;
      }
    };
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(16_443, '127.0.0.1', resolve));
    try {
      writeFileSync(join(folder, 'config.yaml'), 'instance: fault\nnodeName: n\napiServer: { port: 16443 }\n');
      assert.match(up(), /16443.*(in use|EADDRINUSE)/s);
      writeFileSync(join(folder, 'config.yaml'), 'apiSever: {}\n');
      assert.match(up(), /unknown key 'apiSever'/);
      writeFileSync(join(folder, 'config.yaml'), 'a: [\n');
      assert.match(up(), /config\.yaml/);
      assert.ok(!readFileSync('/proc/self/mounts', 'utf8').includes(folder), 'a boot that fails leaves no mounts');
    } finally {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a full disk refuses writes clearly, loses nothing, and recovers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder]);
    let small: Instance | undefined;
    try {
      small = await bootInstance({ folder, config: 'apiServer: { port: 17443 }\nnetwork: { podCidr: 10.11.0.0/16, serviceCidr: 10.12.0.0/16, loadBalancerCidr: 10.13.0.0/24 }\n' });
      const { client } = small;
      const big = (n: number): ConfigMap => ({ metadata: { name: `big-${n}`, namespace: 'default' }, data: { x: 'x'.repeat(900_000) } }) as ConfigMap;
      let kept = 0;
      const failure = await (async () => {
        for (; kept < 100; kept += 1) await client.create(ConfigMap, big(kept));
        return undefined;
      })().catch((error: Error) => error);
      assert.ok(failure instanceof Error, 'the disk never filled');
      assert.match(failure.message, /full|space/i);
      const { items } = await client.list(ConfigMap, { namespace: 'default' });
      assert.equal(items.filter(({ metadata }) => metadata.name?.startsWith('big-')).length, kept);
      execFileSync('mount', ['-o', 'remount,size=128m', folder]);
      await eventually(() => client.create(ConfigMap, big(kept)), { timeoutMs: 20_000 });
    } finally {
      await small?.destroy();
      execFileSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
