import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Event } from '../../src/api/core/event.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { importTestImage, largeImageLayout, testImageLayout } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';
import { startRegistry, type TestRegistry } from '../fixtures/registry.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Body = any;

let registry: TestRegistry;
let instance: Instance;
let providers: string;
let slow: SlowDoor;
const LAUNCHER = resolve(import.meta.dirname, '../../llmos');

const kubectl = (...args: string[]): Promise<string> => ok(instance.kubectl(...args));
const llmos = (...args: string[]): Promise<string> => ok(instance.llmos(...args));
// Without kubectl, whose start costs more than the answer.
const podNow = (name: string): Promise<Body> => instance.client.get(Pod, name, { namespace: 'default' });
const eventsOf = async (name: string): Promise<Body[]> => [...(await instance.client.list(Event, { namespace: 'default', fieldSelector: `involvedObject.name=${name}` })).items];

async function runPod(name: string, image: string, more: object = {}, container: object = {}): Promise<void> {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image, command: ['sleep', '1000000'], ...container }], ...more } };
  await applyTo(instance, pod);
}
const told = async (name: string, error: Error): Promise<never> => {
  throw new Error(`${error.message}: ${JSON.stringify([(await podNow(name)).status.containerStatuses, (await eventsOf(name)).map((each) => each.message)])}`);
};
const runs = (name: string): Promise<Body> => eventually(async () => {
  const pod = await podNow(name);
  return pod.status.phase === 'Running' && pod;
}, { timeoutMs: 60_000, what: `${name} to run` }).catch((error: Error) => told(name, error));
const waits = (name: string, reason: RegExp): Promise<Body> => eventually(async () => {
  const state = (await podNow(name)).status.containerStatuses?.[0]?.state.waiting;
  return reason.test(state?.reason ?? '') && state;
}, { timeoutMs: 60_000, what: `${name} to wait for ${reason}` }).catch((error: Error) => told(name, error));

/** A folder with a program that knows the credentials of what is called `provided`, and its configuration. */
function credentialProvider(): string {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-providers-'));
  const apiVersion = 'credentialprovider.kubelet.k8s.io/v1';
  const { auth } = JSON.parse(registry.auth).auths[registry.host];
  const [username, password] = Buffer.from(auth, 'base64').toString().split(':');
  const answer = { kind: 'CredentialProviderResponse', apiVersion, cacheKeyType: 'Image', auth: { [`${registry.host}/provided`]: { username, password } } };
  writeFileSync(join(folder, 'known'), `#!/bin/sh\ncat > /dev/null\necho '${JSON.stringify(answer)}'\n`, { mode: 0o755 });
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify({ apiVersion: 'kubelet.config.k8s.io/v1', kind: 'CredentialProviderConfig', providers: [{ name: 'known', apiVersion, matchImages: [registry.host], defaultCacheDuration: '1h' }] }));
  return folder;
}

/** An index of this machine's platform and of one more, whose image says in its environment which it is. */
function indexOfTwo(folder: string): void {
  cpSync(testImageLayout(), folder, { recursive: true });
  const blob = (digest: string): string => join(folder, 'blobs/sha256', digest.slice('sha256:'.length));
  const read = (digest: string): Body => JSON.parse(readFileSync(blob(digest), 'utf8'));
  const put = (value: object): { digest: string; size: number } => {
    const text = JSON.stringify(value);
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    writeFileSync(blob(digest), text);
    return { digest, size: text.length };
  };
  const [one] = read2(join(folder, 'index.json')).manifests;
  const manifest = read(one.digest);
  const config = read(manifest.config.digest);
  const own = config.architecture as string;
  const manifests = [own, own === 'amd64' ? 'arm64' : 'amd64'].map((architecture) => {
    const made = put({ ...config, architecture, config: { ...config.config, Env: [...config.config.Env, `PLATFORM=${architecture}`] } });
    return { mediaType: one.mediaType, ...put({ ...manifest, config: { ...manifest.config, ...made } }), platform: { architecture, os: 'linux' } };
  });
  const index = put({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests });
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: 'application/vnd.oci.image.index.v1+json', ...index, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }] }));
}
/** At the pace of the slow door half a minute, so that it is opened before. */
const BIG_BYTES = 6 * 1024 * 1024;
const SLOW_BYTES_A_SECOND = 200 * 1024;

interface SlowDoor { host: string; open(): void; close(): void }

