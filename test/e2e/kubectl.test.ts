/** The real kubectl against a whole llmos with real containers: what a user types on the first day. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { spawn } from 'node:child_process';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: ${TEST_IMAGE}
        imagePullPolicy: IfNotPresent
        command: [sh, -c, 'echo started; hostname > /www/index.html; exec httpd -f -p 8080 -h /www']
        ports: [{ containerPort: 8080, name: http }]
        readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1 }
        resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 64Mi } }
`;

describe('kubectl', { timeout: 300_000 }, () => {
  let llmos: Instance;
  let folder: string;
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llmos-kubectl-'));
    llmos = await bootInstance();
    importTestImage(llmos);
  });
  after(async () => {
    await llmos?.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  it('finds the server, its version and its resources', async () => {
    assert.match(await ok(llmos.kubectl('version')), /Server Version: v1\.\d+/);
    const resources = await ok(llmos.kubectl('api-resources'));
    for (const row of [/^pods\s+po\s+v1\s+true\s+Pod$/m, /^deployments\s+deploy\s+apps\/v1\s+true\s+Deployment$/m, /^nodes\s+no\s+v1\s+false\s+Node$/m]) assert.match(resources, row);
    assert.match(await ok(llmos.kubectl('api-versions')), /^apps\/v1$/m);
    assert.match(await ok(llmos.kubectl('cluster-info')), /control plane/);
  });

  it('explains a field', async () => {
    assert.match(await ok(llmos.kubectl('explain', 'deployment.spec.replicas')), /FIELD: replicas <integer>/);
    assert.match(await ok(llmos.kubectl('explain', 'pod.spec.containers', '--recursive')), /imagePullPolicy/);
  });

  it('shows a ready node', async () => {
    const nodes = await eventually(async () => {
      const text = await ok(llmos.kubectl('get', 'nodes', '-o', 'wide'));
      return /\sReady\s/.test(text) && text;
    });
    assert.match(nodes, /^node1\s+Ready\s/m);
    assert.match(await ok(llmos.kubectl('describe', 'node', 'node1')), /Allocatable:/);
  });

  it('applies a deployment and waits for it', async () => {
    assert.match(await ok(llmos.kubectl('apply', '-f', file('web.yaml', DEPLOYMENT))), /deployment.apps\/web created/);
    assert.match(await ok(llmos.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')), /successfully rolled out/);
    assert.match(await ok(llmos.kubectl('get', 'deploy')), /^web\s+2\/2\s+2\s+2\s/m);
    const pods = await ok(llmos.kubectl('get', 'pods', '-l', 'app=web', '-o', 'wide'));
    assert.equal(pods.match(/\s1\/1\s+Running\s+0\s+\S+\s+10\.244\.\d+\.\d+\s+node1\s/g)?.length, 2, pods);
    assert.match(await ok(llmos.kubectl('apply', '-f', join(folder, 'web.yaml'))), /deployment.apps\/web unchanged/);
  });

  it('describes, with events', async () => {
    await eventually(async () => /Scheduled[\s\S]*Started/.test(await ok(llmos.kubectl('describe', 'pods', '-l', 'app=web'))), { timeoutMs: 60_000 });
    assert.match(await ok(llmos.kubectl('describe', 'deployment', 'web')), /ScalingReplicaSet/);
    assert.match(await ok(llmos.kubectl('get', 'events')), /Scheduled/);
  });

  it('gives logs, runs commands, copies files', async () => {
    assert.equal(await ok(llmos.kubectl('logs', 'deployment/web')), 'started\n');
    const pod = (await ok(llmos.kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}'))).trim();
    assert.equal((await ok(llmos.kubectl('exec', pod, '--', 'hostname'))).trim(), pod);
    assert.equal(await ok(llmos.kubectlWith('to the pod', 'exec', '-i', pod, '--', 'cat')), 'to the pod');
    const failed = await llmos.kubectl('exec', pod, '--', 'sh', '-c', 'exit 7');
    assert.deepEqual([failed.code, /exit code 7/.test(failed.stderr)], [7, true]);
    await ok(llmos.kubectl('cp', file('note.txt', 'a note'), `${pod}:/tmp/note.txt`));
    assert.equal(await ok(llmos.kubectl('exec', pod, '--', 'cat', '/tmp/note.txt')), 'a note');
  });

  it('forwards a port', async () => {
    const forward = spawn('kubectl', ['port-forward', 'deployment/web', '18080:8080'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig }, stdio: 'ignore' });
    try {
      const body = await eventually(async () => (await fetch('http://127.0.0.1:18080/')).text(), { timeoutMs: 60_000 });
      assert.match(body, /^web-/);
    } finally {
      forward.kill();
    }
  });

  it('patches in every way', async () => {
    for (const [type, patch] of [
      ['strategic', '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","value":"1"}]}]}}}}'],
      ['merge', '{"metadata":{"annotations":{"note":"merged"}}}'],
      ['json', '[{"op":"add","path":"/metadata/labels/patched","value":"yes"}]'],
    ] as const) assert.match(await ok(llmos.kubectl('patch', 'deployment', 'web', '--type', type, '-p', patch)), /patched/);
    const deployment = JSON.parse(await ok(llmos.kubectl('get', 'deployment', 'web', '-o', 'json')));
    const [container] = deployment.spec.template.spec.containers;
    assert.deepEqual([container.image, container.env, deployment.metadata.annotations.note, deployment.metadata.labels.patched], [TEST_IMAGE, [{ name: 'A', value: '1' }], 'merged', 'yes']);
    await ok(llmos.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'));
  });

  it('keeps whole numbers of 64 bits', async () => {
    const [most, odd] = ['9223372036854775807', '9007199254740993'];
    const properties = `{ spec: { type: object, properties: { nanos: { type: integer, format: int64 }, more: { type: integer, default: ${most} } } } }`;
    await ok(llmos.kubectl('apply', '-f', file('clocks.yaml', `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: clocks.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: clocks, singular: clock, kind: Clock }
  versions:
  - { name: v1, served: true, storage: true, additionalPrinterColumns: [{ name: Nanos, type: integer, jsonPath: .spec.nanos }], schema: { openAPIV3Schema: { type: object, properties: ${properties} } } }
`)));
    await ok(llmos.kubectl('wait', 'crd/clocks.example.com', '--for=condition=Established', '--timeout=60s'));
    const clock = (nanos: string): string => file('clock.yaml', `apiVersion: example.com/v1\nkind: Clock\nmetadata: { name: wall }\nspec: { nanos: ${nanos} }\n`);
    const spec = (): Promise<string> => ok(llmos.kubectl('get', 'clock', 'wall', '-o', 'jsonpath={.spec.nanos} {.spec.more}'));
    await ok(llmos.kubectl('apply', '-f', clock(odd)));
    assert.equal(await spec(), `${odd} ${most}`);
    assert.match(await ok(llmos.kubectl('apply', '-f', clock(odd))), /unchanged/);
    await ok(llmos.kubectl('replace', '-f', clock('9007199254740992'))); // apply compares as floating point, in kubectl itself
    assert.equal(await spec(), `9007199254740992 ${most}`);
    await ok(llmos.kubectl('apply', '--server-side', '--force-conflicts', '-f', clock(most)));
    await ok(llmos.kubectl('patch', 'clock', 'wall', '--type', 'json', '-p', `[{"op":"test","path":"/spec/nanos","value":${most}},{"op":"replace","path":"/spec/more","value":-${most}}]`));
    assert.equal(await spec(), `${most} -${most}`);
    assert.match(await ok(llmos.kubectl('get', 'clock', 'wall')), new RegExp(`^wall +${most}$`, 'm'));
    assert.match(await ok(llmos.kubectl('get', 'clock', 'wall', '-o', 'yaml')), new RegExp(`^  nanos: ${most}$`, 'm'));
    await ok(llmos.kubectl('delete', 'crd', 'clocks.example.com'));
  });

  it('runs and ends a pod that has all the time that a whole number can say', async () => {
    const most = '9223372036854775807';
    await ok(llmos.kubectl('apply', '-f', file('patient.yaml', `apiVersion: v1
kind: Pod
metadata: { name: patient }
spec:
  terminationGracePeriodSeconds: ${most}
  tolerations: [{ operator: Exists, effect: NoExecute, tolerationSeconds: ${most} }]
  containers: [{ name: main, image: ${TEST_IMAGE}, imagePullPolicy: IfNotPresent, command: [sh, -c, 'trap "exit 0" TERM; sleep 1000 & wait'] }]
`)));
    await ok(llmos.kubectl('wait', 'pod/patient', '--for=condition=Ready', '--timeout=60s'));
    assert.equal(await ok(llmos.kubectl('get', 'pod', 'patient', '-o', 'jsonpath={.spec.terminationGracePeriodSeconds} {.spec.tolerations[0].tolerationSeconds}')), `${most} ${most}`);
    await ok(llmos.kubectl('delete', 'pod', 'patient', '--timeout=60s'));
  });

  it('rolls back', async () => {
    assert.match(await ok(llmos.kubectl('rollout', 'history', 'deployment/web')), /^2\s/m);
    await ok(llmos.kubectl('rollout', 'undo', 'deployment/web'));
    await ok(llmos.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'));
    assert.equal(await ok(llmos.kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].env}')), '');
  });

  it('scales, edits and sets', async () => {
    await ok(llmos.kubectl('scale', 'deployment/web', '--replicas=3'));
    await ok(llmos.kubectl('wait', 'deployment/web', '--for=jsonpath={.status.readyReplicas}=3', '--timeout=60s'));
    const edited = spawn('kubectl', ['edit', 'deployment', 'web'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig, KUBE_EDITOR: "sed -i 's/replicas: 3/replicas: 1/'" }, stdio: 'ignore' });
    assert.equal(await new Promise((settled) => edited.once('exit', settled)), 0);
    await ok(llmos.kubectl('wait', 'deployment/web', '--for=jsonpath={.status.replicas}=1', '--timeout=60s'));
    await ok(llmos.kubectl('set', 'env', 'deployment/web', 'B=2'));
    await ok(llmos.kubectl('label', 'deployment', 'web', 'tier=front'));
    await ok(llmos.kubectl('annotate', 'deployment', 'web', 'why=test'));
    await ok(llmos.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'));
  });

  it('applies server-side, with conflicts and force', async () => {
    const config = (owner: string, value: string): string => file(`${owner}.yaml`, `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: shared }\ndata: { key: ${value} }\n`);
    await ok(llmos.kubectl('apply', '--server-side', '--field-manager=one', '-f', config('one', 'first')));
    const conflict = await llmos.kubectl('apply', '--server-side', '--field-manager=two', '-f', config('two', 'second'));
    assert.equal(conflict.code, 1);
    assert.match(conflict.stderr, /Apply failed with 1 conflict: conflict with "one": \.data\.key/);
    await ok(llmos.kubectl('apply', '--server-side', '--field-manager=two', '--force-conflicts', '-f', config('two', 'second')));
    assert.equal(await ok(llmos.kubectl('get', 'configmap', 'shared', '-o', 'jsonpath={.data.key}')), 'second');
    assert.equal((await llmos.kubectl('diff', '-f', join(folder, 'two.yaml'))).code, 0);
    assert.equal((await llmos.kubectl('diff', '--server-side', '--force-conflicts', '-f', join(folder, 'one.yaml'))).code, 1);
  });

  it('refuses a misspelt field with the words of Kubernetes', async () => {
    const { code, stderr } = await llmos.kubectl('apply', '-f', file('wrong.yaml', DEPLOYMENT.replace('metadata: { name: web, labels: { app: web } }', 'metadata: { name: wrong }\nmeta: { name: x }')));
    assert.equal(code, 1);
    assert.match(stderr, /strict decoding error: unknown field "meta"/);
    const invalid = await llmos.kubectl('apply', '-f', file('invalid.yaml', DEPLOYMENT.replace('matchLabels: { app: web }', 'matchLabels: { app: other }').replaceAll('name: web', 'name: invalid')));
    assert.equal(invalid.code, 1);
    assert.match(invalid.stderr, /The Deployment "invalid" is invalid: spec\.template\.metadata\.labels: Invalid value: .*`selector` does not match template `labels`/);
  });

  it('runs dry and chunks lists', async () => {
    assert.match(await ok(llmos.kubectl('create', 'configmap', 'ghost', '--dry-run=server')), /created \(server dry run\)/);
    assert.equal((await llmos.kubectl('get', 'configmap', 'ghost')).code, 1);
    for (let n = 0; n < 5; n += 1) await ok(llmos.kubectl('create', 'configmap', `chunk-${n}`));
    assert.equal((await ok(llmos.kubectl('get', 'configmaps', '--chunk-size=2', '-o', 'name'))).match(/chunk-/g)?.length, 5);
    assert.match(await ok(llmos.kubectl('get', 'pods', '--field-selector=status.phase=Running', '-o', 'name')), /^pod\/web-/m);
  });

  it('watches', async () => {
    const watch = spawn('kubectl', ['get', 'configmaps', '-w', '-o', 'name'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig } });
    let seen = '';
    watch.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    try {
      await eventually(async () => seen.includes('chunk-4'));
      await ok(llmos.kubectl('create', 'configmap', 'late'));
      await eventually(async () => seen.includes('configmap/late'), { timeoutMs: 60_000 });
    } finally {
      watch.kill();
    }
  });

  it('serves a custom resource', async () => {
    await ok(llmos.kubectl('apply', '-f', file('crd.yaml', `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: widgets, singular: widget, kind: Widget, shortNames: [wd] }
  versions:
  - name: v1
    served: true
    storage: true
    subresources: { status: {} }
    additionalPrinterColumns: [{ name: Size, type: integer, jsonPath: .spec.size }]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: { type: object, required: [size], properties: { size: { type: integer, minimum: 1 }, colour: { type: string, default: red } } }
          status: { type: object, properties: { done: { type: boolean } } }
`)));
    await ok(llmos.kubectl('wait', 'crd/widgets.example.com', '--for=condition=Established', '--timeout=60s'));
    const widget = (size: number): string => `apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: w }\nspec: { size: ${size} }\n`;
    await eventually(async () => (await llmos.kubectl('apply', '-f', file('widget.yaml', widget(3)))).code === 0, { timeoutMs: 60_000 });
    assert.match(await ok(llmos.kubectl('get', 'wd')), /NAME\s+SIZE\n\s*w\s+3/);
    assert.equal(await ok(llmos.kubectl('get', 'widget', 'w', '-o', 'jsonpath={.spec.colour}')), 'red');
    const refused = await llmos.kubectl('apply', '-f', file('small.yaml', widget(0)));
    assert.match(refused.stderr, /spec\.size: Invalid value: 0: spec\.size in body should be greater than or equal to 1/);
    await ok(llmos.kubectl('delete', 'crd', 'widgets.example.com', '--timeout=60s'));
    assert.equal((await llmos.kubectl('get', 'widgets')).code, 1);
  });

  it('deletes a namespace with all that is in it', async () => {
    await ok(llmos.kubectl('create', 'namespace', 'gone'));
    await ok(llmos.kubectl('-n', 'gone', 'apply', '-f', join(folder, 'web.yaml')));
    await ok(llmos.kubectl('-n', 'gone', 'rollout', 'status', 'deployment/web', '--timeout=60s'));
    await ok(llmos.kubectl('delete', 'namespace', 'gone', '--timeout=60s'));
    assert.equal((await llmos.kubectl('get', 'namespace', 'gone')).code, 1);
    assert.equal(await ok(llmos.kubectl('get', 'pods', '-n', 'gone', '-o', 'name')), '');
  });

  it('deletes a deployment, and its pods follow', async () => {
    await ok(llmos.kubectl('delete', 'deployment', 'web', '--cascade=foreground', '--timeout=60s'));
    await eventually(async () => (await ok(llmos.kubectl('get', 'pods,rs', '-o', 'name'))) === '', { timeoutMs: 30_000 });
  });
});
