/** @kubernetes/client-node as npm gives it: informers, watches, typed calls, patches, streams. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { clients, lacks } from '../fixtures/clients.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';

// The client brings types of its own, which are not there when this is checked.
type Any = any; // eslint-disable-line

const NS = 'node-client';

describe('@kubernetes/client-node', { timeout: 120_000, skip: lacks('clientNode') }, () => {
  let llmos: Instance;
  let k8s: Any;
  let config: Any;
  let core: Any;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-client-node-'));
    k8s = await import(pathToFileURL(createRequire(join(clients.clientNode()!, 'package.json')).resolve('@kubernetes/client-node')).href);
    llmos = await bootInstance();
    importTestImage(llmos);
    config = new k8s.KubeConfig();
    config.loadFromFile(llmos.kubeconfig);
    core = config.makeApiClient(k8s.CoreV1Api);
    await core.createNamespace({ body: { metadata: { name: NS } } });
  });
  after(async () => {
    await llmos?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  const map = (name: string, data: Record<string, string> = {}): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NS }, data });
  const as = (type: string): object => k8s.setHeaderOptions('Content-Type', type);
  const refusal = async (promise: Promise<unknown>): Promise<unknown> => {
    const error = await promise.then(() => assert.fail('it was not refused'), (caught: Any) => caught);
    return [error.code, JSON.parse(error.body).reason];
  };

  it('creates, reads, changes and deletes, and is told why not', async () => {
    const made = await core.createNamespacedConfigMap({ namespace: NS, body: map('typed', { a: '1' }) });
    assert.ok(made.metadata.creationTimestamp instanceof Date);
    await core.patchNamespacedConfigMap({ name: 'typed', namespace: NS, body: [{ op: 'add', path: '/data/b', value: '2' }] });
    await core.patchNamespacedConfigMap({ name: 'typed', namespace: NS, body: { data: { c: '3', a: null } } }, as(k8s.PatchStrategy.MergePatch));
    await core.patchNamespacedConfigMap({ name: 'typed', namespace: NS, body: { data: { d: '4' } } }, as(k8s.PatchStrategy.StrategicMergePatch));
    await core.patchNamespacedConfigMap({ name: 'typed', namespace: NS, fieldManager: 'test', body: map('typed', { e: '5' }) }, as(k8s.PatchStrategy.ServerSideApply));
    const read = await core.readNamespacedConfigMap({ name: 'typed', namespace: NS });
    assert.deepEqual(read.data, { b: '2', c: '3', d: '4', e: '5' });
    assert.deepEqual(await refusal(core.replaceNamespacedConfigMap({ name: 'typed', namespace: NS, body: made })), [409, 'Conflict']);
    assert.deepEqual(await refusal(core.createNamespacedConfigMap({ namespace: NS, body: map('typed') })), [409, 'AlreadyExists']);
    assert.equal((await core.replaceNamespacedConfigMap({ name: 'typed', namespace: NS, body: { ...read, data: { z: '9' } } })).data.z, '9');
    await core.deleteNamespacedConfigMap({ name: 'typed', namespace: NS, body: { preconditions: { uid: made.metadata.uid } } });
    assert.deepEqual(await refusal(core.readNamespacedConfigMap({ name: 'typed', namespace: NS })), [404, 'NotFound']);
  });

  it('works with objects of any kind', async () => {
    const objects = k8s.KubernetesObjectApi.makeApiClient(config);
    const [document] = k8s.loadAllYaml(`apiVersion: v1\nkind: ConfigMap\nmetadata: { name: generic, namespace: ${NS} }\ndata: { a: b }\n`);
    await objects.create(document);
    await objects.patch({ ...document, data: { a: 'c' } });
    assert.equal((await objects.read(document)).data.a, 'c');
    assert.ok((await objects.list('v1', 'ConfigMap', NS)).items.length >= 1);
    await objects.delete(document);
  });

  it('follows by an informer, over a restart of the server', async () => {
    const told: string[] = [];
    const informer = k8s.makeInformer(config, `/api/v1/namespaces/${NS}/configmaps`, () => core.listNamespacedConfigMap({ namespace: NS, labelSelector: 'informed' }), 'informed');
    for (const event of ['add', 'update', 'delete']) informer.on(event, (object: Any) => told.push(`${event} ${object.metadata.name} ${object.data?.n ?? ''}`));
    let following = true;
    const startAgain = (): unknown => following && setTimeout(() => void informer.start().catch(startAgain), 50);
    informer.on('error', startAgain);
    const write = (name: string, n: string): Promise<unknown> => core.patchNamespacedConfigMap(
      { name, namespace: NS, fieldManager: 'test', force: true, body: { ...map(name, { n }), metadata: { name, labels: { informed: 'yes' } } } }, as(k8s.PatchStrategy.ServerSideApply));
    const comes = (...lines: string[]): Promise<unknown> => eventually(async () => lines.every((line) => told.includes(line)), { timeoutMs: 60_000, what: `${lines.join(', ')} in ${told.join(', ')}` });
    try {
      await write('before', '1');
      await informer.start();
      await comes('add before 1');
      await write('after', '1');
      await write('after', '2');
      await comes('add after 1', 'update after 2');
      await llmos.kill('SIGTERM');
      await llmos.boot();
      await eventually(() => write('after', '3').then(() => true));
      await core.deleteNamespacedConfigMap({ name: 'before', namespace: NS });
      await comes('update after 3', 'delete before 1');
      assert.deepEqual(informer.list(NS).map((each: Any) => each.metadata.name), ['after']);
      assert.equal(informer.get('after', NS).data.n, '3');
    } finally {
      following = false;
      await informer.stop();
    }
  });

  it('resumes a watch from a revision', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace: NS });
    await core.createNamespacedConfigMap({ namespace: NS, body: map('resumed') });
    await core.deleteNamespacedConfigMap({ name: 'resumed', namespace: NS });
    const seen: string[] = [];
    const error = await new Promise((settled) => void new k8s.Watch(config).watch(`/api/v1/namespaces/${NS}/configmaps`, { resourceVersion: metadata.resourceVersion, timeoutSeconds: 1 },
      (type: string, object: Any) => seen.push(`${type} ${object.metadata.name}`), settled));
    assert.deepEqual([error, seen], [null, ['ADDED resumed', 'DELETED resumed']]);
  });

  describe('streams', () => {
    before(async () => {
      const command = ['sh', '-c', 'echo hello; mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 8080 -h /www'];
      await core.createNamespacedPod({ namespace: NS, body: { metadata: { name: 'web' }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: TEST_IMAGE, command }] } } });
      await eventually(async () => (await core.readNamespacedPod({ name: 'web', namespace: NS })).status.phase === 'Running');
    });
    const text = async (stream: PassThrough): Promise<string> => {
      let all = '';
      for await (const chunk of stream) all += chunk;
      return all;
    };
    const exec = (command: string[], stdin: Readable | null = null): Promise<{ out: string; err: string; status: Any }> => new Promise((settled, failed) => {
      const [out, err] = [new PassThrough(), new PassThrough()];
      new k8s.Exec(config).exec(NS, 'web', 'main', command, out, err, stdin, false, (status: Any) => {
        setTimeout(() => { out.end(); err.end(); }, 50);
        void Promise.all([text(out), text(err)]).then(([o, e]) => settled({ out: o, err: e, status }));
      }).catch(failed);
    });

    it('runs commands with input and output', async () => {
      const { out, err, status } = await exec(['sh', '-c', 'echo out; echo err >&2; cat; exit 3'], Readable.from(['in']));
      assert.deepEqual([out, err], ['out\nin', 'err\n']);
      assert.deepEqual([status.status, status.details.causes], ['Failure', [{ reason: 'ExitCode', message: '3' }]]);
    });
    it('copies files into a pod', async () => {
      mkdirSync(join(folder, 'copied'));
      writeFileSync(join(folder, 'copied/note'), 'a note');
      await new k8s.Cp(config).cpToPod(NS, 'web', 'main', join(folder, 'copied'), '/tmp');
      await eventually(async () => (await exec(['cat', '/tmp/note'])).out === 'a note');
    });
    it('follows a log to its end', async () => {
      const command = ['sh', '-c', 'echo one; sleep 0.3; echo two'];
      await core.createNamespacedPod({ namespace: NS, body: { metadata: { name: 'once' }, spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: TEST_IMAGE, command }] } } });
      await eventually(async () => (await core.readNamespacedPod({ name: 'once', namespace: NS })).status.phase !== 'Pending');
      const log = new PassThrough();
      await new k8s.Log(config).log(NS, 'once', 'main', log, { follow: true, timestamps: true });
      assert.match(await text(log), /^\d{4}-\S+Z one\n\d{4}-\S+Z two\n$/);
    });
    it('forwards a port', async () => {
      const server = createServer((socket) => void new k8s.PortForward(config).portForward(NS, 'web', [8080], socket, null, socket));
      await new Promise<void>((settled) => void server.listen(0, '127.0.0.1', () => settled()));
      try {
        assert.equal(await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).text(), 'page\n');
      } finally {
        server.close();
      }
    });
  });

  it('asks for metrics, health and rights', async () => {
    const nodes = await eventually(async () => {
      const { items } = await new k8s.Metrics(config).getNodeMetrics();
      return items.length === 1 && items;
    });
    assert.match(nodes[0].usage.memory, /^\d+Ki$/);
    assert.deepEqual((await k8s.topNodes(core)).map((each: Any) => each.Node.metadata.name), ['node1']);
    assert.equal(await new k8s.Health(config).readyz({}), true);
    const review = await config.makeApiClient(k8s.AuthorizationV1Api).createSelfSubjectAccessReview({ body: { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } } });
    assert.equal(review.status.allowed, true);
  });
});
