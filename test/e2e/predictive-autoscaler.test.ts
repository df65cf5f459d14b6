/** Scaling ahead of the load, as users see it; and a real server of metrics that fails, jumps, goes back in time and sends nonsense. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:https';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Deployment } from '../../src/api/apps/deployment.ts';
import { HorizontalPodAutoscaler } from '../../src/api/autoscaling/horizontal-pod-autoscaler.ts';
import { PREDICTIVE_ANNOTATION, PredictiveAutoscaler, ScalingHistory } from '../../src/api/autoscaling/predictive-autoscaler.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';
import { registrationOf, serveMetrics, type Said } from '../fixtures/metrics-server.ts';
import { bootForPods } from '../fixtures/pods.ts';

const HOST = '192.0.2.20';
const LAUNCHER = resolve(import.meta.dirname, '../../llmos');
const NS = { namespace: 'default' };
/** Initialisation counts for nothing, so that the test need not wait for minutes. */
const QUICK = 'syncPeriodSeconds: 1, cpuInitializationPeriodSeconds: 0, initialReadinessDelaySeconds: 0';
/** Burns what it may. */
const WORK = 'trap "exit 0" TERM; while true; do :; done';
const REST = 'trap "exit 0" TERM; while true; do sleep 0.2; done';

async function applied(llmos: Instance, ...objects: object[]): Promise<void> {
  for (const object of objects) {
    await applyTo(llmos, object);
  }
}

const deployment = (name: string, command: string): object => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, ...NS },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', command], resources: { requests: { cpu: '50m' }, limits: { cpu: '100m' } } }] },
    },
  },
});

const spec = (name: string, metric: object): object => ({ scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, minReplicas: 1, maxReplicas: 3, metrics: [metric] });
const replicasOf = async (llmos: Instance, name: string): Promise<number> => (await llmos.client.get(Deployment, name, NS)).spec?.replicas ?? 1;

