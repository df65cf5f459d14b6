/** Prometheus as Debian packages it: it finds what to scrape by our API, follows changes, and scrapes /metrics of llmos. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { clients, lacks } from '../fixtures/clients.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const ROLES = ['node', 'pod', 'service', 'endpoints', 'endpointslice', 'ingress'];
const PORT = 19_090;
const OBJECTS = `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec: { terminationGracePeriodSeconds: 0, containers: [{ name: main, image: ${TEST_IMAGE}, command: [sleep, "1000000"], ports: [{ name: http, containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web }
spec: { rules: [{ host: web.example.com, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }] } }] }
`;

interface Target {
  scrapePool: string;
  health: string;
  lastError: string;
  discoveredLabels: Record<string, string>;
}

describe('Prometheus', { timeout: 120_000, skip: lacks('prometheus') }, () => {
  let llmos: Instance;
  let folder: string;
  let prometheus: ChildProcess | undefined;
  let log = '';
  const ask = async (path: string): Promise<Record<string, never>> => ((await (await fetch(`http://127.0.0.1:${PORT}/api/v1/${path}`)).json()) as { data: Record<string, never> }).data;
  const kubectl = (...args: string[]): Promise<string> => ok(llmos.kubectl(...args));
  /** The objects of a role that have become targets. */
  const found = async (role: string, label: string): Promise<string[]> =>
    ((await ask('targets?state=active')).activeTargets as unknown as Target[]).filter((each) => each.scrapePool === role).map((each) => each.discoveredLabels[label] ?? '');
  const comes = (role: string, label: string, name: string): Promise<unknown> =>
    eventually(async () => (await found(role, label)).includes(name), { timeoutMs: 20_000, what: `${name} among the targets of role ${role}; ${log.slice(-500)}` });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-prometheus-'));
    llmos = await bootInstance();
    importTestImage(llmos);
    await kubectl('create', 'serviceaccount', 'prometheus');
    await kubectl('create', 'clusterrole', 'prometheus', '--verb=get,list,watch', '--resource=nodes,pods,services,endpoints,endpointslices.discovery.k8s.io,ingresses.networking.k8s.io');
    await kubectl('create', 'clusterrole', 'metrics', '--verb=get', '--non-resource-url=/metrics');
    for (const role of ['prometheus', 'metrics']) await kubectl('create', 'clusterrolebinding', role, `--clusterrole=${role}`, '--serviceaccount=default:prometheus');
    writeFileSync(join(folder, 'token'), await kubectl('create', 'token', 'prometheus'));
    const cluster = JSON.parse(await kubectl('config', 'view', '--raw', '--minify', '-o', 'json')).clusters[0].cluster;
    writeFileSync(join(folder, 'ca.crt'), Buffer.from(cluster['certificate-authority-data'], 'base64'));
    const access = 'tls_config: { ca_file: ca.crt }, authorization: { credentials_file: token }';
    writeFileSync(join(folder, 'prometheus.yml'), [
      'global: { scrape_interval: 1s }', 'scrape_configs:',
      `- { job_name: llmos, scheme: https, ${access}, static_configs: [{ targets: ['${new URL(cluster.server).host}'] }] }`,
      ...ROLES.map((role) => `- { job_name: ${role}, kubernetes_sd_configs: [{ role: ${role}, api_server: '${cluster.server}', ${access} }] }`),
    ].join('\n'));
    prometheus = spawn(clients.prometheus()!, ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${PORT}`], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    prometheus.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await eventually(async () => (await fetch(`http://127.0.0.1:${PORT}/-/ready`)).ok);
  });
  after(async () => {
    const ended = new Promise((settled) => prometheus?.once('exit', settled));
    if (prometheus?.kill('SIGKILL') === true) await ended;
    await llmos?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  it('scrapes llmos with a token', async () => {
    await eventually(async () => ((await ask('targets?state=active')).activeTargets as unknown as Target[]).some((each) => each.scrapePool === 'llmos' && each.health === 'up'), { timeoutMs: 20_000 });
    const { result } = await ask('query?query=apiserver_request_total') as unknown as { result: { metric: Record<string, string> }[] };
    assert.ok(result.length > 0);
  });

  it('finds what there is in every role', async () => {
    await comes('node', '__meta_kubernetes_node_name', 'node1');
    await comes('service', '__meta_kubernetes_service_name', 'kubernetes');
    await comes('endpoints', '__meta_kubernetes_endpoints_name', 'kubernetes');
    await comes('endpointslice', '__meta_kubernetes_endpointslice_name', 'kubernetes');
  });

  it('follows what comes and goes', async () => {
    await ok(llmos.kubectlWith(OBJECTS, 'apply', '-f', '-'));
    await comes('pod', '__meta_kubernetes_pod_name', 'web');
    await comes('service', '__meta_kubernetes_service_name', 'web');
    await comes('endpoints', '__meta_kubernetes_pod_name', 'web');
    await comes('endpointslice', '__meta_kubernetes_pod_name', 'web');
    await comes('ingress', '__meta_kubernetes_ingress_host', 'web.example.com');
    await kubectl('delete', 'pod/web', 'service/web', 'ingress/web', '--wait=false');
    await eventually(async () => {
      const left = await Promise.all([['pod', 'pod'], ['service', 'service'], ['ingress', 'ingress']].map(([role, word]) => found(role!, `__meta_kubernetes_${word}_name`)));
      return left.every((names) => !names.includes('web'));
    }, { timeoutMs: 20_000, what: 'the end of the targets' });
    assert.doesNotMatch(log, /level=ERROR|Failed to watch/i);
  });
});
