/** Autoscalers beside a cluster that they reach over HTTP alone: what they do when it is killed, when they may no more, and when its metrics go or never answer. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import type { Server } from 'node:https';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Deployment } from '../../src/api/apps/deployment.ts';
import { PredictiveAutoscaler } from '../../src/api/autoscaling/predictive-autoscaler.ts';
import { guestKubeconfig } from '../fixtures/attached.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';
import { registrationOf, serveMetrics, type Said } from '../fixtures/metrics-server.ts';

const HOST = '192.0.2.23';
const LAUNCHER = resolve(import.meta.dirname, '../../llmos');
const NS = { namespace: 'default' };
const QUICK = 'syncPeriodSeconds: 1, cpuInitializationPeriodSeconds: 0, initialReadinessDelaySeconds: 0, downscaleStabilizationSeconds: 1';
const BINDING = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'guest' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'llmos:predictive-autoscaler' }, subjects: [{ kind: 'ServiceAccount', name: 'guest', namespace: 'default' }] };

/** Its pods wait for ever for a node: what they do is not asked. */
const deployment = (name: string): object => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, ...NS }, spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { nodeSelector: { nowhere: 'true' }, containers: [{ name: 'main', image: 'none' }] } } },
});
const autoscaler = (name: string, metric: string): object => ({
  apiVersion: 'llmos.dev/v1alpha1', kind: 'PredictiveAutoscaler', metadata: { name, ...NS },
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, minReplicas: 1, maxReplicas: 4, metrics: [{ type: 'External', external: { metric: { name: metric }, target: { type: 'AverageValue', averageValue: '5' } } }] },
});

describe('autoscalers beside a cluster', { timeout: 300_000 }, () => {
  let cluster: Instance;
  let server: Server | undefined;
  let attached: ChildProcess | undefined;
  let log = '';
  const well = (value: string): Said => ({ status: 200, value, atMs: () => Date.now() });
  const said = { requests: well('5'), orders: well('5') };
  const replicasOf = async (name: string): Promise<number> => (await cluster.client.get(Deployment, name, NS)).spec?.replicas ?? 1;
  const reaches = (name: string, wanted: number): Promise<unknown> => eventually(async () => (await replicasOf(name)) === wanted, { timeoutMs: 90_000, what: `${wanted} replicas of ${name}` })
    .catch(async (error: unknown) => assert.fail(`${String(error)}, but ${await replicasOf(name)}: ${await active(name)}\n${log.slice(-3_000)}`));
  const active = async (name: string): Promise<string> => (await cluster.client.get(PredictiveAutoscaler, name, NS)).status?.conditions?.filter(({ type }) => type === 'ScalingActive').map(({ status, reason, message }) => `${status} ${reason} ${message}`).join() ?? '';
  const says = (name: string, expected: RegExp): Promise<unknown> => eventually(async () => expected.test(await active(name)), { timeoutMs: 90_000, what: expected.source }).catch(async (error: unknown) => assert.fail(`${String(error)}, but ${await active(name)}\n${log.slice(-3_000)}`));

  before(async () => {
    cluster = await bootInstance({ config: `modules:\n  predictive-autoscaler: {enabled: false, ${QUICK}}\n` });
    execFileSync('ip', ['address', 'replace', `${HOST}/32`, 'dev', 'lo']);
    server = await serveMetrics(HOST, said);
    for (const each of registrationOf(server)) await applyTo(cluster, each);
    for (const what of ['--crds', '--rules']) await ok(cluster.kubectlWith(await ok(cluster.llmos('attach', what, 'predictive-autoscaler')), 'apply', '-f', '-'));
    await ok(cluster.kubectl('create', 'serviceaccount', 'guest'));
    await applyTo(cluster, BINDING);
    await eventually(async () => (await cluster.kubectl('get', 'predictiveautoscalers')).code === 0, { what: 'the kind' });
    attached = spawn(LAUNCHER, ['attach', '--kubeconfig', await guestKubeconfig(cluster), 'predictive-autoscaler'], { env: cluster.env, stdio: ['ignore', 'ignore', 'pipe'] });
    attached.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    for (const each of [deployment('web'), deployment('shop'), autoscaler('web', 'requests'), autoscaler('shop', 'orders')]) await applyTo(cluster, each);
    for (const name of ['web', 'shop']) await says(name, /^True ValidMetricFound/);
  });
  after(async () => {
    if (attached !== undefined) { // there is none where something before it failed
      const ended = new Promise((settled) => attached!.once('exit', settled));
      attached.kill('SIGTERM');
      await ended;
    }
    server?.close();
    server?.closeAllConnections();
    await cluster?.destroy();
  });

  it('one whose metric never answers holds up no other, and says so', async () => {
    said.requests.silent = true;
    said.orders.value = '10';
    await reaches('shop', 2);
    await says('web', /^False MetricHeld replicas are held: .*did not answer within \d+ s/);
    assert.equal(await replicasOf('web'), 1);
    said.requests.silent = false;
    await says('web', /^True ValidMetricFound/);
  });

  it('where the metrics are gone it holds what there is, and goes on when they are back', async () => {
    await ok(cluster.kubectl('delete', 'apiservice', 'v1beta1.external.metrics.k8s.io'));
    for (const name of ['web', 'shop']) await says(name, /^False MetricHeld/);
    assert.deepEqual([await replicasOf('web'), await replicasOf('shop')], [1, 2]);
    said.orders.value = '15';
    for (const each of registrationOf(server!)) await applyTo(cluster, each);
    await reaches('shop', 3);
  });

  it('where it may no more it says so, holds, and goes on when it may', async () => {
    const before = log.length;
    await ok(cluster.kubectl('delete', 'clusterrolebinding', 'guest'));
    await eventually(() => Promise.resolve(/cannot|forbidden/i.test(log.slice(before))), { what: 'its log says so', timeoutMs: 60_000 });
    said.orders.value = '20';
    assert.equal(await replicasOf('shop'), 3);
    assert.equal(attached!.exitCode, null);
    await applyTo(cluster, BINDING);
    await reaches('shop', 4);
  });

  it('goes on with a cluster that was killed and started again', async () => {
    await cluster.kill();
    said.requests.value = '15';
    await eventually(() => Promise.resolve(/ECONNREFUSED|could not be/.test(log)), { what: 'its log says that it is away', timeoutMs: 60_000 });
    assert.equal(attached!.exitCode, null, log.slice(-3_000));
    await cluster.boot();
    assert.equal(await replicasOf('shop'), 4);
    await reaches('web', 3);
  });
});