/** Passes a registry on, slowly until it is opened. */
function slowDoor(to: string): Promise<SlowDoor> {
  const port = Number(to.split(':')[1]);
  const sockets = new Set<Socket>();
  let isOpen = false;
  const server = createServer((socket) => {
    const behind = connect(port, '127.0.0.1');
    for (const each of [socket, behind]) sockets.add(each.on('error', () => {}));
    socket.pipe(behind);
    const slow = new Transform({ highWaterMark: 16 * 1024, transform: (chunk: Buffer, _encoding, done) => void setTimeout(done, isOpen ? 0 : (chunk.length / SLOW_BYTES_A_SECOND) * 1_000, null, chunk) });
    behind.pipe(slow).pipe(socket);
    socket.on('close', () => behind.destroy());
  });
  return new Promise((settle) => server.listen(0, '127.0.0.1', () => settle({
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => { isOpen = true; },
    close() {
      server.close();
      for (const each of sockets) each.destroy();
    },
  })));
}
const read2 = (file: string): Body => JSON.parse(readFileSync(file, 'utf8'));

describe('images', { timeout: 300_000, skip: existsSync('/usr/bin/docker-registry') ? false : 'docker-registry is not installed' }, () => {
  before(async () => {
    registry = await startRegistry();
    slow = await slowDoor(registry.host);
    providers = credentialProvider();
    instance = await bootInstance({ config: `modules: ${JSON.stringify({ registry: { enabled: true, port: 5055 }, node: { imageCredentialProviderConfig: join(providers, 'config.yaml'), imageCredentialProviderBinDir: providers, nodeLeaseDurationSeconds: 4, maxParallelImagePulls: 1, registries: [{ location: registry.host, caFile: registry.caFile }, { location: slow.host, caFile: registry.caFile }, { location: 'registry.example.com/hub', mirrors: [`${registry.host}/mirrored`] }] } })}` });
    importTestImage(instance);
    registry.push(`oci:${testImageLayout()}:latest`, 'private/app:1');
    for (const name of ['mirrored', 'provided']) registry.push(`oci:${testImageLayout()}:latest`, `${name}/app:1`);
    await eventually(async () => (await instance.kubectl('get', 'serviceaccount', 'default')).code === 0, { what: 'the service account' });
  });
  after(async () => {
    await instance?.destroy();
    slow?.close();
    await registry?.stop();
    rmSync(providers, { recursive: true, force: true });
  });

  it('a private image needs the secret of its pod, or of the service account', async () => {
    await runPod('stranger', `${registry.host}/private/app:1`);
    assert.match((await waits('stranger', /^(ErrImagePull|ImagePullBackOff)$/)).message, /authentication required|unauthorized/);
    await kubectl('delete', 'pod', 'stranger');
    await kubectl('create', 'secret', 'generic', 'pull', '--type=kubernetes.io/dockerconfigjson', `--from-file=.dockerconfigjson=${registry.authFile}`);
    await runPod('guest', `${registry.host}/private/app:1`, { imagePullSecrets: [{ name: 'pull' }] });
    const { status } = await runs('guest');
    assert.match(status.containerStatuses[0].imageID, new RegExp(`^${registry.host}/private/app@sha256:[0-9a-f]{64}$`));
    await eventually(async () => {
      const events = await eventsOf('guest');
      return events.some((each) => each.reason === 'Pulling') && events.some((each) => /^Successfully pulled image .* in \d+ms\. Image size: \d+ bytes\.$/.test(each.message));
    }, { what: 'events that tell of the pull' });
    // An image that is there is for those who may have it: with no secret the registry is asked, and refuses, and nobody is asked where nothing may be pulled.
    await runPod('always', `${registry.host}/private/app:1`, {}, { imagePullPolicy: 'Always' });
    await waits('always', /^(ErrImagePull|ImagePullBackOff)$/);
    await runPod('if-not-present', `${registry.host}/private/app:1`, {}, { imagePullPolicy: 'IfNotPresent' });
    assert.match((await waits('if-not-present', /^(ErrImagePull|ImagePullBackOff)$/)).message, /authentication required|unauthorized/);
    await runPod('unknown', `${registry.host}/private/app:1`, {}, { imagePullPolicy: 'Never' });
    await waits('unknown', /^ErrImageNeverPull$/);
    for (const [name, policy] of [['known', 'Never'], ['known-too', 'IfNotPresent']] as const) {
      await runPod(name, `${registry.host}/private/app:1`, { imagePullSecrets: [{ name: 'pull' }] }, { imagePullPolicy: policy });
      await runs(name);
      await eventually(async () => (await eventsOf(name)).some((each) => /already present on machine$/.test(each.message)), { what: 'an event that tells that it is there' });
      assert.equal((await eventsOf(name)).some((each) => each.reason === 'Pulling'), false);
    }
    // Also those that llmos knew before it was killed.
    await instance.kill();
    await instance.boot();
    await runPod('later', `${registry.host}/private/app:1`, {}, { imagePullPolicy: 'Never' });
    await waits('later', /^ErrImageNeverPull$/);
    await kubectl('patch', 'serviceaccount', 'default', '-p', '{"imagePullSecrets":[{"name":"pull"}]}');
    await runPod('served', `${registry.host}/private/app:1`, {}, { imagePullPolicy: 'Always' });
    await runs('served');
    await runPod('never', `${registry.host}/private/app:none`, {}, { imagePullPolicy: 'Never' });
    await waits('never', /^ErrImageNeverPull$/);
    await runPod('missing', `${registry.host}/private/app:none`);
    assert.match((await waits('missing', /^(ErrImagePull|ImagePullBackOff)$/)).message, /manifest unknown/);
    await runPod('nonsense', 'UPPER CASE');
    await waits('nonsense', /^InvalidImageName$/);
  });

  it('a program of the machine gives credentials, for the images that it is for', async () => {
    await kubectl('create', 'serviceaccount', 'plain');
    for (const name of ['provided', 'private']) await runPod(`by-${name}`, `${registry.host}/${name}/app:1`, { serviceAccountName: 'plain' }, { imagePullPolicy: 'Always' });
    await runs('by-provided');
    await waits('by-private', /^(ErrImagePull|ImagePullBackOff)$/);
  });

  it('a mirror is asked instead of the registry', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'mirror' }, type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': registry.auth } };
    assert.equal((await instance.kubectlWith(JSON.stringify(secret), 'apply', '-f', '-')).code, 0);
    await runPod('mirrored', 'registry.example.com/hub/app:1', { imagePullSecrets: [{ name: 'mirror' }] });
    assert.match((await runs('mirrored')).status.containerStatuses[0].image, /^registry\.example\.com\/hub\/app:1$/);
  });

  it('of an index the image of this machine runs, by its tag and by its digest', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-index-'));
    try {
      indexOfTwo(folder);
      registry.push(`oci:${folder}:latest`, 'multi/app:1', ['--all', '--preserve-digests']);
      const { digest } = read2(join(folder, 'index.json')).manifests[0];
      const secret = { imagePullSecrets: [{ name: 'mirror' }] };
      await runPod('tagged', `${registry.host}/multi/app:1`, secret);
      await runs('tagged');
      assert.equal((await kubectl('exec', 'tagged', '--', 'sh', '-c', 'echo $PLATFORM')).trim(), process.arch === 'arm64' ? 'arm64' : 'amd64');
      await runPod('digested', `${registry.host}/multi/app@${digest}`, secret);
      await runs('digested');
      await runPod('again', `${registry.host}/multi/app@${digest}`, {}, { imagePullPolicy: 'Never' });
      await runs('again');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('a pull that takes its time tells how far it has come', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-image-'));
    largeImageLayout(BIG_BYTES, folder);
    registry.push(`oci:${folder}:latest`, 'big/app:1');
    largeImageLayout(BIG_BYTES, folder);
    registry.push(`oci:${folder}:latest`, 'big/app:2');
    rmSync(folder, { recursive: true });
    const auth = registry.auth.replace(registry.host, slow.host);
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'slow' }, type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': auth } };
    assert.equal((await instance.kubectlWith(JSON.stringify(secret), 'create', '-f', '-')).code, 0);
    const file = join(instance.state, 'slow.json');
    writeFileSync(file, auth);
    const byCommand = spawn(LAUNCHER, ['image', 'pull', `${slow.host}/big/app:2`, '--authfile', file], { env: instance.env, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(byCommand, 'exit');
    let said = '';
    byCommand.stderr.on('data', (text: Buffer) => { said += String(text); });
    await runPod('big', `${slow.host}/big/app:1`, { imagePullSecrets: [{ name: 'slow' }] });
    const seen = new Set<string>();
    await eventually(async () => {
      const part = /: ([\d.]+) MiB of \d+\.\d MiB \(\d+%\)$/.exec((await podNow('big')).status.containerStatuses?.[0].state.waiting?.message ?? '')?.[1];
      if (part !== undefined) seen.add(part);
      return seen.size >= 2;
    }, { timeoutMs: 60_000, what: 'the pod to tell how far it has come, twice' });
    await eventually(async () => /[\d.]+ MiB of \d+\.\d MiB \(\d+%\)/.test(said), { timeoutMs: 60_000, what: 'the command to tell how far it has come' });
    slow.open();
    await runs('big');
    assert.deepEqual(await ended, [0, null], said);
    await eventually(async () => !readdirSync(join(instance.state, 'images')).some((name) => name.startsWith('pull')), { what: 'nothing of it is left' });
  });

  it('images are pulled, pushed, listed and removed by command', async () => {
    const name = `${registry.host}/pushed/app:2`;
    assert.notEqual((await instance.llmos('image', 'push', 'localhost/test:latest', name)).code, 0, 'without credentials');
    assert.match((await instance.llmos('image', 'push', 'localhost/test:latest')).stderr, /names no registry; say where it goes/);
    assert.equal((await llmos('image', 'push', 'localhost/test:latest', name, '--authfile', registry.authFile)).trim().split('\n').at(-1), name);
    assert.match((await instance.llmos('image', 'push', 'none:1', name)).stderr, /there is no image none:1/);
    assert.equal((await llmos('image', 'pull', name, '--authfile', registry.authFile)).trim().split('\n').at(-1), name);
    assert.ok((await llmos('image', 'ls')).includes(name));
    await runPod('pushed', name, {}, { imagePullPolicy: 'Never' });
    await runs('pushed');
    assert.match((await instance.llmos('image', 'pull', `${registry.host}/none/app:1`, '--authfile', registry.authFile)).stderr, /^llmos: \S+\/none\/app:1 could not be pulled: .*manifest unknown/m);
    await llmos('image', 'rm', name); // the pod runs on: the image has other names
    assert.ok(!(await llmos('image', 'ls')).includes(name));
    assert.equal((await podNow('pushed')).status.containerStatuses[0].restartCount, 0);
  });

  it('the node tells of them, and leaves alone what others wrote on it', async () => {
    await kubectl('label', 'node', 'node1', 'example.com/mine=yes');
    registry.push(`oci:${testImageLayout()}:latest`, 'told/app:1');
    await runPod('told', `${registry.host}/told/app:1`, { imagePullSecrets: [{ name: 'mirror' }] });
    const node = await eventually(async () => {
      const now = JSON.parse(await kubectl('get', 'node', 'node1', '-o', 'json'));
      return now.status.images.some((each: Body) => each.names.includes(`${registry.host}/told/app:1`)) && now;
    }, { timeoutMs: 30_000, what: 'the image in the status of the node' });
    assert.equal(node.metadata.labels['example.com/mine'], 'yes');
  });

  it('pods that come together for many images all get them, one pull at a time', async () => {
    for (const tag of ['a', 'b', 'c']) registry.push(`oci:${testImageLayout()}:latest`, `many/app:${tag}`);
    for (const tag of ['a', 'b', 'c']) await runPod(`many-${tag}`, `${registry.host}/many/app:${tag}`, { imagePullSecrets: [{ name: 'mirror' }] });
    for (const tag of ['a', 'b', 'c']) await runs(`many-${tag}`);
  });

  it('the registry of this machine takes images from its machine, gives them to its pods, and to nobody else', async () => {
    await kubectl('delete', 'pods', '--all', '--now');
    const name = '127.0.0.1:5055/team/app:1';
    await eventually(async () => (await instance.llmos('image', 'push', 'localhost/test:latest', name)).code === 0, { timeoutMs: 60_000, what: 'a push' });
    assert.equal((await fetch('http://127.0.0.1:5055/v2/team/app/tags/list')).status, 401);
    await llmos('image', 'rm', 'localhost/test:latest');
    await runPod('own', name);
    await runs('own');
    await instance.kill();
    await instance.boot();
    await eventually(async () => (await instance.llmos('image', 'pull', name)).code === 0, { timeoutMs: 60_000, what: 'a pull after a kill' });
    assert.match(await llmos('module', 'list'), /registry\s+running/);
    const processes = readdirSync('/proc').filter((each) => /^\d+$/.test(each) && commandOf(each).includes(`${instance.state}/registry/config.yml`));
    assert.equal(processes.length, 1, 'the one of the killed llmos is gone');
  });
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
