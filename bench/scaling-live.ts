/**
 * An hour of recorded load, replayed in five minutes by a real load generator against two real Deployments through their Services: a HorizontalPodAutoscaler scales one, a
 * PredictiveAutoscaler the other, side by side, with the same spec. Each replica serves one request at a time and takes 100 ms for it, and is ready 5 s after its start. Both scale by the
 * requests a second that a server of external metrics tells; the week before is told by a server that speaks Prometheus' API. For the autoscalers time runs twelve times as fast, as it
 * does for the load (`support/faster-time.ts`): their loops, windows and days are as they always are, and a start takes a minute or more.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { Agent, createServer as createHttpServer, request } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeAuthority, makeLeaf } from '../src/kernel/apiserver/identity/certificates.ts';
import { sampleLoad } from '../src/sim/scaling/sample.ts';
import { readLoadTrace, STEP_SECONDS, type LoadTrace } from '../src/sim/scaling/trace.ts';
import { importTestImage, TEST_IMAGE } from '../test/fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../test/fixtures/instance.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const TRACES = resolve(process.env['LLMOS_TRACES'] ?? join(import.meta.dirname, '../../shared/traces'));
const TRACE = 'req_nasa_http_1995-07_1min.csv.gz';
const FASTER = 12;
const HOUR_STEPS = 3_600 / STEP_SECONDS;
const SERVICE_MS = 100;
const START_MS = 5_000;
/** A replica can do ten requests a second; its target is 70 % of that, and above 80 % it is too busy. */
const CAPACITY = 1_000 / SERVICE_MS;
const [TARGET, LIMIT] = [0.7, 0.8];
const MEAN_REPLICAS = 3;
const MOST_REPLICAS = 24;
const SLOW_MS = 1_000;
const HOST = '192.0.2.30';
const METRICS = '/apis/external.metrics.k8s.io/v1beta1';
const SCALERS = ['hpa', 'predictive'] as const;
type Scaler = (typeof SCALERS)[number];

const REPLICA = `const { createServer } = require('node:http');
let free = Promise.resolve();
setTimeout(() => createServer((request, response) => { free = free.then(() => new Promise((done) => setTimeout(() => { response.end('done'); done(); }, ${SERVICE_MS}))); }).listen(8080), ${START_MS});
process.on('SIGTERM', () => setTimeout(() => process.exit(0), 1000));`;

interface Tally { latenciesMs: number[]; failed: number; replicaSeconds: number; violatedSeconds: number; seconds: number; changes: number; last: number }

export async function run(): Promise<BenchResult> {
  const { rates, from } = chosenHour();
  const replayed: Replayed = { rates, from: from - WARM_STEPS, beganMs: Infinity };
  execFileSync('ip', ['address', 'replace', `${HOST}/32`, 'dev', 'lo']);
  const llmos = await bootInstance({ config: IDLE });
  const servers: Server[] = [];
  let attached: ChildProcess | undefined;
  try {
    importTestImage(llmos);
    servers.push(await serveMetrics(replayed), await servePrometheus(replayed));
    await deploy(llmos, servers);
    for (const name of SCALERS) await text(llmos, 'rollout', 'status', `deployment/${name}`, '--timeout=120s');
    attached = await attach(llmos, replayed);
    const addresses = Object.fromEntries(await Promise.all(SCALERS.map(async (name) => [name, await text(llmos, 'get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}')]))) as Record<Scaler, string>;
    await eventually(async () => /Forecast|Reactive/.test(await text(llmos, 'get', 'pa', 'predictive', '-o', 'jsonpath={.status.decision.rule}')), { timeoutMs: 240_000, everyMs: 2_000, what: 'the past is learned' });
    await sleep(Math.max(0, replayed.beganMs + WARM_STEPS * STEP_MS - Date.now()));
    const tallies = await replay(llmos, replayed, addresses);
    return resultOf('scaling-live', figuresOf(tallies.predictive), { hpa: figuresOf(tallies.hpa) });
  } finally {
    if (attached !== undefined) {
      const ended = new Promise((settled) => attached!.once('exit', settled));
      attached.kill('SIGTERM');
      await ended;
    }
    for (const server of servers) server.close();
    await llmos.destroy();
    execFileSync('ip', ['address', 'delete', `${HOST}/32`, 'dev', 'lo']);
  }
}