describe('a predictive autoscaler', () => {
  const CPU = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } };
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods({ config: `modules:\n  predictive-autoscaler: {${QUICK}}\n  horizontal-pod-autoscaler: {${QUICK}}\n` });
    await applied(llmos, deployment('web', WORK), deployment('shop', WORK), { apiVersion: 'llmos.dev/v1alpha1', kind: 'PredictiveAutoscaler', metadata: { name: 'web', ...NS }, spec: spec('web', CPU) },
      { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'shop', ...NS, annotations: { [PREDICTIVE_ANNOTATION]: 'true' } }, spec: spec('shop', CPU) });
  });
  after(() => llmos.destroy());

  it('scales by what pods use, and says why', async () => {
    const autoscaler = (): Promise<PredictiveAutoscaler> => llmos.client.get(PredictiveAutoscaler, 'web', NS);
    await eventually(async () => (await replicasOf(llmos, 'web')) === 3, { timeoutMs: 90_000, everyMs: 500 }).catch(async (error: unknown) => assert.fail(`${String(error)}: ${JSON.stringify((await autoscaler()).status)}`));
    await eventually(async () => { // it decides again and again, and may hold in between
      const { decision } = (await autoscaler()).status ?? {};
      assert.match(decision?.rule ?? '', /^(Saturated|Learning)$/);
      assert.ok((decision?.load ?? 0) > 0.5 && (decision?.forecast?.median ?? 0) > 0, JSON.stringify(decision));
      return true;
    });
    await eventually(async () => /^web\s+Deployment\/web\s+cpu: \d+%\/50%\s+1\s+3\s+3\s+(Saturated|Learning|Held)/m.test((await llmos.kubectl('get', 'pa')).stdout), { timeoutMs: 30_000, what: 'its line' });
    await eventually(async () => /SuccessfulRescale[^\n]*New size: [23]; reason: (Saturated|Learning): /.test((await llmos.kubectl('describe', 'pa', 'web')).stdout), { what: 'the event' });
  });

  it('explains and plots it', async () => {
    await eventually(async () => (await llmos.client.get(ScalingHistory, 'predictiveautoscaler.web', NS)).times.length > 0, { what: 'a point' });
    const explained = await llmos.llmos('scale', 'explain', 'deploy/web');
    assert.equal(explained.code, 0, explained.stderr);
    for (const part of [/Deployment\/web is scaled by PredictiveAutoscaler web/, /forecast for \d+ s ahead/, /a HorizontalPodAutoscaler would have \d+ replicas/, /autoregression-4d\s+[\d.]+\s+[\d.]+/]) assert.match(explained.stdout, part);
    const file = join(llmos.run, 'web.svg');
    const plotted = await llmos.llmos('scale', 'plot', 'pa/web', '--output', file);
    assert.equal(plotted.code, 0, plotted.stderr);
    assert.match(readFileSync(file, 'utf8'), /^<svg[^]*<polyline[^]*<\/svg>/);
    assert.doesNotMatch(readFileSync(file, 'utf8'), /NaN|undefined/);
    assert.match((await llmos.llmos('scale', 'explain', 'deploy/nowhere')).stderr, /nothing scales deploy\/nowhere/);
  });

  it('does not pull at what another autoscaler has', async () => {
    await applied(llmos, deployment('shared', REST), { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'shared', ...NS }, spec: spec('shared', CPU) },
      { apiVersion: 'llmos.dev/v1alpha1', kind: 'PredictiveAutoscaler', metadata: { name: 'shared', ...NS }, spec: spec('shared', CPU) });
    const active = async (): Promise<string> => (await llmos.client.get(PredictiveAutoscaler, 'shared', NS)).status?.conditions?.filter(({ type }) => type === 'ScalingActive').map(({ status, reason, message }) => `${status} ${reason}: ${message}`).join() ?? '';
    await eventually(async () => /^False AmbiguousSelector: the target is controlled by others too: \[HorizontalPodAutoscaler default\/shared\]/.test(await active()), { timeoutMs: 60_000, what: 'it says so' }).catch(async (error: unknown) => assert.fail(`${String(error)}: ${await active()}`));
    await llmos.kubectl('delete', 'hpa', 'shared');
    await eventually(async () => !/AmbiguousSelector/.test(await active()), { timeoutMs: 60_000, what: 'it goes on alone' });
    await llmos.kubectl('delete', 'pa/shared', 'deploy/shared');
  });

  it('a HorizontalPodAutoscaler asks for it by an annotation', async () => {
    await eventually(async () => (await replicasOf(llmos, 'shop')) === 3, { timeoutMs: 90_000, everyMs: 500, what: 'three replicas' });
    await eventually(async () => (await llmos.client.get(ScalingHistory, 'horizontalpodautoscaler.shop', NS)).decisions.some(({ rule }) => /^(Saturated|Learning)$/.test(rule ?? '')), { what: 'why' });
    await eventually(async () => (await llmos.client.get(HorizontalPodAutoscaler, 'shop', NS)).status?.desiredReplicas === 3, { what: 'its status' });
    assert.match((await llmos.llmos('scale', 'explain', 'hpa/shop')).stdout, /is scaled by HorizontalPodAutoscaler shop\n/);
  });

  it('is refused with what is wrong', async () => {
    const refused = async (more: object): Promise<string> => (await llmos.kubectlWith(JSON.stringify({ apiVersion: 'llmos.dev/v1alpha1', kind: 'PredictiveAutoscaler', metadata: { name: 'wrong', ...NS }, spec: { ...spec('web', CPU), ...more } }), 'create', '-f', '-')).stderr;
    assert.match(await refused({ objective: { price: 1, underProvisioned: 0.1 } }), /spec.objective: Invalid value: "(price, underProvisioned|underProvisioned, price)"/);
    assert.match(await refused({ objective: { underProvisioned: 2 } }), /spec.objective.underProvisioned: Invalid value: 2/);
    assert.match(await refused({ maxReplicas: 0 }), /spec.maxReplicas/);
    assert.match(await refused({ objective: { underProvisioned: 0.01, prise: 3 } }), /unknown field "(spec.objective.)?prise"/);
    await ok(llmos.kubectlWith(JSON.stringify({ apiVersion: 'llmos.dev/v1alpha1', kind: 'PredictiveAutoscaler', metadata: { name: 'whole', ...NS }, spec: { ...spec('web', CPU), limitUtilization: 70, objective: { price: 3 }, history: { prometheus: { serverAddress: 'http://127.0.0.1:9', query: 'up' } } } }), 'create', '--dry-run=server', '-f', '-'));
  });
});

