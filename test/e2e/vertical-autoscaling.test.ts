/** Requests follow what containers use: recommended, given to new pods, changed in place while they run. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { VerticalPodAutoscaler } from '../../src/api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { quantityMillis } from '../../src/api/quantity.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

const NS = { namespace: 'default' };
const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy}
spec:
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: ${TEST_IMAGE}, imagePullPolicy: Never, command: [sh, -c, "while true; do :; done"], resources: {requests: {cpu: 10m, memory: 300Mi}, limits: {cpu: 200m}}}]
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: busy}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
  updatePolicy: {updateMode: "Off"}
  resourcePolicy: {containerPolicies: [{containerName: "*", controlledResources: [cpu], controlledValues: RequestsOnly, minAllowed: {cpu: 30m}, maxAllowed: {cpu: 150m}}]}
`;

describe('a vertical pod autoscaler', { timeout: 180_000 }, () => {
  let llmos: Instance;
  const pods = async (): Promise<Pod[]> => (await llmos.client.list(Pod, { ...NS, labelSelector: 'app=busy' })).items.filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase === 'Running');
  const cpuOf = (pod: Pod | undefined): string | undefined => pod?.spec?.containers[0]?.resources?.requests?.['cpu'];
  const kubectl = (...args: string[]): Promise<string> => ok(llmos.kubectl(...args));
  before(async () => {
    llmos = await bootForPods({ config: 'modules:\n  vertical-pod-autoscaler: {everySeconds: 1}\n' });
    assert.equal((await llmos.kubectlWith(MANIFEST, 'apply', '-f', '-')).code, 0);
  });
  after(() => llmos?.destroy());

  it('recommends, and touches nothing when it is off', async () => {
    await eventually(async () => quantityMillis((await llmos.client.get(VerticalPodAutoscaler, 'busy', NS)).status?.recommendation?.containerRecommendations?.[0]?.target['cpu'] ?? '0') >= 30, { what: 'a recommendation', timeoutMs: 60_000 });
    assert.match(await kubectl('get', 'vpa'), /^busy\s+Off\s+\d+m\s+True/m);
    assert.equal(cpuOf((await pods())[0]), '10m');
  });

  it('changes a running pod in place', async () => {
    const [before] = await pods();
    await kubectl('patch', 'vpa', 'busy', '--type=merge', '-p', '{"spec":{"updatePolicy":{"updateMode":"InPlaceOrRecreate"},"resourcePolicy":{"containerPolicies":[{"containerName":"*","controlledResources":["cpu"],"controlledValues":"RequestsOnly","minAllowed":{"cpu":"60m"},"maxAllowed":{"cpu":"150m"}}]}}}');
    await eventually(async () => quantityMillis(cpuOf((await pods())[0]) ?? '0') >= 60, { what: 'more is asked for', timeoutMs: 60_000 });
    const [now] = await pods();
    assert.deepEqual([now?.metadata.uid, now?.status?.containerStatuses?.[0]?.restartCount], [before?.metadata.uid, 0]);
    await eventually(async () => quantityMillis((await pods())[0]?.status?.containerStatuses?.[0]?.resources?.requests?.['cpu'] ?? '0') >= 60, { what: 'it has it', timeoutMs: 60_000 });
  });

  it('gives a new pod what is recommended from the start', async () => {
    const [before] = await pods();
    await kubectl('delete', 'pod', before?.metadata.name ?? '', '--grace-period=0', '--force');
    await eventually(async () => (await pods()).some(({ metadata }) => metadata.uid !== before?.metadata.uid), { timeoutMs: 60_000 });
    const made = (await pods()).find(({ metadata }) => metadata.uid !== before?.metadata.uid);
    assert.ok(quantityMillis(cpuOf(made) ?? '0') >= 60, JSON.stringify(made?.spec?.containers[0]?.resources));
    assert.match(made?.metadata.annotations?.['vpaUpdates'] ?? '', /Pod resources updated by busy: container 0: cpu request/);
    assert.equal(made?.metadata.annotations?.['vpaObservedContainers'], 'main');
  });

  it('leaves a pod alone that only has the labels, and says whose target is another one\'s', async () => {
    const [replicaSet = ''] = (await kubectl('get', 'rs', '-l', 'app=busy', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ');
    const inner = { apiVersion: 'autoscaling.k8s.io/v1', kind: 'VerticalPodAutoscaler', metadata: { name: 'inner' }, spec: { targetRef: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: replicaSet } } };
    const bare = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bare', labels: { app: 'busy' } }, spec: { containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', resources: { requests: { cpu: '10m' } } }], nodeSelector: { none: 'there' } } };
    for (const each of [inner, bare]) assert.equal((await llmos.kubectlWith(JSON.stringify(each), 'create', '-f', '-')).code, 0);
    const made = await llmos.client.get(Pod, 'bare', NS);
    assert.deepEqual([cpuOf(made), made.metadata.annotations?.['vpaUpdates']], ['10m', undefined]);
    await eventually(async () => (await llmos.client.get(VerticalPodAutoscaler, 'inner', NS)).status?.conditions?.some(({ type, message }) => type === 'ConfigUnsupported' && message.startsWith('The targetRef controller has a parent')), { what: 'the condition', timeoutMs: 30_000 });
    await kubectl('delete', 'vpa/inner', 'pod/bare', '--grace-period=0', '--force');
  });

  it('makes a pod anew where that is asked for, and tells both', async () => {
    const [before] = await pods();
    await kubectl('patch', 'vpa', 'busy', '--type=merge', '-p', '{"spec":{"updatePolicy":{"updateMode":"Recreate","minReplicas":1},"resourcePolicy":{"containerPolicies":[{"containerName":"*","controlledResources":["cpu"],"controlledValues":"RequestsOnly","minAllowed":{"cpu":"155m"},"maxAllowed":{"cpu":"160m"}}]}}}');
    await eventually(async () => (await pods()).some((pod) => pod.metadata.uid !== before?.metadata.uid && quantityMillis(cpuOf(pod) ?? '0') >= 155), { what: 'another pod, which asks for more', timeoutMs: 60_000 });
    await eventually(async () => /EvictedByVPA\s+Pod\/busy-\S+\s+Pod was evicted by VPA Updater to apply resource recommendation/.test(await kubectl('events')), { what: 'it is told of the pod', timeoutMs: 30_000 });
    await eventually(async () => /EvictedPod\s+VerticalPodAutoscaler\/busy\s+VPA Updater evicted Pod busy-\S+ to apply resource recommendation/.test(await kubectl('events')), { what: 'and of its autoscaler', timeoutMs: 30_000 });
  });

  it('keeps to the LimitRange of the namespace, which would refuse the pod', async () => {
    const range = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'small' }, spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } };
    assert.equal((await llmos.kubectlWith(JSON.stringify(range), 'apply', '-f', '-')).code, 0);
    // Limits follow, twenty times the request: 50m is all that a limit of 1 leaves.
    await kubectl('patch', 'vpa', 'busy', '--type=merge', '-p', '{"spec":{"updatePolicy":{"updateMode":"Initial"},"resourcePolicy":{"containerPolicies":[{"containerName":"*","controlledResources":["cpu"],"controlledValues":"RequestsAndLimits"}]}}}');
    await eventually(async () => {
      await kubectl('delete', 'pods', '-l', 'app=busy', '--grace-period=0', '--force');
      const [made] = (await llmos.client.list(Pod, { ...NS, labelSelector: 'app=busy' })).items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const { requests, limits } = made?.spec?.containers[0]?.resources ?? {};
      return quantityMillis(requests?.['cpu'] ?? '0') === 50 && quantityMillis(limits?.['cpu'] ?? '0') === 1_000;
    }, { what: 'a pod within the range', timeoutMs: 60_000 }).catch(async (error: unknown) => assert.fail(`${String(error)}\n${(await llmos.kubectl('describe', 'vpa,rs,pods')).stdout}`));
  });
});

describe('more cpu while a pod starts', { timeout: 180_000 }, () => {
  const autoscaler = (name: string): object => ({
    apiVersion: 'autoscaling.k8s.io/v1', kind: 'VerticalPodAutoscaler', metadata: { name }, spec: { targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, updatePolicy: { updateMode: 'Off' }, startupBoost: { cpu: { type: 'Factor', factor: 3, durationSeconds: 2 } } },
  });
  const deployment = (name: string): object => {
    const main = {
      name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', 'sleep 1d'], resources: { requests: { cpu: '50m' }, limits: { cpu: '100m' } }, readinessProbe: { exec: { command: ['test', '-e', '/tmp/started'] }, periodSeconds: 1 },
    };
    return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { terminationGracePeriodSeconds: 0, containers: [main] } } } };
  };
  let llmos: Instance;
  const podOf = async (name: string): Promise<Pod | undefined> => (await llmos.client.list(Pod, { ...NS, labelSelector: `app=${name}` })).items.find(({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase === 'Running');
  const running = async (name: string): Promise<Pod> => {
    await eventually(async () => (await podOf(name)) !== undefined, { what: `${name} runs`, timeoutMs: 60_000 });
    return (await podOf(name))!;
  };
  /** Microseconds of cpu in a tenth of a second, as the kernel has it. */
  const quotaOf = async ({ metadata: { name = '' } }: Pod): Promise<string> => (await ok(llmos.kubectl('exec', name, '--', 'sh', '-c', 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/cpu.max'))).trim().split(' ')[0]!;
  const apply = async (object: object): Promise<void> => void (await ok(llmos.kubectlWith(JSON.stringify(object), 'apply', '-f', '-')));
  before(async () => {
    llmos = await bootForPods();
    await apply(autoscaler('java'));
    await apply(deployment('java'));
  });
  after(() => llmos?.destroy());

  it('is there from the first moment, for a pod that is made right after its autoscaler', async () => {
    const pod = await running('java');
    assert.deepEqual(pod.spec?.containers[0]?.resources, { requests: { cpu: '150m' }, limits: { cpu: '300m' } });
    assert.equal(pod.metadata.annotations?.['startup-cpu-boost'], '{"main":{"requests":{"cpu":"50m"},"limits":{"cpu":"100m"}}}');
    assert.equal(await quotaOf(pod), '30000');
  });

  it('is taken back in place when the pod has been ready for its time', async () => {
    const before = await running('java');
    await ok(llmos.kubectl('exec', before.metadata.name ?? '', '--', 'touch', '/tmp/started'));
    await eventually(async () => (await podOf('java'))?.metadata.annotations?.['startup-cpu-boost'] === undefined, { what: 'the boost is over', timeoutMs: 60_000 });
    await eventually(async () => (await quotaOf(before)) === '10000', { what: 'the kernel has it too', timeoutMs: 60_000 });
    const now = await running('java');
    assert.deepEqual([now.metadata.uid, now.status?.containerStatuses?.[0]?.restartCount, now.spec?.containers[0]?.resources], [before.metadata.uid, 0, { requests: { cpu: '50m' }, limits: { cpu: '100m' } }]);
    const readyMs = Date.parse(now.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '');
    await eventually(async () => /InPlaceResizedByVPA\s+Pod\/java-\S+\s+Pod was resized in place by VPA Updater: the startup boost of main is over/.test((await llmos.kubectl('events')).stdout), { what: 'it is told', timeoutMs: 30_000 });
    const [event] = (JSON.parse(await ok(llmos.kubectl('get', 'events', '-o', 'json', '--field-selector', 'reason=InPlaceResizedByVPA'))) as { items: { firstTimestamp?: string; eventTime?: string }[] }).items;
    assert.ok(Date.parse(event?.firstTimestamp ?? event?.eventTime ?? '') >= readyMs + 2_000, JSON.stringify([event, readyMs]));
  });

  it('goes back to what the pod asked for when its autoscaler is gone', async () => {
    await apply(autoscaler('other'));
    await apply(deployment('other'));
    const pod = await running('other');
    assert.equal(await quotaOf(pod), '30000');
    await ok(llmos.kubectl('delete', 'vpa', 'other'));
    await ok(llmos.kubectl('exec', pod.metadata.name ?? '', '--', 'touch', '/tmp/started'));
    await eventually(async () => (await quotaOf(pod)) === '10000', { what: 'it has what it asked for', timeoutMs: 60_000 });
  });
});
