/** [sig-cli] Kubectl */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TEST_IMAGE } from '../../fixtures/image.ts';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, create, get, gone, kubectl, kubectlWith, namespace, podOf, running, until, type Body } from '../cluster.ts';

const OTHER_IMAGE = 'localhost/other:latest';

function controllerOf(name: string, replicas: number): Body {
  const labels = { app: name, role: 'primary' };
  const { spec } = podOf('x', { container: { name: 'primary', ports: [{ name: 'server', containerPort: 6379 }] } });
  return { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name, labels }, spec: { replicas, selector: labels, template: { metadata: { labels }, spec } } };
}

/** Runs it with kubectl, and settles when its pods run; gives their names. */
async function controller(space: string, name: string, replicas = 1): Promise<string[]> {
  await kubectlWith(JSON.stringify(controllerOf(name, replicas)), '-n', space, 'create', '-f', '-');
  return podsOf(space, name, replicas);
}

async function podsOf(space: string, name: string, count: number): Promise<string[]> {
  const { items } = await until(`/api/v1/namespaces/${space}/pods?labelSelector=app%3D${name}`, (list) => list.items.length === count && list.items.every((each: Body) => each.status.phase === 'Running' && each.metadata.deletionTimestamp === undefined));
  return items.map((each: Body) => each.metadata.name);
}

async function runPod(space: string, name: string, labels?: string): Promise<void> {
  await kubectl('-n', space, 'run', name, `--image=${TEST_IMAGE}`, '--image-pull-policy=IfNotPresent', '--restart=Never', ...(labels === undefined ? [] : [`--labels=${labels}`]), '--', 'sleep', '1000000');
  await until(`/api/v1/namespaces/${space}/pods/${name}`, ({ status }) => status.phase === 'Running');
}

function proxy(...args: string[]): { child: ChildProcess; output: () => string } {
  const child = spawn('kubectl', ['proxy', ...args], { env: { ...process.env, KUBECONFIG: running().kubeconfig } });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
}

function apiVersions(where: { socketPath?: string; port?: number }): Promise<Body> {
  return new Promise((settle, fail) => {
    const asking = request({ host: '127.0.0.1', ...where, path: '/api/' }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => settle(JSON.parse(text)));
    });
    asking.on('error', fail);
    asking.end();
  });
}

/** One tier: a deployment whose pods answer HTTP by shell scripts in /cgi-bin, and its service. */
function tier(name: string, replicas: number, scripts: Readonly<Record<string, string>>): string {
  const labels = { app: 'guestbook', tier: name };
  const write = Object.entries(scripts).map(([file, text]) => `printf '%s\\n' '#!/bin/sh' 'printf "Content-Type: text/plain\\r\\n\\r\\n"; ${text}' > /www/cgi-bin/${file}; chmod +x /www/cgi-bin/${file}`).join('; ');
  const { spec } = podOf('x', { container: { command: ['sh', '-c', `mkdir -p /www/cgi-bin; ${write}; exec httpd -f -p 8080 -h /www`], readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } } });
  const objects = [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, labels }, spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] } },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, labels }, spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } } },
  ];
  return objects.map((each) => JSON.stringify(each)).join('\n');
}