describe('a predictive autoscaler on another cluster, whose source of metrics is faulty', () => {
  let cluster: Instance;
  let server: Server | undefined;
  let attached: ChildProcess | undefined;
  let log = '';
  const said: Said = { status: 200, value: '10', atMs: () => Date.now() };
  before(async () => {
    cluster = await bootForPods({ config: `modules:\n  predictive-autoscaler: {enabled: false, ${QUICK}}\n` });
    execFileSync('ip', ['address', 'replace', `${HOST}/32`, 'dev', 'lo']);
    server = await serveMetrics(HOST, { requests: said });
    await applied(cluster,
      ...registrationOf(server),
      deployment('web', REST));
    const crds = await cluster.llmos('attach', '--crds', 'predictive-autoscaler');
    assert.equal((await cluster.kubectlWith(crds.stdout, 'apply', '-f', '-')).code, 0, crds.stderr);
    await eventually(async () => (await cluster.kubectl('get', 'predictiveautoscalers')).code === 0, { what: 'the kind' });
    attached = spawn(LAUNCHER, ['attach', '--kubeconfig', cluster.kubeconfig, 'predictive-autoscaler'], { env: cluster.env, stdio: ['ignore', 'ignore', 'pipe'] });
    attached.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await applied(cluster, { apiVersion: 'llmos.dev/v1alpha1', kind: 'PredictiveAutoscaler', metadata: { name: 'web', ...NS }, spec: spec('web', { type: 'External', external: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '5' } } }) });
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

  const status = async (): Promise<PredictiveAutoscaler['status']> => (await cluster.client.get(PredictiveAutoscaler, 'web', NS)).status;
  const active = async (): Promise<string> => (await status())?.conditions?.filter(({ type }) => type === 'ScalingActive').map(({ status: state, reason, message }) => `${state} ${reason} ${message}`).join() ?? '';
  const becomes = (expected: RegExp): Promise<unknown> => eventually(async () => expected.test(await active()), { timeoutMs: 60_000, what: expected.source }).catch(async (error: unknown) => assert.fail(`${String(error)}, but ${await active()}\n${log}`));

  it('scales, holds what there is while the source is faulty, and goes on when it is well', async () => {
    await eventually(async () => (await replicasOf(cluster, 'web')) === 2, { timeoutMs: 60_000 }).catch(async (error: unknown) => assert.fail(`${String(error)}: ${JSON.stringify(await status())}\n${log}`));
    await becomes(/^True ValidMetricFound/);
    // One after the other, so that the condition changes with each; well again once is enough.
    const well: Said = { status: 200, value: '10', atMs: () => Date.now() };
    const faults: readonly [Partial<Said>, RegExp][] = [
      [{ status: 500 }, /^False MetricHeld replicas are held: Failed/],
      [{ value: '-5' }, /^False MetricHeld replicas are held: NotANumber/],
      [{ value: 'NaN' }, /^False MetricHeld replicas are held: Failed/],
      [{ atMs: () => Date.now() - 3_600_000 }, /^False MetricHeld replicas are held: Backwards/],
    ];
    for (const [fault, expected] of faults) {
      Object.assign(said, well, fault);
      await becomes(expected);
      assert.equal(await replicasOf(cluster, 'web'), 2);
    }
    Object.assign(said, well);
    await becomes(/^True ValidMetricFound/);
    assert.equal(await replicasOf(cluster, 'web'), 2);
    said.value = '1000000';
    await eventually(async () => (await replicasOf(cluster, 'web')) === 3, { timeoutMs: 60_000, what: 'what is said again and again is believed' });
  });
});