/** The kinds are served within; their work is done beside it, in faster time. */
const IDLE = `modules:
  horizontal-pod-autoscaler: {syncPeriodSeconds: 1000000}
  predictive-autoscaler: {syncPeriodSeconds: 1000000}
`;
const STEP_MS = (STEP_SECONDS * 1_000) / FASTER;
/** The load goes on while the past is learned and the first starts are measured. */
const WARM_STEPS = HOUR_STEPS / 2;

/** The record, and where in it (a step) the load was at `beganMs`. */
interface Replayed { readonly rates: Float64Array; readonly from: number; beganMs: number }

/** Requests a second at a time (ms) of the replay; before it began, what was recorded then. */
function rateAt({ rates, from, beganMs }: Replayed, ms: number): number {
  const step = Number.isFinite(beganMs) ? from + Math.floor((ms - beganMs) / STEP_MS) : from;
  return rates[Math.max(0, Math.min(rates.length - 1, step))]!;
}

/** Requests a second, a value for each 15 s of the record, and the hour of the last week in which the load rises most. */
function chosenHour(): { rates: Float64Array; from: number } {
  const trace: LoadTrace = existsSync(TRACES) && readdirSync(TRACES).includes(TRACE) ? readLoadTrace(join(TRACES, TRACE)) : sampleLoad({ days: 8 });
  const mean = trace.load.reduce((sum, each) => sum + each, 0) / trace.load.length;
  const rates = trace.load.map((each) => (each / mean) * MEAN_REPLICAS * CAPACITY * LIMIT);
  const averageOf = (from: number, steps: number): number => rates.subarray(from, from + steps).reduce((sum, each) => sum + each, 0) / steps;
  let [best, rise] = [0, -Infinity];
  for (let at = Math.max(0, rates.length - 7 * 24 * HOUR_STEPS); at + HOUR_STEPS <= rates.length; at += HOUR_STEPS / 4) {
    const found = averageOf(at + (3 * HOUR_STEPS) / 4, HOUR_STEPS / 4) - averageOf(at, HOUR_STEPS / 4);
    if (found > rise) [best, rise] = [at, found];
  }
  return { rates, from: best };
}

async function serveMetrics(replayed: Replayed): Promise<Server> {
  const { keyPem, certificatePem } = makeLeaf(makeAuthority('metrics-ca', Date.now()), { commonName: 'metrics', usage: 'server', names: ['metrics.default.svc'], nowMs: Date.now() });
  const server = createHttpsServer({ key: keyPem, cert: certificatePem }, ({ url = '/' }, response) => {
    const path = new URL(url, 'https://metrics').pathname;
    const list = path === METRICS
      ? { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'external.metrics.k8s.io/v1beta1', resources: [{ name: 'requests', namespaced: true, kind: 'ExternalMetricValueList', verbs: ['get'] }] }
      : { kind: 'ExternalMetricValueList', apiVersion: 'external.metrics.k8s.io/v1beta1', metadata: {}, items: [{ metricName: 'requests', metricLabels: {}, timestamp: new Date().toISOString(), value: `${Math.round(rateAt(replayed, Date.now()) * 1_000)}m` }] };
    response.writeHead(path.startsWith(METRICS) ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(list));
  });
  await new Promise<void>((listening) => server.listen(0, HOST, listening));
  return server;
}

/** The record as if it had been kept, in the time of those who ask. */
async function servePrometheus(replayed: Replayed): Promise<Server> {
  const server = createHttpServer(({ url = '/' }, response) => {
    const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(new URL(url, 'http://prometheus').searchParams.get(name))) as [number, number, number];
    const beganSeconds = replayed.beganMs / 1_000;
    const values = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_each, index) => start + index * step).map((time) => [time, String(rateAt(replayed, (beganSeconds + (time - beganSeconds) / FASTER) * 1_000))]);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [{ metric: {}, values }] } }));
  });
  await new Promise<void>((listening) => server.listen(0, HOST, listening));
  return server;
}

