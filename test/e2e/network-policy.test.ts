/** NetworkPolicy with real pods: they try to get through, by address and by service, while policies come and go. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const pod = (name: string, command: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  terminationGracePeriodSeconds: 0
  containers: [{ name: c, image: ${TEST_IMAGE}, imagePullPolicy: IfNotPresent, command: [sh, -c, '${command}'], ports: [{ name: http, containerPort: 80 }]${name === 'web' ? ', readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 1 }' : ''} }]
---`;
const PODS = `${pod('web', 'echo web > /www/index.html; exec httpd -f -p 80 -h /www')}${pod('friend', 'exec sleep 100000')}${pod('stranger', 'exec sleep 100000')}
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`;
const policy = (name: string, spec: string): string => `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: ${name} }\nspec: ${spec}\n`;

describe('network policies', { timeout: 180_000 }, () => {
  let llmos: Instance;
  let byAddress: string;
  let byService: string;
  const reaches = async (from: string, address: string): Promise<boolean> => /^web$/m.test((await llmos.kubectl('exec', from, '--', 'sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${address} 80`)).stdout);
  const seen = async (...froms: string[]): Promise<string[]> => {
    const all = await Promise.all(froms.map(async (from) => ((await reaches(from, byAddress)) && (await reaches(from, byService)) ? from : '')));
    return all.filter((from) => from !== '');
  };
  const expectSeen = async (wanted: string[]): Promise<void> => void (await eventually(async () => { assert.deepEqual(await seen('friend', 'stranger', 'web'), wanted); return true; }, { timeoutMs: 20_000 }));

  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
    await ok(llmos.kubectlWith(PODS, 'apply', '-f', '-'));
    await ok(llmos.kubectl('wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s'));
    byAddress = await ok(llmos.kubectl('get', 'pod', 'web', '-o', 'jsonpath={.status.podIP}'));
    byService = await ok(llmos.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'));
  });
  after(async () => llmos?.destroy());

  it('lets all through without a policy', () => expectSeen(['friend', 'stranger', 'web']));

  it('denies by default, and the probe of the node still gets through', async () => {
    await ok(llmos.kubectlWith(policy('deny', '{ podSelector: { matchLabels: { app: web } }, policyTypes: [Ingress] }'), 'apply', '-f', '-'));
    await expectSeen(['web']);
    await ok(llmos.kubectl('delete', 'pod', 'web', '--wait=true'));
    await ok(llmos.kubectlWith(pod('web', 'echo web > /www/index.html; exec httpd -f -p 80 -h /www'), 'apply', '-f', '-'));
    await ok(llmos.kubectl('wait', 'pod/web', '--for=condition=Ready', '--timeout=60s'));
    byAddress = await ok(llmos.kubectl('get', 'pod', 'web', '-o', 'jsonpath={.status.podIP}'));
    assert.deepEqual(await seen('friend', 'stranger'), []);
  });

  it('lets through whom a policy names', async () => {
    await ok(llmos.kubectlWith(policy('friends', '{ podSelector: { matchLabels: { app: web } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: friend } } }], ports: [{ port: http }] }] }'), 'apply', '-f', '-'));
    await expectSeen(['friend', 'web']);
    assert.match(await ok(llmos.kubectl('get', 'netpol', 'friends')), /^NAME +POD-SELECTOR +AGE\nfriends +app=web +/);
    assert.match(await ok(llmos.kubectl('describe', 'netpol', 'friends')), /To Port: http\/TCP\n.*From:\n.*PodSelector: app=friend/s);
  });

  it('keeps a pod in that may not speak, whose names still resolve', async () => {
    await ok(llmos.kubectlWith(policy('mute', '{ podSelector: { matchLabels: { app: friend } }, policyTypes: [Egress] }'), 'apply', '-f', '-'));
    await expectSeen(['web']);
    assert.match((await llmos.kubectl('exec', 'friend', '--', 'nslookup', '-type=a', 'web.default.svc.cluster.local')).stdout, /Address/);
  });

  it('stands through a kill, and goes with the policies', async () => {
    await llmos.kill('SIGKILL');
    await llmos.boot();
    await expectSeen(['web']);
    await ok(llmos.kubectl('delete', 'netpol', '--all'));
    await expectSeen(['friend', 'stranger', 'web']);
  });
});
