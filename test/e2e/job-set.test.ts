/** JobSets with real containers: they find each other by name, wait in a queue as one, and are begun anew as one; and the same module against another cluster. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import { JobSet } from '../../src/api/jobset/job-set.ts';
import { whileAttached } from '../fixtures/attached.ts';
import { HELD, releaseLabelled } from '../fixtures/held.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

const NS = { namespace: 'default' };

/** As users of upstream have it. */
const manifest = (name: string, { leader, worker, queue, more = '' }: { leader: string; worker: string; queue?: string; more?: string }): string => `
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: ${name}
${queue === undefined ? '' : `  labels: { kueue.x-k8s.io/queue-name: ${queue} }`}
spec:
  coordinator: { replicatedJob: leader }
${more}
  replicatedJobs:
${[['leader', 1, leader], ['worker', 2, worker]].map(([of, replicas, script]) => `  - name: ${of}
    replicas: ${replicas}
    template:
      spec:
        parallelism: 1
        completions: 1
        backoffLimit: 0
        template:
          spec:
            restartPolicy: Never
            terminationGracePeriodSeconds: 0
            containers:
            - name: main
              image: ${TEST_IMAGE}
              imagePullPolicy: Never
              command: [sh, -c, ${JSON.stringify(script)}]
              resources: { requests: { cpu: 100m } }`).join('\n')}
`;

const QUEUE = `
apiVersion: kueue.x-k8s.io/v1beta1
kind: ResourceFlavor
metadata: { name: default-flavor }
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: { name: team }
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu]
    flavors: [{ name: default-flavor, resources: [{ name: cpu, nominalQuota: 300m }] }]
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: LocalQueue
metadata: { name: team, namespace: default }
spec: { clusterQueue: team }
`;

const finds = (host: string): string => `until nslookup -type=a ${host}.default.svc.cluster.local | grep -A9 Name: | grep -q Address; do sleep 0.1; done`;

describe('JobSets', { timeout: 300_000 }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods({});
  });
  after(() => llmos?.destroy());

  const endOf = (name: string, from: Instance = llmos): Promise<string> => eventually(async () => (await from.client.get(JobSet, name, NS)).status?.terminalState || false, { what: `${name} has ended` });

  it('of upstream\'s shape apply unchanged; its pods find each other by name, and it is complete when all of them are', async () => {
    const script = { leader: `${finds('ring-worker-0-0.ring')}; ${finds('ring-worker-1-0.ring')}; sleep 1`, worker: `${finds('ring-leader-0-0.ring')}; sleep 1` };
    await ok(llmos.kubectlWith(manifest('ring', script), 'apply', '--validate=strict', '-f', '-'));
    assert.equal(await endOf('ring'), 'Completed');
    const pods = (await llmos.client.list(Pod, { ...NS, labelSelector: 'jobset.sigs.k8s.io/jobset-name=ring' })).items;
    assert.deepEqual(pods.map(({ spec }) => `${spec?.hostname}.${spec?.subdomain}`).sort(), ['ring-leader-0-0.ring', 'ring-worker-0-0.ring', 'ring-worker-1-0.ring']);
    assert.ok(pods.every(({ metadata }) => metadata.labels?.['jobset.sigs.k8s.io/coordinator'] === 'ring-leader-0-0.ring'));
    assert.match(await ok(llmos.kubectl('get', 'jobsets')), /^NAME +TERMINALSTATE +RESTARTS +COMPLETED +SUSPENDED +AGE\s+ring +Completed +0 +True/);
  });

  it('are begun anew as one when a Job fails', async () => {
    const more = '  failurePolicy: { maxRestarts: 1 }';
    await ok(llmos.kubectlWith(manifest('again', { leader: 'sleep 0.5; exit 1', worker: 'sleep 600', more }), 'apply', '-f', '-'));
    assert.equal(await endOf('again'), 'Failed');
    const { status } = await llmos.client.get(JobSet, 'again', NS);
    assert.deepEqual([status?.restarts, status?.conditions?.find(({ type }) => type === 'Failed')?.reason], [1, 'ReachedMaxRestarts']);
    await eventually(async () => (await llmos.client.list(Pod, { ...NS, labelSelector: 'jobset.sigs.k8s.io/jobset-name=again' })).items.every(({ status: pod }) => pod?.phase === 'Failed'), { what: 'nothing of it runs' });
  });

  it('wait in a queue as one', async () => {
    await ok(llmos.kubectlWith(QUEUE, 'apply', '--validate=strict', '-f', '-'));
    await ok(llmos.kubectlWith(manifest('first', { leader: HELD, worker: HELD, queue: 'team' }), 'apply', '-f', '-'));
    await eventually(async () => (await llmos.client.get(JobSet, 'first', NS)).spec?.suspend === false, { what: 'the first one runs' });
    await ok(llmos.kubectlWith(manifest('second', { leader: 'true', worker: 'true', queue: 'team' }), 'apply', '-f', '-'));
    await eventually(async () => /default\/jobset\/second: pending[^]*insufficient unused quota for cpu/.test(await ok(llmos.llmos('queue', 'explain', 'jobset/second'))), { what: 'the second one is told why it waits' });
    await releaseLabelled(llmos, 'jobset.sigs.k8s.io/jobset-name=first', { count: 3 });
    assert.equal(await endOf('first'), 'Completed');
    assert.equal(await endOf('second'), 'Completed');
  });

  it('of another cluster are run by the attached module, with its role and no more', async () => {
    await ok(llmos.llmos('module', 'unload', 'job-set'));
    const [crds, rules] = await Promise.all([['--crds', 'job-set'], ['--rules', 'job-set']].map((args) => ok(llmos.llmos('attach', ...args))));
    assert.match(rules!, /jobsets\/status/);
    await ok(llmos.kubectlWith(crds!, 'apply', '--server-side', '-f', '-'));
    await eventually(async () => (await llmos.kubectl('get', 'jobsets')).code === 0, { what: 'the definition is served' });
    await whileAttached({ cluster: llmos, kubeconfig: llmos.kubeconfig, module: 'job-set' }, async () => {
      const far = manifest('far', { leader: 'true', worker: 'true' }).replaceAll('backoffLimit: 0', 'backoffLimit: 0\n        completionMode: Indexed');
      await ok(llmos.kubectlWith(far, 'apply', '-f', '-'));
      assert.equal(await endOf('far'), 'Completed');
    });
  });
});
