/** ScaledObjects and ScaledJobs on real services: from none to many and back, while sources fail, are paused, and come again. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Deployment } from '../../src/api/apps/deployment.ts';
import { HorizontalPodAutoscaler } from '../../src/api/autoscaling/horizontal-pod-autoscaler.ts';
import { Job } from '../../src/api/batch/job.ts';
import { ScaledObject } from '../../src/api/keda/scaled-object.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';
import { lacksService, startService, type Service } from '../fixtures/services.ts';

const CONFIG = `modules:
  horizontal-pod-autoscaler: {syncPeriodSeconds: 1, downscaleStabilizationSeconds: 1}
`;
const NS = { namespace: 'default' };
const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  replicas: 0
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: ${TEST_IMAGE}, imagePullPolicy: Never, command: [sleep, "100000"], env: [{name: REDIS, value: "127.0.0.1:26379"}]}]
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker}
spec:
  scaleTargetRef: {name: worker}
  pollingInterval: 1
  cooldownPeriod: 2
  maxReplicaCount: 4
  triggers:
  - type: redis
    metadata: {addressFromEnv: REDIS, listName: jobs, listLength: "5"}
`;
/** Asks for no cpu. */
const BARE = MANIFEST.slice(0, MANIFEST.lastIndexOf('---')).replace('{name: worker}', '{name: bare}').replaceAll('{app: worker}', '{app: bare}');
const JOBS = `
apiVersion: v1
kind: Secret
metadata: {name: database}
stringData: {password: secret}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: database}
spec: {secretTargetRef: [{parameter: password, name: database, key: password}]}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: batch}
spec:
  pollingInterval: 1
  maxReplicaCount: 10
  successfulJobsHistoryLimit: 2
  scalingStrategy: {strategy: accurate}
  jobTargetRef:
    backoffLimit: 0
    template: {spec: {restartPolicy: Never, containers: [{name: main, image: ${TEST_IMAGE}, imagePullPolicy: Never, command: ["true"]}]}}
  triggers:
  - type: postgresql
    authenticationRef: {name: database}
    metadata: {host: 127.0.0.1, port: "25432", userName: app, dbName: postgres, sslmode: disable, query: "SELECT count(*) FROM jobs WHERE NOT done", targetQueryValue: "1"}
`;

