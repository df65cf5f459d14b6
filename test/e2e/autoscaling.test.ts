/** Replicas follow what pods use over what they should: an autoscaler made by kubectl, and containers that burn the cpu they may. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Deployment } from '../../src/api/apps/deployment.ts';
import { HorizontalPodAutoscaler } from '../../src/api/autoscaling/horizontal-pod-autoscaler.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { bootForPods } from '../fixtures/pods.ts';

/** The loop is short, and a starting pod counts at once, so that the test need not wait for minutes. */
const CONFIG = `modules:
  horizontal-pod-autoscaler: {syncPeriodSeconds: 1, downscaleStabilizationSeconds: 3, cpuInitializationPeriodSeconds: 0, initialReadinessDelaySeconds: 0}
`;
/** Burns what it may: twice what it asks for. */
const WORK = 'trap "exit 0" TERM; while true; do :; done';
/** So much that what the pods use is a tenth of it: the autoscaler sees them rest without a wait for the window of what they used. */
const REST_PERCENT = 2_000;

describe('a horizontal pod autoscaler', () => {
  let llmos: Instance;
  const NS = { namespace: 'default' };
  before(async () => {
    llmos = await bootForPods({ config: CONFIG });
  });
  after(() => llmos.destroy());

  const autoscaler = (name = 'web'): Promise<HorizontalPodAutoscaler> => llmos.client.get(HorizontalPodAutoscaler, name, NS);
  const replicas = async (): Promise<number> => (await llmos.client.get(Deployment, 'web', NS)).spec?.replicas ?? 1;
  const condition = async (type: string, name = 'web'): Promise<string> => (await autoscaler(name)).status?.conditions?.filter((each) => each.type === type).map(({ status, reason }) => `${status} ${reason}`).join() ?? '';

  it('raises replicas while the pods work, to the most', async () => {
    await llmos.client.create(Deployment, {
      metadata: { name: 'web', ...NS },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [{
              name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', WORK],
              resources: { requests: { cpu: '50m' }, limits: { cpu: '100m' } },
            }],
          },
        },
      },
    });
    const made = await llmos.kubectl('autoscale', 'deployment', 'web', '--min=1', '--max=3', '--cpu-percent=50');
    assert.equal(made.code, 0, made.stderr);
    await eventually(async () => (await replicas()) === 3, { timeoutMs: 90_000, everyMs: 500 });
    const { spec } = await autoscaler();
    assert.deepEqual(spec?.metrics, [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }]);
    // The scale is set before the status is written.
    await eventually(async () => ((await autoscaler()).status?.currentMetrics?.[0]?.resource?.current.averageUtilization ?? 0) > 55, { timeoutMs: 30_000, what: 'its status' });
    await eventually(async () => /^web\s+Deployment\/web\s+cpu: \d+%\/50%\s+1\s+3\s+3\s/m.test((await llmos.kubectl('get', 'hpa')).stdout), { timeoutMs: 30_000 });
    await eventually(async () => (await condition('ScalingLimited')) === 'True TooManyReplicas', { timeoutMs: 30_000 });
    await eventually(async () => /SuccessfulRescale[^\n]*New size: [23]; reason: cpu resource utilization \(percentage of request\) above target/.test((await llmos.kubectl('describe', 'hpa', 'web')).stdout), { what: 'the event' });
  });

  it('lowers them when they have less to do than they should, no further than the least', async () => {
    const metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: REST_PERCENT } } }];
    assert.equal((await llmos.kubectl('patch', 'hpa', 'web', '--type=merge', '-p', JSON.stringify({ spec: { minReplicas: 2, metrics } }))).code, 0);
    await eventually(async () => (await replicas()) === 2, { timeoutMs: 150_000, everyMs: 500 });
    // Events are written beside the way, and a moment later.
    await eventually(async () => /SuccessfulRescale[^\n]*New size: 2; reason: All metrics below target/.test((await llmos.kubectl('describe', 'hpa', 'web')).stdout), { what: 'the event' });
    await eventually(async () => (await condition('ScalingLimited')) === 'True TooFewReplicas', { timeoutMs: 30_000 });
  });

  it('is the same in the words of version 1, and loses nothing by them', async () => {
    await llmos.kubectl('patch', 'hpa', 'web', '--type=merge', '-p', '{"spec":{"behavior":{"scaleDown":{"selectPolicy":"Disabled"}}}}');
    const old = JSON.parse((await llmos.kubectl('get', 'horizontalpodautoscalers.v1.autoscaling', 'web', '-o', 'json')).stdout) as { apiVersion: string; metadata: object; spec: { targetCPUUtilizationPercentage: number } };
    assert.deepEqual([old.apiVersion, old.spec.targetCPUUtilizationPercentage], ['autoscaling/v1', REST_PERCENT]);
    // Its status is written all the time: the version that was read need not be the newest, and neither need be that which kubectl reads.
    const replace = async (): Promise<boolean> => (await llmos.kubectlWith(JSON.stringify({ ...old, metadata: { ...old.metadata, resourceVersion: undefined }, spec: { ...old.spec, targetCPUUtilizationPercentage: 1_900 } }), 'replace', '-f', '-')).code === 0;
    await eventually(replace, { timeoutMs: 30_000, what: 'it is replaced' });
    const { spec } = await autoscaler();
    assert.deepEqual([spec?.metrics?.[0]?.resource?.target.averageUtilization, spec?.behavior?.scaleDown?.selectPolicy], [1_900, 'Disabled']);
  });

  it('says what it lacks, and holds what there is', async () => {
    await llmos.kubectlWith(JSON.stringify({
      apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'lost', ...NS },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'nowhere' }, maxReplicas: 3 },
    }), 'create', '-f', '-');
    await eventually(async () => (await condition('AbleToScale', 'lost')) === 'False FailedGetScale');
    await llmos.kubectlWith(JSON.stringify({
      apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web', ...NS },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 9, metrics: [{ type: 'External', external: { metric: { name: 'queue_length' }, target: { type: 'Value', value: '5' } } }] },
    }), 'apply', '--server-side', '--force-conflicts', '-f', '-');
    await llmos.kubectl('patch', 'hpa', 'web', '--type=json', '-p', '[{"op":"replace","path":"/spec/metrics","value":[{"type":"External","external":{"metric":{"name":"queue_length"},"target":{"type":"Value","value":"5"}}}]}]');
    await eventually(async () => (await condition('ScalingActive')) === 'False FailedGetExternalMetric');
    assert.equal(await replicas(), 2);
    const rival = await llmos.kubectl('autoscale', 'deployment', 'web', '--name=rival', '--min=1', '--max=9', '--cpu-percent=1');
    assert.equal(rival.code, 0, rival.stderr);
    await eventually(async () => (await condition('ScalingActive', 'rival')) === 'False AmbiguousSelector' && (await condition('ScalingActive')) === 'False AmbiguousSelector', { timeoutMs: 30_000, what: 'none of two decides' });
    assert.equal(await replicas(), 2);
    await llmos.kubectl('delete', 'hpa', 'rival');
    await eventually(async () => (await condition('ScalingActive')) === 'False FailedGetExternalMetric', { timeoutMs: 30_000, what: 'the other goes on' });
  });

  it('is refused with what is wrong', async () => {
    const refused = async (spec: object): Promise<string> => (await llmos.kubectlWith(JSON.stringify({
      apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'wrong', ...NS }, spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 3, ...spec },
    }), 'create', '-f', '-')).stderr;
    assert.match(await refused({ minReplicas: 5 }), /spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`/);
    assert.match(await refused({ metrics: [{ type: 'Resource' }] }), /spec.metrics\[0\].resource: Required value/);
    assert.match(await refused({ behavior: { scaleUp: { policies: [{ type: 'Pods', value: 0, periodSeconds: 15 }] } } }), /policies\[0\].value: Invalid value: 0: must be greater than zero/);
  });
});
