/** A web service that sleeps until somebody asks for it at the gateway. (That it sleeps again is tried with other triggers: this one forgets a request after a minute.) */
import assert from 'node:assert/strict';
import { get } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Deployment } from '../../src/api/apps/deployment.ts';
import { UsageRecord } from '../../src/api/metering/usage-record.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

const NS = { namespace: 'default' };
const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: ${TEST_IMAGE}, imagePullPolicy: Never, command: [httpd, -f, -p, "8080", -h, /etc], ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: llmos, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: web}
spec:
  scaleTargetRef: {name: web}
  pollingInterval: 1
  cooldownPeriod: 1
  maxReplicaCount: 2
  triggers: [{type: http, metadata: {route: web, targetValue: "1000"}}]
`;

describe('a service that sleeps', { timeout: 240_000 }, () => {
  let llmos: Instance;
  let address = '';
  let answered = 0;
  const ask = (): Promise<number> => new Promise((resolve) => {
    get({ host: address, port: 80, path: '/passwd', timeout: 5_000 }, (response) => {
      response.resume();
      if (response.statusCode !== 404) answered++; // the route is not there yet
      resolve(response.statusCode ?? 0);
    }).once('error', () => resolve(0));
  });
  const replicas = async (): Promise<number> => (await llmos.client.get(Deployment, 'web', NS)).spec?.replicas ?? 1;

  before(async () => {
    llmos = await bootForPods({ config: 'modules:\n  metering: {everySeconds: 1}\n' });
    await ok(llmos.kubectlWith(MANIFEST, 'apply', '-f', '-'));
    await eventually(async () => (address = (await llmos.kubectl('get', 'gateway', 'edge', '-o', 'jsonpath={.status.addresses[0].value}')).stdout) !== '', { what: 'an address' });
  });
  after(() => llmos?.destroy());

  it('is woken by the first request', async () => {
    await eventually(async () => (await ask()) === 503, { what: 'the gateway answers, and nobody is there' });
    await eventually(async () => (await ask()) === 200, { what: 'it is awake', timeoutMs: 60_000, everyMs: 500 });
    assert.equal(await replicas(), 1);
  });

  it('and every request is metered, whoever answered', async () => {
    const metered = async (): Promise<number> => (await llmos.client.list(UsageRecord)).items.flatMap(({ routes }) => routes ?? []).filter(({ kind, name }) => kind === 'HTTPRoute' && name === 'web').reduce((sum, { requests }) => sum + requests, 0);
    await eventually(async () => (await metered()) === answered, { what: 'the records have them all' });
    const { stdout } = await llmos.llmos('bill', '--format', 'json');
    assert.equal((JSON.parse(stdout) as { lines: { name: string; requests: number }[] }).lines.find(({ name }) => name === NS.namespace)?.requests, answered);
    const served = (await llmos.client.list(UsageRecord)).items.flatMap(({ pods }) => pods ?? []).filter(({ labels }) => labels?.['app'] === 'web').reduce((sum, { requests = 0 }) => sum + requests, 0);
    const byLabel = (JSON.parse((await llmos.llmos('bill', '--by', 'label:app', '--format', 'json')).stdout) as { lines: { name: string; requests: number }[] }).lines;
    const told = byLabel.find(({ name }) => name === 'web')?.requests ?? 0;
    // Some were answered in the moment of a reload, or by nobody.
    assert.ok(served > 0 && Math.abs(told - served) < 1 && served <= answered, `${served} of ${answered} requests are those of its pods, and ${told} are billed so`);
    assert.ok(Math.abs(byLabel.reduce((sum, { requests }) => sum + requests, 0) - answered) < 0.001, 'however it is cut, it adds up');
  });
});
