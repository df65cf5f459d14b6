/** Services, names and traffic, with real pods: round robin, NodePort, LoadBalancer on 127.0.0.1, cluster DNS, rolling update. */
import assert from 'node:assert/strict';
import { get } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type CommandResult, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: ${TEST_IMAGE}
        imagePullPolicy: IfNotPresent
        command: [sh, -c, 'hostname > /www/index.html; exec httpd -f -p 80 -h /www']
        ports: [{ containerPort: 80, name: http }]
        readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: LoadBalancer
  selector: { app: web }
  ports: [{ port: 80, targetPort: http, nodePort: 30080 }]
---
apiVersion: v1
kind: Service
metadata: { name: nobody }
spec: { selector: { app: nobody }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: each }
spec: { clusterIP: None, selector: { app: web }, ports: [{ port: 80, name: http }] }
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec:
  terminationGracePeriodSeconds: 0
  # The machine's own C library and getent, since the static busybox of the image cannot resolve by name.
  volumes:
  - { name: usr, hostPath: { path: /usr, type: Directory } }
  - { name: lib, hostPath: { path: /lib } }
  - { name: lib64, hostPath: { path: /lib64 } }
  containers:
  - name: client
    image: ${TEST_IMAGE}
    imagePullPolicy: IfNotPresent
    command: [sleep, '100000']
    volumeMounts:
    - { name: usr, mountPath: /usr, readOnly: true }
    - { name: lib, mountPath: /lib, readOnly: true }
    - { name: lib64, mountPath: /lib64, readOnly: true }
`;

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = get(url, { agent: false, timeout: 3_000 }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(text.trim()));
    });
    call.once('timeout', () => call.destroy(new Error('no answer')));
    call.once('error', reject);
  });
}

describe('services', { timeout: 300_000 * PATIENCE }, () => {
  let llmos: Instance;
  const field = async (path: string, ...what: string[]): Promise<string> => ok(llmos.kubectl('get', ...what, '-o', `jsonpath={${path}}`));
  const inPod = (...command: string[]): Promise<CommandResult> => llmos.kubectl('exec', 'client', '--', ...command);

  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
    await ok(llmos.kubectlWith(WEB, 'apply', '-f', '-'));
    await ok(llmos.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'));
    await ok(llmos.kubectl('wait', 'pod/client', '--for=condition=Ready', '--timeout=60s'));
  });
  after(async () => llmos?.destroy());

  it('answers from each pod in turn, on every address', async () => {
    const loadBalancer = await eventually(() => field('.status.loadBalancer.ingress[0].ip', 'service', 'web'));
    for (const address of [await field('.spec.clusterIP', 'service', 'web'), loadBalancer, '127.0.0.1', '127.0.0.1:30080']) {
      await eventually(async () => {
        const answers: string[] = [];
        for (let n = 0; n < 9; n += 1) answers.push(await fetchText(`http://${address}/`));
        const counts = Map.groupBy(answers, (name) => name);
        assert.deepEqual([...counts.values()].map((group) => group.length), [3, 3, 3], `${address}: ${answers.join(' ')}`);
        return true;
      });
    }
  });

  it('refuses at once where no pod stands behind', async () => {
    const address = await field('.spec.clusterIP', 'service', 'nobody');
    await assert.rejects(fetchText(`http://${address}/`), /ECONNREFUSED/, 'nobody waits for a time-out');
  });

  it('resolves names within pods', async () => {
    const clusterIp = await field('.spec.clusterIP', 'service', 'web');
    assert.match((await inPod('nslookup', '-type=a', 'web.default.svc.cluster.local')).stdout, new RegExp(`Address:? .*${clusterIp.replaceAll('.', '\\.')}`));
    for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local']) {
      assert.match(await ok(inPod('/usr/bin/getent', 'hosts', name)), new RegExp(`^${clusterIp.replaceAll('.', '\\.')}\\s`), name);
    }
    const headless = await ok(inPod('nslookup', '-type=a', 'each.default.svc.cluster.local'));
    assert.equal(headless.match(/Address:? .*10\.244\./g)?.length, 3, headless);
    assert.match((await inPod('nslookup', '-type=a', 'ghost.default.svc.cluster.local')).stdout, /NXDOMAIN|can't resolve/);
  });

  it('lets pods reach the API with their own identity', async () => {
    const token = (await ok(inPod('cat', '/var/run/secrets/kubernetes.io/serviceaccount/token'))).trim();
    assert.equal(token.split('.').length, 3);
    const review = await ok(llmos.kubectl('--token', token, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'));
    assert.ok(['kubernetes-admin', 'system:serviceaccount:default:default'].includes(review), review);
    assert.match(await ok(inPod('env')), /^KUBERNETES_SERVICE_HOST=10\.96\.0\.1$/m);
    assert.match(await ok(inPod('sh', '-c', 'nc -w 3 10.96.0.1 443 < /dev/null && echo open')), /open/);
  });

  it('loses no request in a rolling update', async () => {
    const address = await field('.spec.clusterIP', 'service', 'web');
    let failures: string[] = [];
    let requests = 0;
    let rolling = true;
    const asking = (async () => {
      while (rolling) {
        requests += 1;
        await fetchText(`http://${address}/`).catch((error: Error) => failures.push(error.message));
      }
    })();
    await ok(llmos.kubectl('patch', 'deployment', 'web', '-p', JSON.stringify({
      spec: { template: { metadata: { labels: { round: 'two' } }, spec: { terminationGracePeriodSeconds: 10, containers: [{ name: 'web', lifecycle: { preStop: { sleep: { seconds: 3 } } } }] } } },
    })));
    await ok(llmos.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'));
    const left = async (round: string): Promise<boolean> => (await field('.items[*].metadata.name', 'pod', '-l', `app=web,round${round}`)) === '';
    await eventually(() => left('!=two'), { what: 'the pods of before are gone' });
    // Those had no preStop: a request on its way while they end may fail, as upstream; from now on none may.
    failures = [];
    requests = 0;
    await ok(llmos.kubectl('patch', 'deployment', 'web', '-p', '{"spec":{"template":{"metadata":{"labels":{"round":"three"}}}}}'));
    await ok(llmos.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s'));
    await eventually(() => left('=two'), { what: 'the pods of the second round are gone' });
    rolling = false;
    await asking;
    assert.ok(requests > 50, `only ${requests} requests`);
    assert.deepEqual(failures, [], `${failures.length} of ${requests} failed`);
  });
});