async function deploy(llmos: Instance, [metrics, prometheus]: readonly Server[]): Promise<void> {
  const { port } = metrics!.address() as AddressInfo;
  const mounts = [...['usr', 'lib', 'lib64'].map((name) => ({ name, path: `/${name}` })), { name: 'node', path: dirname(process.execPath) }];
  const scaled = SCALERS.flatMap((name) => [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, annotations: { 'llmos.dev/load-balancing': 'least-connection' } }, spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] } },
    {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name },
      spec: {
        replicas: MEAN_REPLICAS, selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: {
            terminationGracePeriodSeconds: 3, volumes: mounts.map((each) => ({ name: each.name, hostPath: { path: each.path } })),
            containers: [{
              name: 'web', image: TEST_IMAGE, imagePullPolicy: 'Never', command: [process.execPath, '-e', REPLICA], volumeMounts: mounts.map((each) => ({ name: each.name, mountPath: each.path, readOnly: true })),
              readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 },
            }],
          },
        },
      },
    },
  ]);
  const spec = (name: Scaler): object => ({
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, minReplicas: 1, maxReplicas: MOST_REPLICAS,
    metrics: [{ type: 'External', external: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: String(TARGET * CAPACITY) } } }],
  });
  const address = `http://${HOST}:${(prometheus!.address() as AddressInfo).port}`;
  await eventually(async () => (await llmos.kubectl('get', 'serviceaccount', 'default')).code === 0, { what: 'the service account' });
  const items = [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'metrics' }, spec: { ports: [{ port: 443, targetPort: port }] } },
    { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'metrics-1', labels: { 'kubernetes.io/service-name': 'metrics' } }, addressType: 'IPv4', endpoints: [{ addresses: [HOST], conditions: { ready: true } }], ports: [{ name: '', port, protocol: 'TCP' }] },
    { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: 'v1beta1.external.metrics.k8s.io' }, spec: { service: { name: 'metrics', namespace: 'default', port: 443 }, group: 'external.metrics.k8s.io', version: 'v1beta1', insecureSkipTLSVerify: true, groupPriorityMinimum: 100, versionPriority: 100 } },
    ...scaled,
    { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'hpa' }, spec: spec('hpa') },
    { apiVersion: 'llmos.dev/v1alpha1', kind: 'PredictiveAutoscaler', metadata: { name: 'predictive' }, spec: { ...spec('predictive'), history: { prometheus: { serverAddress: address, query: 'sum(rate(requests_total[1m]))' } } } },
  ];
  await text(llmos, 'apply', '-f', '-', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
}

/** As `llmos attach` would on any other cluster, in faster time. */
async function attach(llmos: Instance, replayed: Replayed): Promise<ChildProcess> {
  replayed.beganMs = Date.now();
  const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, 'support/faster-time.ts'), llmos.kubeconfig, String(replayed.beganMs), String(FASTER), 'horizontal-pod-autoscaler', 'predictive-autoscaler'], { env: llmos.env, stdio: ['ignore', 'ignore', 2] });
  await sleep(1_000);
  if (child.exitCode !== null) throw new Error('the autoscalers ended');
  return child;
}