export function kubectlClient(): void {
  behaviour('Kubectl client Guestbook application should create and stop a working application', async () => {
    const space = await namespace();
    const manifests = [
      tier('primary', 1, { set: 'echo "$QUERY_STRING" > /tmp/entry; echo ok', get: 'cat /tmp/entry' }),
      tier('replica', 2, { get: 'wget -q -O - http://primary/cgi-bin/get' }),
      tier('frontend', 2, { set: 'wget -q -O - "http://primary/cgi-bin/set?$QUERY_STRING"', get: 'wget -q -O - http://replica/cgi-bin/get' }),
    ];
    for (const each of manifests) await kubectlWith(each, '-n', space, 'create', '-f', '-');
    for (const name of ['primary', 'replica', 'frontend']) await kubectl('-n', space, 'rollout', 'status', `deployment/${name}`, '--timeout=60s');
    const { clusterIP } = (await get(`/api/v1/namespaces/${space}/services/frontend`)).spec;
    const ask = async (path: string): Promise<string> => (await (await fetch(`http://${clusterIP}/cgi-bin/${path}`)).text()).trim();
    await eventually(async () => (await ask('set?TestEntry')) === 'ok', { timeoutMs: 60_000, what: 'an entry through the frontend' });
    await eventually(async () => (await ask('get')) === 'TestEntry', { timeoutMs: 60_000, what: 'the entry from a replica' });
    for (const each of manifests) await kubectlWith(each, '-n', space, 'delete', '--grace-period=0', '--force', '-f', '-');
    await until(`/api/v1/namespaces/${space}/pods`, ({ items }) => items.length === 0);
  });

  behaviour('Kubectl client Kubectl api-versions should check if v1 is in available api versions', async () => {
    assert.ok((await kubectl('api-versions')).split('\n').includes('v1'));
  });

  behaviour('Kubectl client Kubectl version should check is all data is printed', async () => {
    const version = await kubectl('version');
    for (const text of ['Client Version:', 'Server Version:']) assert.ok(version.includes(text), version);
    const { serverVersion } = JSON.parse(await kubectl('version', '-o', 'json')) as Body;
    for (const key of ['major', 'minor', 'gitVersion', 'gitTreeState', 'buildDate', 'goVersion', 'compiler', 'platform']) assert.ok(typeof serverVersion[key] === 'string' && serverVersion[key] !== '', key);
    const { items: nodes } = JSON.parse(await kubectl('get', 'nodes', '-o', 'json')) as { items: Body[] };
    assert.ok(nodes.length > 0);
    for (const { status } of nodes) assert.equal(status.nodeInfo.kubeletVersion, serverVersion.gitVersion, 'nodes are of the same release');
  });

  behaviour('Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info', async () => {
    // oxlint-disable-next-line no-control-regex
    assert.match((await kubectl('cluster-info')).replace(/\u001b\[[\d;]*m/g, ''), /Kubernetes control plane is running at https:\/\//);
  });

  behaviour('Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods', async () => {
    const space = await namespace();
    const [pod = ''] = await controller(space, 'agnhost-primary');
    await create(`/api/v1/namespaces/${space}/services`, { metadata: { name: 'agnhost-primary', labels: { app: 'agnhost', role: 'primary' } }, spec: { ports: [{ port: 6379, targetPort: 'server' }], selector: { app: 'agnhost-primary', role: 'primary' } } });
    const has = async (texts: readonly RegExp[], ...args: string[]): Promise<void> => {
      const text = await kubectl('-n', space, 'describe', ...args);
      for (const each of texts) assert.match(text, each);
    };
    await has([new RegExp(`Name:\\s+${pod}`), new RegExp(`Namespace:\\s+${space}`), /Node:\s+node1/, /Labels:\s+app=agnhost-primary/, /role=primary/, /Annotations:/, /Status:\s+Running/, /IP:/, /Controlled By:\s+ReplicationController\/agnhost-primary/, new RegExp(`Image:\\s+${TEST_IMAGE}`), /State:\s+Running/, /QoS Class:\s+BestEffort/], 'pod', pod);
    await has([/Name:\s+agnhost-primary/, /Selector:\s+app=agnhost-primary,role=primary/, /Replicas:\s+1 current \/ 1 desired/, /Pods Status:\s+1 Running \/ 0 Waiting \/ 0 Succeeded \/ 0 Failed/, /Pod Template:/, /Events:/], 'rc', 'agnhost-primary');
    await has([/Name:\s+agnhost-primary/, /Type:\s+ClusterIP/, /IP:\s+\d+/, /Port:\s+<unset>\s+6379\/TCP/, /Endpoints:/, /Session Affinity:\s+None/], 'service', 'agnhost-primary');
    await has([/Name:\s+node1/, /Labels:/, /Annotations:/, /CreationTimestamp:/, /Conditions:/, /Addresses:/, /Capacity:/, /Kubelet Version:/, /Pods:/], 'node', 'node1');
    await has([new RegExp(`Name:\\s+${space}`), /Status:\s+Active/, /No resource quota/, /No LimitRange resource/], 'namespace', space);
  });

  behaviour('Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments', async () => {
    const space = await namespace();
    const labels = { app: 'diffed' };
    const deployment = (image: string): string => JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'diffed', labels }, spec: { replicas: 0, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'one', image }] } } } });
    await kubectlWith(deployment('first:1'), '-n', space, 'apply', '-f', '-');
    const { code, stdout } = await running().kubectlWith(deployment('second:2'), '-n', space, 'diff', '-f', '-');
    assert.equal(code, 1);
    assert.match(stdout, /^-\s+- image: first:1$/m);
    assert.match(stdout, /^\+\s+- image: second:2$/m);
  });

  behaviour('Kubectl client Kubectl expose should create services for rc', async () => {
    const space = await namespace();
    await controller(space, 'agnhost-primary');
    const exposed = async (name: string, port: number): Promise<void> => {
      const service = await get(`/api/v1/namespaces/${space}/services/${name}`);
      assert.deepEqual([service.spec.ports[0].port, service.spec.ports[0].targetPort], [port, 6379]);
      await until(`/api/v1/namespaces/${space}/endpoints/${name}`, ({ subsets }) => subsets?.[0]?.ports?.[0]?.port === 6379 && subsets[0].addresses?.length === 1);
    };
    await kubectl('-n', space, 'expose', 'rc', 'agnhost-primary', '--name=rm2', '--port=1234', '--target-port=6379');
    await exposed('rm2', 1234);
    await kubectl('-n', space, 'expose', 'service', 'rm2', '--name=rm3', '--port=2345', '--target-port=6379');
    await exposed('rm3', 2345);
  });

  behaviour('Kubectl client Kubectl label should update the label on a resource', async () => {
    const space = await namespace();
    await runPod(space, 'pause');
    await kubectl('-n', space, 'label', 'pods', 'pause', 'testing-label=testing-label-value');
    assert.match(await kubectl('-n', space, 'get', 'pod', 'pause', '-L', 'testing-label'), /testing-label-value/);
    assert.match(await kubectl('-n', space, 'get', 'pod', '-l', 'testing-label=testing-label-value'), /pause/);
    await kubectl('-n', space, 'label', 'pods', 'pause', 'testing-label-');
    assert.doesNotMatch(await kubectl('-n', space, 'get', 'pod', 'pause', '-L', 'testing-label'), /testing-label-value/);
  });

  behaviour('Kubectl client Kubectl patch should add annotations for pods in rc', async () => {
    const space = await namespace();
    for (const pod of await controller(space, 'agnhost-primary', 2)) {
      await kubectl('-n', space, 'patch', 'pod', pod, '-p', '{"metadata":{"annotations":{"x":"y"}}}');
      assert.equal((await get(`/api/v1/namespaces/${space}/pods/${pod}`)).metadata.annotations.x, 'y');
    }
  });

  behaviour("Kubectl client Kubectl replace should update a single-container pod's image", async () => {
    const space = await namespace();
    await runPod(space, 'replaced', 'run=replaced');
    const text = await kubectl('-n', space, 'get', 'pod', 'replaced', '-o', 'json');
    await kubectlWith(text.replaceAll(TEST_IMAGE, OTHER_IMAGE), '-n', space, 'replace', '-f', '-');
    assert.equal((await get(`/api/v1/namespaces/${space}/pods/replaced`)).spec.containers[0].image, OTHER_IMAGE);
  });

  behaviour('Kubectl client Kubectl run pod should create a pod from an image when restart is Never', async () => {
    const space = await namespace();
    await kubectl('-n', space, 'run', 'once', '--restart=Never', `--image=${TEST_IMAGE}`);
    const pod = await get(`/api/v1/namespaces/${space}/pods/once`);
    assert.deepEqual([pod.spec.containers.length, pod.spec.containers[0].image, pod.spec.restartPolicy], [1, TEST_IMAGE, 'Never']);
  });

  behaviour('Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods', async () => {
    const space = await namespace();
    await runPod(space, 'dry', 'run=dry');
    await kubectl('-n', space, 'patch', 'pod', 'dry', '-p', JSON.stringify({ spec: { containers: [{ name: 'dry', image: OTHER_IMAGE }] } }), '--dry-run=server');
    assert.equal((await get(`/api/v1/namespaces/${space}/pods/dry`)).spec.containers[0].image, TEST_IMAGE);
  });

  behaviour('Kubectl client Proxy server should support proxy with --port 0', async () => {
    const { child, output } = proxy('-p', '0', '--disable-filter');
    try {
      const port = await eventually(async () => /Starting to serve on 127\.0\.0\.1:(\d+)/.exec(output())?.[1], { timeoutMs: 60_000 });
      assert.ok((await apiVersions({ port: Number(port) })).versions.length > 0);
    } finally {
      child.kill();
    }
  });

  behaviour('Kubectl client Proxy server should support --unix-socket=/path', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-proxy-'));
    const socketPath = join(folder, 'socket');
    const { child, output } = proxy(`--unix-socket=${socketPath}`);
    try {
      await eventually(async () => output().includes('Starting to serve on'), { timeoutMs: 60_000 });
      assert.ok((await apiVersions({ socketPath })).versions.length > 0);
    } finally {
      child.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  behaviour('Kubectl client Update Demo should create and stop a replication controller', async () => {
    const space = await namespace();
    await controller(space, 'update-demo', 2);
    await kubectl('-n', space, 'delete', '--grace-period=0', '--force', 'rc', 'update-demo');
    await gone(`/api/v1/namespaces/${space}/replicationcontrollers/update-demo`);
    await until(`/api/v1/namespaces/${space}/pods`, ({ items }) => items.length === 0);
  });

  behaviour('Kubectl client Update Demo should scale a replication controller', async () => {
    const space = await namespace();
    await controller(space, 'update-demo', 2);
    for (const count of [1, 2]) {
      await kubectl('-n', space, 'scale', 'rc', 'update-demo', `--replicas=${count}`, '--timeout=5m');
      await podsOf(space, 'update-demo', count);
    }
  });

  behaviour('Kubectl logs logs should be able to retrieve and filter logs', async () => {
    const space = await namespace();
    await kubectl('-n', space, 'run', 'logs-generator', `--image=${TEST_IMAGE}`, '--image-pull-policy=IfNotPresent', '--restart=Never', '--', 'sh', '-c', 'n=0; while [ $n -lt 1000 ]; do echo "$n PUT /api/v1/namespaces/ns/pods"; n=$((n+1)); sleep 0.05; done');
    await until(`/api/v1/namespaces/${space}/pods/logs-generator`, ({ status }) => status.phase === 'Running');
    const logs = (...args: string[]): Promise<string> => kubectl('-n', space, 'logs', 'logs-generator', 'logs-generator', ...args);
    const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
    await eventually(async () => lines(await logs()).length > 5);
    assert.equal(lines(await logs('--tail=1')).length, 1);
    assert.equal((await logs('--limit-bytes=1')).length, 1);
    const [stamped = ''] = lines(await logs('--tail=1', '--timestamps'));
    assert.match(stamped, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) \d+ PUT /);
    await new Promise((settle) => setTimeout(settle, 2_000));
    const [recent, all] = [lines(await logs('--since=1s')).length, lines(await logs('--since=24h')).length];
    assert.ok(recent < all, `${recent} lines in the last second, ${all} in the last day`);
  });
}