describe('event scaling', { skip: lacksService('redis', 'postgres'), timeout: 300_000 }, () => {
  let llmos: Instance;
  let redis: Service;
  const cli = (...args: string[]): string => redis.run('usr/bin/redis-cli', ['-p', '26379', ...args]);
  const replicas = async (): Promise<number> => (await llmos.client.get(Deployment, 'worker', NS)).spec?.replicas ?? 1;
  const scaled = async (): Promise<ScaledObject> => llmos.client.get(ScaledObject, 'worker', NS);
  const condition = async (type: string): Promise<string> => (await scaled()).status?.conditions?.filter((each) => each.type === type).map(({ status, reason, message }) => `${status} ${reason} ${message}`).join() ?? '';
  const reaches = (wanted: number): Promise<unknown> => eventually(async () => (await replicas()) === wanted, { what: `${wanted} replicas`, timeoutMs: 60_000 }).catch(async (error: Error) => assert.fail(`${error.message}\n${(await llmos.kubectl('describe', 'hpa')).stdout}\n${JSON.stringify((await scaled()).status)}\n${(await llmos.kubectl('get', '--raw', '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/s0-redis-jobs?labelSelector=scaledobject.keda.sh%2Fname%3Dworker')).stdout}`));
  const kubectl = (...args: string[]): Promise<string> => ok(llmos.kubectl(...args));
  const apply = (text: string): Promise<string> => ok(llmos.kubectlWith(text, 'apply', '-f', '-'));

  before(async () => {
    redis = await startService('redis', 26_379);
    llmos = await bootForPods({ config: CONFIG });
    await apply(MANIFEST);
  });
  after(async () => {
    await llmos?.destroy();
    await redis?.destroy();
  });

  it('sleeps while there is nothing to do', async () => {
    await eventually(async () => (await condition('Ready')).startsWith('True ScaledObjectReady'), { what: 'ready' });
    assert.match(await condition('Active'), /^False ScalerNotActive/);
    assert.equal(await replicas(), 0);
    assert.match(await kubectl('get', 'so'), /worker\s+apps\/v1\.Deployment\s+worker\s+4\s+True\s+False\s+False\s+False\s+redis/);
  });

  it('wakes, and grows with the work', async () => {
    cli('rpush', 'jobs', ...Array.from({ length: 13 }, String));
    await reaches(3); // 13 over 5
    cli('rpush', 'jobs', ...Array.from({ length: 100 }, String));
    await reaches(4); // no more than the most
    await eventually(async () => /Deployment\/worker\s+\S+\/5 \(avg\)\s+1\s+4\s+4/.test(await kubectl('get', 'hpa', 'keda-hpa-worker')), { what: 'the autoscaler says it' });
    const { items } = JSON.parse(await kubectl('get', '--raw', '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/s0-redis-jobs?labelSelector=scaledobject.keda.sh%2Fname%3Dworker')) as { items: { value: string }[] };
    assert.equal(items[0]?.value, '113');
    assert.equal((await llmos.client.get(HorizontalPodAutoscaler, 'keda-hpa-worker', NS)).metadata.ownerReferences?.[0]?.name, 'worker');
  });

  it('holds what it has while the source is gone, and says why', async () => {
    await redis.kill();
    await eventually(async () => /^False TriggerError .*redis at 127\.0\.0\.1:26379/.test(await condition('Ready')), { what: 'the condition', timeoutMs: 30_000 });
    await new Promise((settled) => setTimeout(settled, 4_000)); // longer than the cooldown
    assert.equal(await replicas(), 4);
    await eventually(async () => /FailedGetExternalMetric/.test(await kubectl('describe', 'hpa', 'keda-hpa-worker')), { what: 'the autoscaler says it, too' });
    await eventually(async () => /^False HPAMetricsUnavailable FailedGetExternalMetric: .*redis at 127\.0\.0\.1:26379/.test(await condition('HPAActive')), { what: 'and so it is said of the autoscaler', timeoutMs: 30_000 });
    const explained = await ok(llmos.llmos('scale', 'explain', 'so/worker'));
    for (const part of [/Ready: False, TriggerError: .*capacity is held\. s0-redis-jobs: redis at/, /HPAActive: False, HPAMetricsUnavailable/, /s0-redis-jobs\s+.*cannot be read.*\s5\s+[1-9]/]) assert.match(explained, part);
    await redis.start();
    await eventually(async () => (await condition('Ready')).startsWith('True'), { what: 'ready again', timeoutMs: 30_000 });
    await eventually(async () => (await condition('HPAActive')).startsWith('True HPAActive'), { what: 'the autoscaler, too', timeoutMs: 30_000 });
    assert.equal(await replicas(), 4);
  });

  it('holds what it has while the source is frozen, and goes on when it is thawed', async () => {
    redis.freeze();
    try {
      await eventually(async () => /^False TriggerError .*redis at 127\.0\.0\.1:26379/.test(await condition('Ready')), { what: 'the condition', timeoutMs: 60_000 });
      assert.equal(await replicas(), 4);
    } finally {
      redis.thaw();
    }
    await eventually(async () => (await condition('Ready')).startsWith('True'), { what: 'ready again', timeoutMs: 60_000 });
    assert.equal(await replicas(), 4);
  });

  it('falls back to what was agreed when the source stays away', async () => {
    await kubectl('patch', 'so', 'worker', '--type=merge', '-p', '{"spec":{"fallback":{"failureThreshold":1,"replicas":2}}}');
    await redis.kill();
    await eventually(async () => (await condition('Fallback')).startsWith('True FallbackExists'), { what: 'the fallback', timeoutMs: 30_000 });
    await reaches(2);
    await redis.start();
    await reaches(4);
    await eventually(async () => (await condition('Fallback')).startsWith('False'), { what: 'no fallback', timeoutMs: 30_000 });
  });

  it('rests while it is paused', async () => {
    await kubectl('annotate', 'so', 'worker', 'autoscaling.keda.sh/paused-replicas=1');
    await reaches(1);
    await eventually(async () => (await condition('Paused')).startsWith('True ScaledObjectPaused'), { what: 'it says so' });
    await kubectl('annotate', '--overwrite', 'so', 'worker', 'autoscaling.keda.sh/paused-replicas=many');
    await eventually(async () => /^False ScaledObjectCheckFailed .*paused-replicas must be a whole number of replicas, not "many"/.test(await condition('Ready')), { what: 'that is no number' });
    assert.equal(await replicas(), 1);
    await kubectl('annotate', 'so', 'worker', 'autoscaling.keda.sh/paused-replicas-');
    await reaches(4);
  });

  it('pauses one way alone, and says so', async () => {
    await kubectl('annotate', 'so', 'worker', 'autoscaling.keda.sh/paused-scale-in=true');
    await eventually(async () => (await condition('Paused')) === 'True ScaledObjectPaused ScaledObject is paused', { what: 'it says so', timeoutMs: 30_000 });
    assert.equal((await llmos.client.get(HorizontalPodAutoscaler, 'keda-hpa-worker', NS)).metadata.annotations?.['autoscaling.keda.sh/paused-scale-in'], 'true');
    await kubectl('annotate', 'so', 'worker', 'autoscaling.keda.sh/paused-scale-in-');
    await eventually(async () => (await condition('Paused')).startsWith('False ScaledObjectUnpaused'), { what: 'it goes on', timeoutMs: 30_000 });
  });

  it('cools down before it sleeps, and says so', async () => {
    await kubectl('patch', 'so', 'worker', '--type=merge', '-p', '{"spec":{"cooldownPeriod":3600}}');
    cli('del', 'jobs');
    await eventually(async () => (await condition('Active')) === 'False ScalerCooldown Scaler cooling down because triggers are not active', { what: 'it says so', timeoutMs: 30_000 });
    await kubectl('patch', 'so', 'worker', '--type=merge', '-p', '{"spec":{"cooldownPeriod":2}}');
  });

  it('an autoscaler goes to none and comes back by a metric from outside, and is paused by who scales to none by hand', async () => {
    const sleeper = MANIFEST.slice(0, MANIFEST.lastIndexOf('---')).replace('{name: worker}', '{name: sleeper}').replaceAll('{app: worker}', '{app: sleeper}').replace('replicas: 0', 'replicas: 1');
    const there = (wanted: number): Promise<unknown> => eventually(async () => (await llmos.client.get(Deployment, 'sleeper', NS)).spec?.replicas === wanted, { what: `${wanted} of the sleeper`, timeoutMs: 60_000 });
    const says = (type: string, reason: string): Promise<unknown> => eventually(async () => (await llmos.client.get(HorizontalPodAutoscaler, 'sleeper', NS)).status?.conditions?.some((each) => each.type === type && each.reason === reason), { what: reason, timeoutMs: 30_000 });
    cli('rpush', 'jobs', '1', '2');
    await apply(`${sleeper}---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: sleeper}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: sleeper}
  minReplicas: 0
  maxReplicas: 3
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  metrics: [{type: External, external: {metric: {name: s0-redis-jobs, selector: {matchLabels: {scaledobject.keda.sh/name: worker}}}, target: {type: AverageValue, averageValue: "1"}}}]
`);
    await there(2);
    await says('ScaledToZero', 'NotScaledToZero');
    cli('del', 'jobs');
    await there(0);
    await says('ScaledToZero', 'ScaledToZero');
    cli('rpush', 'jobs', '1');
    await there(1);
    await says('ScaledToZero', 'NotScaledToZero');
    await kubectl('scale', 'deployment', 'sleeper', '--replicas=0');
    await says('ScalingActive', 'ScalingDisabled');
    assert.equal((await llmos.client.get(Deployment, 'sleeper', NS)).spec?.replicas, 0);
    await kubectl('delete', 'deployment/sleeper', 'hpa/sleeper');
  });

  it('goes to sleep again, and takes its autoscaler with it when it goes', async () => {
    cli('del', 'jobs');
    await reaches(0);
    for (const words of [/KEDAScaleTargetActivated\s+ScaledObject\/worker\s+Scaled apps\/v1\.Deployment default\/worker from 0 to 1, triggered by s0-redis-jobs/, /KEDAScaleTargetDeactivated\s+ScaledObject\/worker\s+Deactivated apps\/v1\.Deployment default\/worker from \d to 0/]) {
      await eventually(async () => words.test(await kubectl('events', '--for', 'scaledobject/worker')), { what: String(words), timeoutMs: 30_000 });
    }
    await kubectl('delete', 'so', 'worker');
    await eventually(async () => (await llmos.client.list(HorizontalPodAutoscaler, NS)).items.length === 0, { what: 'no autoscaler' });
  });

  it('counts what a formula makes of its triggers, and gives back the replicas from before', async () => {
    await kubectl('scale', 'deployment', 'worker', '--replicas=2');
    cli('rpush', 'jobs', '1', '2', '3');
    cli('rpush', 'more', '1', '2', '3', '4');
    const formula = MANIFEST.slice(MANIFEST.lastIndexOf('---')).replace('triggers:', "advanced: {restoreToOriginalReplicaCount: true, scalingModifiers: {formula: 'max(jobs, more) * 2', target: '2', activationTarget: '5'}}\n  triggers:")
      .replace('type: redis', 'type: redis\n    name: jobs');
    await apply(`${formula}  - {type: redis, name: more, metadata: {addressFromEnv: REDIS, listName: more, listLength: "5"}}\n`);
    await reaches(4); // 8 over 2
    const { metrics, ...limits } = (await llmos.client.get(HorizontalPodAutoscaler, 'keda-hpa-worker', NS)).spec!;
    assert.deepEqual([metrics!.map(({ external }) => external?.metric.name), limits.maxReplicas], [['composite-metric'], 4]);
    cli('del', 'more', 'jobs');
    await reaches(0);
    await kubectl('delete', 'so', 'worker');
    await reaches(2);
    await kubectl('scale', 'deployment', 'worker', '--replicas=0');
  });

  it('one workload has one scaler: an autoscaler that is there is taken over, where that is asked for', async () => {
    await kubectl('autoscale', 'deployment', 'worker', '--name=by-hand', '--min=1', '--max=2', '--cpu-percent=50');
    const object = MANIFEST.slice(MANIFEST.lastIndexOf('---'));
    const refused = async (manifest: string): Promise<string> => (await llmos.kubectlWith(manifest, 'apply', '-f', '-')).stderr;
    await eventually(async () => {
      const words = await refused(object);
      if (words === '') await kubectl('delete', 'so', 'worker'); // the autoscaler was not known yet
      return /the workload 'worker' of type 'apps\/v1\.Deployment' is already managed by the hpa 'by-hand'/.test(words);
    }, { what: 'the refusal', timeoutMs: 60_000 });
    await apply(object.replace('{name: worker}', '{name: worker, annotations: {scaledobject.keda.sh/transfer-hpa-ownership: "true"}}').replace('triggers:', 'advanced: {horizontalPodAutoscalerConfig: {name: by-hand}}\n  triggers:'));
    await eventually(async () => (await llmos.client.get(HorizontalPodAutoscaler, 'by-hand', NS)).spec?.metrics?.[0]?.external?.metric.name === 's0-redis-jobs', { what: 'it is the ScaledObject\'s', timeoutMs: 60_000 });
    await eventually(async () => (await kubectl('get', 'so', 'worker', '-o', 'jsonpath={.status.hpaName}')) === 'by-hand', { what: 'it says so' });
    assert.match(await refused(object.replace('{name: worker}', '{name: second}')), /managed by the ScaledObject 'worker'/);
    const byCpu = object.replace('{name: worker}', '{name: second}').replace('{name: worker}', '{name: other}').replace(/- type: redis[\s\S]*/, '- {type: cpu, metricType: Utilization, metadata: {value: "50"}}\n');
    assert.match(await refused(byCpu.replace('{name: other}', '{name: bare}').replace(/^---/, `${BARE}---`)), /cpu trigger but the container main doesn't have the cpu request defined/);
    const none = BARE.replace('{name: main,', '{name: main, resources: {requests: {cpu: "0"}},');
    assert.match(await refused(byCpu.replace('{name: other}', '{name: bare}').replace(/^---/, `${none}---`)), /container main doesn't have the cpu request defined/, 'none of it');
    assert.match(await refused(object.replace('triggers:', 'advanced: {scalingModifiers: {formula: "1 > 2", target: "1"}}\n  triggers:')), /the result of the formula is no number: false/);
    await kubectl('annotate', 'so', 'worker', 'autoscaling.keda.sh/force-activation=true');
    await reaches(1);
    await eventually(async () => /ScaledObjectReady\s+ScaledObject\/worker\s+ScaledObject is ready for scaling/.test(await kubectl('events', '--for', 'scaledobject/worker')), { what: 'the event', timeoutMs: 30_000 });
    await kubectl('delete', 'so', 'worker');
    await kubectl('delete', 'deployment', 'bare');
    await eventually(async () => (await llmos.client.list(HorizontalPodAutoscaler, NS)).items.length === 0, { what: 'no autoscaler' });
  });

  it('a trigger that makes no sense is told at once', async () => {
    await apply(MANIFEST.slice(MANIFEST.lastIndexOf('---')).replace('type: redis', 'type: reddis'));
    await eventually(async () => /^False ScaledObjectCheckFailed trigger 0 \(reddis\): there is no such type; these are: cpu, memory, /.test(await condition('Ready')), { what: 'the reason' });
    const refused = await llmos.kubectl('patch', 'so', 'worker', '--type=merge', '-p', '{"spec":{"minReplicaCount":9}}');
    assert.match(refused.stderr, /MinReplicaCount=9 must be less than MaxReplicaCount=4/);
    await kubectl('delete', 'so', 'worker');
  });

  it('a job for each thing that waits in a database', async () => {
    const postgres = await startService('postgres', 25_432);
    const { default: pg } = await import('pg');
    const database = new pg.Client({ host: '127.0.0.1', port: 25_432, user: 'app', password: 'secret', database: 'postgres' });
    try {
      await database.connect();
      await database.query('CREATE TABLE jobs (done boolean); INSERT INTO jobs SELECT false FROM generate_series(1, 3)');
      await apply(JOBS);
      const made = async (): Promise<Job[]> => (await llmos.client.list(Job, { ...NS, labelSelector: 'scaledjob.keda.sh/name=batch' })).items;
      await eventually(async () => (await made()).length >= 3, { what: 'three jobs', timeoutMs: 30_000 });
      await database.query('UPDATE jobs SET done = true');
      await eventually(async () => (await made()).length > 0 && (await made()).every(({ status }) => (status?.succeeded ?? 0) > 0), { what: 'all done', timeoutMs: 60_000 });
      await eventually(async () => (await made()).length === 2, { what: 'the history is short', timeoutMs: 30_000 });
      assert.match(await kubectl('get', 'sj'), /batch\s+10\s+postgresql\s+database\s+True\s+False\s+False/);
      await kubectl('patch', 'sj', 'batch', '--type=json', '-p', '[{"op":"add","path":"/spec/triggers/0/metricType","value":"AverageValue"}]');
      const users = async (): Promise<string> => kubectl('get', 'ta', 'database', '-o', 'jsonpath={.status.scaledjobs}');
      await eventually(async () => (await users()) === 'batch', { what: 'who uses the authentication', timeoutMs: 30_000 });
      const ready = async (): Promise<string> => kubectl('get', 'sj', 'batch', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].message}');
      await eventually(async () => (await ready()) === 'Cannot set metricType in ScaledJob triggers', { what: 'the reason', timeoutMs: 30_000 });
      await kubectl('patch', 'sj', 'batch', '--type=json', '-p', '[{"op":"replace","path":"/spec/triggers","value":[{"type":"cpu","metadata":{"value":"50"}}]}]');
      await eventually(async () => /the trigger cpu is for ScaledObjects only/.test(await ready()), { what: 'the other reason', timeoutMs: 30_000 });
      await kubectl('delete', 'sj', 'batch');
      await eventually(async () => (await users()) === '', { what: 'nobody uses it', timeoutMs: 30_000 });
      await eventually(async () => (await made()).length === 0, { what: 'jobs go with it', timeoutMs: 30_000 });
    } finally {
      await database.end().catch(() => {});
      await postgres.destroy();
    }
  });
});