async function replay(llmos: Instance, replayed: Replayed, addresses: Record<Scaler, string>): Promise<Record<Scaler, Tally>> {
  const tally = (): Tally => ({ latenciesMs: [], failed: 0, replicaSeconds: 0, violatedSeconds: 0, seconds: 0, changes: 0, last: -1 });
  const tallies: Record<Scaler, Tally> = { hpa: tally(), predictive: tally() };
  const agents = Object.fromEntries(SCALERS.map((name) => [name, new Agent({ keepAlive: false, maxSockets: 1_000 })])) as Record<Scaler, Agent>;
  const beganMs = Date.now();
  let [due, lookMs, lastMs, pending] = [0, 0, beganMs, 0];
  const underWay: Promise<void>[] = [];
  for (let nowMs = Date.now(); nowMs - beganMs < HOUR_STEPS * STEP_MS; nowMs = Date.now()) {
    const rate = rateAt(replayed, nowMs);
    due += (rate * (nowMs - lastMs)) / 1_000;
    lastMs = nowMs;
    for (; due >= 1; due--) {
      for (const name of SCALERS) {
        pending++;
        underWay.push(ask(addresses[name], agents[name], tallies[name]).finally(() => pending--));
      }
    }
    if (nowMs - lookMs >= 1_000) {
      lookMs = nowMs;
      void look(llmos, rate, tallies).catch(() => undefined);
      if ((Math.round((nowMs - beganMs) / 1_000) % 30) === 0) console.error(`${Math.round((nowMs - beganMs) / 1_000)} s: ${rate.toFixed(0)} requests/s, hpa ${tallies.hpa.last}, predictive ${tallies.predictive.last}, ${pending} under way`);
    }
    await sleep(Math.max(1, 20 - (Date.now() - nowMs)));
  }
  await Promise.race([Promise.allSettled(underWay), sleep(30_000)]);
  for (const agent of Object.values(agents)) agent.destroy();
  return tallies;
}

function ask(address: string, agent: Agent, tally: Tally): Promise<void> {
  const beganMs = performance.now();
  return new Promise((settled) => {
    const done = (well: boolean): void => {
      if (well) tally.latenciesMs.push(performance.now() - beganMs);
      else tally.failed++;
      settled();
    };
    const asked = request({ host: address, port: 80, agent, timeout: 30_000 }, (response) => response.resume().once('end', () => done(response.statusCode === 200)).once('error', () => done(false)));
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', () => done(false));
    asked.end();
  });
}

/** Once a second: what there is, and whether it is too busy. */
async function look(llmos: Instance, rate: number, tallies: Record<Scaler, Tally>): Promise<void> {
  for (const name of SCALERS) {
    const { Deployment } = await import('../src/api/apps/deployment.ts');
    const { spec, status } = await llmos.client.get(Deployment, name, { namespace: 'default' });
    const tally = tallies[name];
    tally.seconds++;
    tally.replicaSeconds += spec?.replicas ?? 0;
    if (rate > LIMIT * CAPACITY * (status?.readyReplicas ?? 0)) tally.violatedSeconds++;
    if (tally.last !== -1 && tally.last !== spec?.replicas) tally.changes++;
    if (tally.last !== spec?.replicas) await tell(llmos, name, `${tally.last} to ${spec?.replicas}`);
    tally.last = spec?.replicas ?? 0;
  }
}

/** Why, as it happens. */
async function tell(llmos: Instance, name: Scaler, what: string): Promise<void> {
  const { PredictiveAutoscaler } = await import('../src/api/autoscaling/predictive-autoscaler.ts');
  const { status } = name === 'hpa' ? {} : await llmos.client.get(PredictiveAutoscaler, name, { namespace: 'default' });
  console.error(`  ${name}: ${what}${status === undefined ? '' : `, a start takes ${status.startSeconds} s: ${JSON.stringify(status.decision)}`}`);
}

function figuresOf({ latenciesMs, failed, replicaSeconds, violatedSeconds, seconds, changes }: Tally): Record<string, Figure> {
  const slow = latenciesMs.filter((each) => each > SLOW_MS).length + failed;
  return {
    response: figureOf('ms', latenciesMs), slow: figureOf('percent over 1 s or failed', [(100 * slow) / (latenciesMs.length + failed)]),
    replicaSeconds: figureOf('replica-seconds', [replicaSeconds]), violations: figureOf('percent of the time', [(100 * violatedSeconds) / Math.max(1, seconds)]), changes: figureOf('changes', [changes]),
  };
}

async function text(llmos: Instance, ...args: (string | { input: string })[]): Promise<string> {
  const input = args.find((each) => typeof each === 'object');
  const words = args.filter((each) => typeof each === 'string');
  const { code, stdout, stderr } = input === undefined ? await llmos.kubectl(...words) : await llmos.kubectlWith(input.input, ...words);
  if (code !== 0) throw new Error(`kubectl ${words.join(' ')}: ${stderr}`);
  return stdout;
}
