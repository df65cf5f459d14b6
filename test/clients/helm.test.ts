/** helm 4 as it is released: a chart with a definition, hooks and a look at the cluster is installed, upgraded, rolled back, tested and removed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { clients, lacks } from '../fixtures/clients.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, type CommandResult, type Instance } from '../fixtures/instance.ts';

const HOOK = (name: string, hook: string, command: string): string => `
apiVersion: batch/v1
kind: Job
metadata: { name: "{{ .Release.Name }}-${name}", annotations: { helm.sh/hook: "${hook}", helm.sh/hook-delete-policy: before-hook-creation } }
spec: { template: { spec: { restartPolicy: Never, containers: [{ name: main, image: ${TEST_IMAGE}, command: [sh, -c, "${command}"] }] } } }
`;
const CHART: Record<string, string> = {
  'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 0.1.0\n',
  'values.yaml': 'replicas: 1\nsize: 3\n',
  'crds/widgets.yaml': `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.helm.example.com }
spec:
  group: helm.example.com
  scope: Namespaced
  names: { plural: widgets, kind: Widget }
  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { size: { type: integer } } } } } } }]
`,
  'templates/widget.yaml': 'apiVersion: helm.example.com/v1\nkind: Widget\nmetadata: { name: "{{ .Release.Name }}" }\nspec: { size: {{ .Values.size }} }\n',
  'templates/cluster.yaml': `
{{- $default := lookup "v1" "Namespace" "" "default" }}
apiVersion: v1
kind: ConfigMap
metadata: { name: "{{ .Release.Name }}" }
data: { apps: "{{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }}", phase: "{{ if $default }}{{ $default.status.phase }}{{ end }}" }
`,
  'templates/web.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata: { name: "{{ .Release.Name }}" }
spec:
  replicas: {{ .Values.replicas }}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: main, image: ${TEST_IMAGE}, command: [sh, -c, "mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 8080 -h /www"], readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }] }
---
apiVersion: v1
kind: Service
metadata: { name: "{{ .Release.Name }}" }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`,
  'templates/before.yaml': HOOK('before', 'pre-install,pre-upgrade', 'echo before'),
  'templates/test.yaml': HOOK('test', 'test', 'wget -qO- http://$WEB_SERVICE_HOST/ | grep -q page'),
};

describe('helm', { timeout: 180_000, skip: lacks('helm') }, () => {
  let llmos: Instance;
  let folder: string;
  const helm = (...args: string[]): Promise<CommandResult> => new Promise((settled) => {
    const homes = Object.fromEntries(['CACHE', 'CONFIG', 'DATA'].map((name) => [`HELM_${name}_HOME`, join(folder, name)]));
    execFile(clients.helm()!, [...args, '--namespace', 'charts'], { cwd: folder, env: { ...process.env, ...homes, KUBECONFIG: llmos.kubeconfig }, timeout: 90_000 }, (error, stdout, stderr) =>
      settled({ code: error === null ? 0 : 1, stdout, stderr }));
  });
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await helm(...args);
    assert.equal(code, 0, `${stderr}\n${stdout}`);
    return stdout;
  };
  const replicas = async (): Promise<string> => (await llmos.kubectl('-n', 'charts', 'get', 'deployment', 'web', '-o', 'jsonpath={.status.readyReplicas}')).stdout;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-helm-'));
    for (const [name, text] of Object.entries(CHART)) {
      mkdirSync(dirname(join(folder, 'web', name)), { recursive: true });
      writeFileSync(join(folder, 'web', name), text);
    }
    llmos = await bootInstance();
    importTestImage(llmos);
  });
  after(async () => {
    await llmos?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  it('installs, and waits until all is ready', async () => {
    assert.match(await ok('install', 'web', 'web', '--create-namespace', '--wait', '--timeout', '60s'), /STATUS: deployed/);
    assert.equal(await replicas(), '1');
    assert.equal((await llmos.kubectl('-n', 'charts', 'get', 'configmap', 'web', '-o', 'jsonpath={.data}')).stdout, '{"apps":"true","phase":"Active"}');
    assert.match(await ok('list'), /^web\s+charts\s+1\s.*deployed/m);
    assert.match(await ok('status', 'web'), /==> v1\/Deployment/);
  });
  it('upgrades and rolls back', async () => {
    await ok('upgrade', 'web', 'web', '--set', 'replicas=2,size=4', '--wait', '--timeout', '60s');
    assert.equal(await replicas(), '2');
    await ok('rollback', 'web', '1', '--wait', '--timeout', '60s');
    assert.equal((await llmos.kubectl('-n', 'charts', 'get', 'widget', 'web', '-o', 'jsonpath={.spec.size}')).stdout, '3');
    assert.deepEqual((await ok('history', 'web')).split('\n').slice(1, 4).map((line) => line.split('\t')[2]?.trim()), ['superseded', 'superseded', 'deployed']);
  });
  it('replaces by force, and the service keeps its address', async () => {
    const address = async (): Promise<string> => (await llmos.kubectl('-n', 'charts', 'get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')).stdout;
    const before = await address();
    await ok('upgrade', 'web', 'web', '--server-side=false', '--force-replace', '--timeout', '60s');
    assert.equal(await address(), before);
  });
  it('runs the tests of the chart', async () => {
    assert.match(await ok('test', 'web', '--timeout', '60s'), /Phase:\s+Succeeded/);
  });
  it('tries without doing, and is told what is wrong', async () => {
    assert.match(await ok('upgrade', '--install', 'other', 'web', '--dry-run=server'), /pending-install/);
    assert.match((await helm('install', 'bad', 'web', '--set', 'replicas=many')).stderr, /\.spec\.replicas: expected numeric/);
    await ok('uninstall', 'bad');
  });
  it('removes what it installed', async () => {
    await ok('uninstall', 'web', '--wait', '--timeout', '60s');
    assert.equal((await llmos.kubectl('-n', 'charts', 'get', 'deployments,services,widgets', '-o', 'name')).stdout, '');
  });
});
