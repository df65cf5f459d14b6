/** Event scaling on a cluster that knows nothing of it: the triggers are read elsewhere, the cluster's own autoscaler asks for their metrics through its door. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { APIService } from '../../src/api/apiregistration/api-service.ts';
import { Deployment } from '../../src/api/apps/deployment.ts';
import { ServiceAccount } from '../../src/api/core/service-account.ts';
import { ScaledObject } from '../../src/api/keda/scaled-object.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const HOST = '192.0.2.21';
const PORT = 26_443;
const NS = { namespace: 'default' };
const LAUNCHER = resolve(import.meta.dirname, '../../llmos');
const pods = (name: string): object => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, ...NS },
  spec: { replicas: 0, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { nodeSelector: { nowhere: 'true' }, containers: [{ name: 'main', image: 'none' }] } } },
});
const SCALED = {
  apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', metadata: { name: 'worker', ...NS },
  spec: { scaleTargetRef: { name: 'worker' }, pollingInterval: 1, cooldownPeriod: 1, maxReplicaCount: 6, triggers: [{ type: 'kubernetes-workload', metadata: { podSelector: 'app=work', value: '2' } }] },
};

describe('event scaling on another cluster', () => {
  let cluster: Instance;
  let attached: ChildProcess;
  let log = '';
  const reaches = (wanted: number): Promise<unknown> => eventually(async () => (await cluster.client.get(Deployment, 'worker', NS)).spec?.replicas === wanted, { timeoutMs: 60_000, what: `${wanted} replicas` })
    .catch(async (error: unknown) => assert.fail(`${String(error)}\n${JSON.stringify((await cluster.client.get(ScaledObject, 'worker', NS)).status)}\n${(await cluster.kubectl('get', 'hpa/keda-hpa-worker', 'apiservice/v1beta1.external.metrics.k8s.io', '-o', 'yaml')).stdout}\n${log}`));

  before(async () => {
    execFileSync('ip', ['address', 'replace', `${HOST}/32`, 'dev', 'lo']);
    cluster = await bootInstance({ config: 'modules:\n  event-autoscaler: {enabled: false}\n  horizontal-pod-autoscaler: {syncPeriodSeconds: 1, downscaleStabilizationSeconds: 1}\n' });
    const crds = await cluster.llmos('attach', '--crds', 'event-autoscaler');
    assert.equal((await cluster.kubectlWith(crds.stdout, 'apply', '-f', '-')).code, 0, crds.stderr);
    await eventually(async () => (await cluster.kubectl('get', 'scaledobjects')).code === 0 && (await cluster.client.list(ServiceAccount, NS)).items.length > 0, { what: 'the kinds' });
    attached = spawn(LAUNCHER, ['attach', '--kubeconfig', cluster.kubeconfig, '--serve', `${HOST}:${PORT}`, 'event-autoscaler'], { env: cluster.env, stdio: ['ignore', 'ignore', 'pipe'] });
    attached.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await ok(cluster.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [pods('work'), pods('worker'), SCALED] }), 'apply', '-f', '-'));
  });
  after(async () => {
    if (attached.exitCode === null) attached.kill('SIGKILL');
    await cluster.destroy();
  });

  it('wakes its target, and grows with the work', async () => {
    await cluster.kubectl('scale', 'deployment', 'work', '--replicas=5');
    await reaches(3);
    await cluster.kubectl('scale', 'deployment', 'work', '--replicas=9');
    await reaches(5);
  });

  it('answers the door alone', async () => {
    const { request } = await import('node:https');
    const refused = await new Promise<string>((settled) => {
      request({ host: HOST, port: PORT, path: '/apis/external.metrics.k8s.io/v1beta1', rejectUnauthorized: false, headers: { 'x-remote-user': 'somebody' } }, (response) => settled(`answered ${response.statusCode}`)).on('error', (error) => settled(error.message)).end();
    });
    assert.doesNotMatch(refused, /^answered/);
  });

  it('goes on with a cluster that was killed and started again', async () => {
    await cluster.kill();
    await eventually(() => Promise.resolve(/ECONNREFUSED/.test(log)), { what: 'its log says that it is away', timeoutMs: 60_000 });
    assert.equal(attached.exitCode, null, log);
    await cluster.boot();
    assert.equal((await cluster.client.get(Deployment, 'worker', NS)).spec?.replicas, 5);
    await cluster.kubectl('scale', 'deployment', 'work', '--replicas=12');
    await reaches(6);
  });

  it('lets it sleep, and leaves nothing behind when it ends', async () => {
    await cluster.kubectl('scale', 'deployment', 'work', '--replicas=0');
    await reaches(0);
    const ended = new Promise((settled) => attached.once('exit', settled));
    attached.kill('SIGTERM');
    assert.equal(await ended, 0, log);
    assert.deepEqual((await cluster.client.list(APIService)).items.filter(({ spec }) => spec?.service?.name === 'llmos-attach'), []);
    await eventually(async () => !(await cluster.kubectl('get', 'services,endpointslices')).stdout.includes('llmos-attach'), { what: 'its service is gone, and what belonged to it' });
  });

  it('says where it must be served', async () => assert.match((await cluster.llmos('attach', '--kubeconfig', cluster.kubeconfig, '--serve', 'here', 'event-autoscaler')).stderr, /--serve must be ADDRESS:PORT/));
});
