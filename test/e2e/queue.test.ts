/** Queues with real containers: who runs when, under each policy; and the same module against another cluster, over HTTP. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Job } from '../../src/api/batch/job.ts';
import { Namespace } from '../../src/api/core/namespace.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { ServiceAccount } from '../../src/api/core/service-account.ts';
import { ClusterQueue } from '../../src/api/kueue/cluster-queue.ts';
import { Workload } from '../../src/api/kueue/workload.ts';
import { guestKubeconfig, whileAttached } from '../fixtures/attached.ts';
import { HELD, releaseLabelled } from '../fixtures/held.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

const TENANTS = ['ant', 'bee', 'cat'] as const;

/** As a user of Kueue has it. */
const queueManifest = (name: string, cpu: string, namespaces: readonly string[], { annotations = {}, spec = '' }: { annotations?: Record<string, string>; spec?: string } = {}): string => [
  'apiVersion: kueue.x-k8s.io/v1beta1\nkind: ResourceFlavor\nmetadata: { name: default-flavor }',
  `apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: { name: ${name}, annotations: ${JSON.stringify(annotations)} }
spec:
  namespaceSelector: {}
  stopPolicy: Hold
  ${spec}
  resourceGroups:
  - coveredResources: ["cpu"]
    flavors: [{ name: default-flavor, resources: [{ name: cpu, nominalQuota: ${cpu} }] }]`,
  ...namespaces.map((namespace) => `apiVersion: kueue.x-k8s.io/v1beta1\nkind: LocalQueue\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { clusterQueue: ${name} }`),
].join('\n---\n');

interface Wish { tenant: string; name: string; script?: string; cpu?: string; seconds?: number; priority?: string }

function jobOf(queue: string, { tenant, name, script = 'sleep 0.1', cpu = '100m', seconds, priority }: Wish): Job {
  const labels = { 'kueue.x-k8s.io/queue-name': queue, ...(priority !== undefined && { 'kueue.x-k8s.io/priority-class': priority }) };
  return {
    apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: tenant, labels, ...(seconds !== undefined && { annotations: { 'queue.llmos.dev/expected-run-time': `${seconds}s` } }) },
    spec: { suspend: true, template: { spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', script], resources: { requests: { cpu } } }] } } },
  } as Job;
}

describe('three tenants', { timeout: 300_000 }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootInstance({ config: 'modules: { node: { readySandboxes: 3 } }\n' });
    importTestImage(llmos);
    for (const name of TENANTS) await llmos.client.create(Namespace, { metadata: { name } });
    for (const namespace of TENANTS) await eventually(async () => (await llmos.client.list(ServiceAccount, { namespace })).items.length > 0);
    await ok(llmos.kubectlWith('apiVersion: kueue.x-k8s.io/v1beta1\nkind: WorkloadPriorityClass\nmetadata: { name: urgent }\nvalue: 1000\n---\napiVersion: kueue.x-k8s.io/v1beta1\nkind: ResourceFlavor\nmetadata: { name: default-flavor }\n', 'apply', '-f', '-'));
  });
  after(async () => llmos?.destroy());

  /** Submits all while the queue is held, lets go, and gives the names in the order in which they were admitted, as the watch told it. `ends`: one that is deleted once another is let in. */
  const race = async (queue: string, wishes: readonly Wish[], annotations: Record<string, string>, { slots = 1, ends }: { slots?: number; ends?: { name: string; after: string } } = {}): Promise<string[]> => {
    await ok(llmos.kubectlWith(queueManifest(queue, `${slots * 100}m`, TENANTS, { annotations }), 'apply', '--validate=strict', '-f', '-'));
    for (const wish of wishes) await llmos.client.create(Job, jobOf(queue, wish));
    const own = ({ spec }: Workload): boolean => spec.queueName === queue;
    const { items, metadata } = await eventually(async () => {
      const list = await llmos.client.list(Workload);
      return list.items.filter(own).length === wishes.length && list;
    }, { timeoutMs: 60_000, what: `all of ${queue} wait` });
    assert.ok(items.filter(own).every(({ status }) => status?.admission === undefined));
    const order: string[] = [];
    const seen = new Set<string>();
    const abort = new AbortController();
    const watching = (async () => {
      for await (const { type, object } of llmos.client.watch(Workload, { resourceVersion: metadata.resourceVersion, signal: abort.signal })) {
        if (type === 'BOOKMARK' || !own(object as Workload) || (object as Workload).status?.admission === undefined || seen.has(object.metadata.uid!)) continue;
        seen.add(object.metadata.uid!);
        const { name } = object.metadata.ownerReferences![0]!;
        order.push(name);
        if (name === ends?.after) await llmos.client.delete(Job, ends.name, { namespace: wishes.find((wish) => wish.name === ends.name)!.tenant, propagationPolicy: 'Background' });
      }
    })().catch(() => {});
    await llmos.client.patch(ClusterQueue, queue, { type: 'merge', body: { spec: { stopPolicy: 'None' } } });
    await eventually(async () => (await Promise.all(TENANTS.map((namespace) => llmos.client.list(Job, { namespace, labelSelector: `kueue.x-k8s.io/queue-name=${queue}` })))).flatMap((list) => list.items).every(({ status }) => status?.succeeded === 1), { timeoutMs: 120_000, what: `all jobs of ${queue} are done` });
    await eventually(async () => order.length === wishes.length, { timeoutMs: 60_000, what: `the watch told of all of ${queue}` });
    abort.abort();
    await watching;
    return order;
  };
  const mixed: readonly Wish[] = [
    { tenant: 'ant', name: 'a1', seconds: 50 }, { tenant: 'ant', name: 'a2', seconds: 10 }, { tenant: 'bee', name: 'b1', seconds: 30, priority: 'urgent' },
    { tenant: 'bee', name: 'b2', seconds: 5 }, { tenant: 'cat', name: 'c1', seconds: 20 }, { tenant: 'cat', name: 'c2', seconds: 40, priority: 'urgent' },
  ];
  const renamed = (prefix: string): Wish[] => mixed.map((wish) => ({ ...wish, name: `${prefix}-${wish.name}` }));
  const bare = (order: readonly string[]): string => order.map((each) => each.slice(each.indexOf('-') + 1)).join(' ');

  // Queues do not get in each other's way: the races run at the same time.
  describe('compete', { concurrency: true }, () => {
    it('FIFO: in the order of arrival', async () => assert.equal(bare(await race('fifo', renamed('f'), { 'queue.llmos.dev/policy': 'FIFO' })), 'a1 a2 b1 b2 c1 c2'));
    it('Kueue\'s own strategy: by priority, then arrival', async () => assert.equal(bare(await race('kueue', renamed('k'), {})), 'b1 c2 a1 a2 b2 c1'));
    it('ShortestJobFirst: by what is expected', async () => assert.equal(bare(await race('sjf', renamed('s'), { 'queue.llmos.dev/policy': 'ShortestJobFirst' })), 'b2 a2 c1 b1 c2 a1'));
    it('Priority: an hour of waiting is worth a point', async () => assert.equal(bare(await race('priority', renamed('p'), { 'queue.llmos.dev/policy': 'Priority' })), 'b1 c2 a1 a2 b2 c1'));

    it('BestEffortFIFO goes past what does not fit; FIFO with EASY only where that delays nobody', async () => {
      // The long one outlasts two others, however slowly pods start.
      const wishes = (prefix: string): Wish[] => [
        { tenant: 'ant', name: `${prefix}-long`, seconds: 60, script: 'sleep 1000000' }, { tenant: 'bee', name: `${prefix}-wide`, cpu: '200m', seconds: 10 },
        { tenant: 'cat', name: `${prefix}-slow`, seconds: 300 }, { tenant: 'cat', name: `${prefix}-quick`, seconds: 5 },
      ];
      const [best, easy] = await Promise.all([
        race('besteffort', wishes('e'), { 'queue.llmos.dev/policy': 'BestEffortFIFO' }, { slots: 2, ends: { name: 'e-long', after: 'e-quick' } }),
        race('easy', wishes('y'), { 'queue.llmos.dev/policy': 'FIFO', 'queue.llmos.dev/backfill': 'EASY' }, { slots: 2, ends: { name: 'y-long', after: 'y-quick' } }),
      ]);
      // The first two are let in at once, and their writes may pass each other.
      const told = (order: readonly string[]): string => bare([...order.slice(0, 2).sort(), ...order.slice(2)]);
      assert.deepEqual([told(best), told(easy)], ['long slow quick wide', 'long quick wide slow']);
    });

    it('FairShare: equal shares whoever came first, and twice as much for twice the weight', async () => {
      const flood = (prefix: string): Wish[] => [['ant', 5], ['bee', 3], ['cat', 3]].flatMap(([tenant, count]) => Array.from({ length: count as number }, (_, index) => ({ tenant: tenant as string, name: `${prefix}-${tenant}${index}`, seconds: 10, script: 'sleep 0.3' })));
      const sharesOf = (order: readonly string[], first: number): Record<string, number> => Object.fromEntries(TENANTS.map((tenant) => [tenant, order.slice(0, first).filter((name) => name.includes(tenant)).length]));
      const [equal, weighted] = await Promise.all([
        race('fair', flood('q'), { 'queue.llmos.dev/policy': 'FairShare' }, { slots: 3 }), race('weighted', flood('w'), { 'queue.llmos.dev/policy': 'FairShare', 'queue.llmos.dev/weights': 'ant=2' }, { slots: 4 }),
      ]);
      for (const [tenant, share] of Object.entries(sharesOf(equal, 6))) assert.ok(share >= 1 && share <= 3, `${tenant} got ${share} of the first six: ${equal.join(' ')}`);
      const { ant = 0, bee = 0, cat = 0 } = sharesOf(weighted, 8);
      assert.ok(ant >= 3 && ant <= 5 && bee <= 3 && cat <= 3, `of the first eight, ant got ${ant}, bee ${bee}, cat ${cat}: ${weighted.join(' ')}`);
    });
  });

  it('an urgent job has another one stopped, whose pods end and which begins anew', async () => {
    await ok(llmos.kubectlWith(queueManifest('preempt', '100m', TENANTS, { spec: 'preemption: { withinClusterQueue: LowerPriority }' }).replace('stopPolicy: Hold', ''), 'apply', '-f', '-'));
    await llmos.client.create(Job, jobOf('preempt', { tenant: 'ant', name: 'victim', script: 'sleep 1000000' }));
    await eventually(async () => (await llmos.client.get(Job, 'victim', { namespace: 'ant' })).status?.ready === 1);
    await llmos.client.create(Job, jobOf('preempt', { tenant: 'bee', name: 'waits' }));
    await eventually(async () => /place 1/.test(await ok(llmos.llmos('queue', '-n', 'bee', 'explain', 'waits'))));
    const told = await ok(llmos.llmos('queue', '-n', 'bee', 'explain', 'job/waits'));
    const summary = async (path: string): Promise<unknown> => {
      const { kind, apiVersion, items } = JSON.parse(await ok(llmos.kubectl('get', '--raw', `/apis/visibility.kueue.x-k8s.io/v1beta2/${path}/pendingworkloads?limit=5`))) as { kind: string; apiVersion: string; items: { metadata: { ownerReferences: { name: string }[] }; localQueueName: string; positionInClusterQueue: number; positionInLocalQueue: number }[] };
      return [kind, apiVersion, ...items.map(({ metadata, localQueueName, positionInClusterQueue, positionInLocalQueue }) => [metadata.ownerReferences[0]!.name, localQueueName, positionInClusterQueue, positionInLocalQueue])];
    };
    const groups = JSON.parse(await ok(llmos.kubectl('get', '--raw', '/apis'))) as { groups: { name: string; versions: { version: string }[] }[] };
    assert.deepEqual(groups.groups.find(({ name }) => name === 'visibility.kueue.x-k8s.io')?.versions.map(({ version }) => version), ['v1beta2', 'v1beta1']);
    const waits = ['PendingWorkloadsSummary', 'visibility.kueue.x-k8s.io/v1beta2', ['waits', 'preempt', 0, 0]];
    assert.deepEqual(await summary('clusterqueues/preempt'), waits);
    assert.deepEqual(await summary('namespaces/bee/localqueues/preempt'), waits);
    assert.deepEqual(await summary('namespaces/ant/localqueues/preempt'), waits.slice(0, 2));
    assert.match((await llmos.kubectl('get', '--raw', '/apis/visibility.kueue.x-k8s.io/v1beta1/clusterqueues/none/pendingworkloads')).stderr, /not found/i);
    assert.match(await ok(llmos.kubectl('get', '--raw', '/metrics')), /^kueue_pending_workloads\{cluster_queue="preempt",status="active"\} 1$/m);
    assert.match(told, /bee\/job\/waits: pending\nqueue: preempt, of ClusterQueue preempt \(BestEffortFIFO; default-flavor: cpu 100m\/100m\)\n/);
    assert.match(told, /QuotaReserved: no \(Pending\) couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default-flavor, 100m more needed/);
    assert.match(told, /lacks cpu of flavor default-flavor: needs 100m, and 0 is free/);
    await llmos.client.create(Job, jobOf('preempt', { tenant: 'cat', name: 'urgent', priority: 'urgent' }));
    await eventually(async () => (await llmos.client.get(Job, 'urgent', { namespace: 'cat' })).status?.succeeded === 1);
    await eventually(async () => (await llmos.client.get(Job, 'victim', { namespace: 'ant' })).status?.ready === 1, { what: 'the victim runs again' });
    const listed = await ok(llmos.llmos('queue', 'ls', 'preempt'));
    assert.match(listed, /^PLACE +NAMESPACE +OWNER +STATE/);
    assert.match(listed, /- +ant +job\/victim +admitted/);
    assert.match(await ok(llmos.llmos('queue', 'ls')), /preempt +BestEffortFIFO +- +True +1 +1 +default-flavor: cpu 100m\/100m/);
    await ok(llmos.kubectl('delete', 'job', 'victim', '-n', 'ant'));
    await eventually(async () => (await llmos.client.get(Job, 'waits', { namespace: 'bee' })).status?.succeeded === 1);
  });

  it('a long resumable job yields to much shorter ones, goes on where it was each time, and no more often than it may', async () => {
    const annotations = { 'queue.llmos.dev/policy': 'ShortestJobFirst', 'queue.llmos.dev/yielding': 'true', 'queue.llmos.dev/most-preemptions': '2' };
    await ok(llmos.kubectlWith(queueManifest('yields', '100m', TENANTS, { annotations }).replace('stopPolicy: Hold', ''), 'apply', '--validate=strict', '-f', '-'));
    const folder = mkdtempSync(join(tmpdir(), 'llmos-yields-'));
    const inFolder = (wish: Wish): Job => {
      const job = jobOf('yields', wish);
      const { spec } = job.spec!.template;
      spec!.volumes = [{ name: 'kept', hostPath: { path: folder } }];
      spec!.containers[0]!.volumeMounts = [{ name: 'kept', mountPath: '/kept' }];
      return job;
    };
    const read = (name: string): number[] => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').trim().split('\n').map(Number) : []);
    const allow = (name: string): void => writeFileSync(join(folder, name), '');
    const statusOf = async (name: string, namespace: string) => (await llmos.client.get(Job, name, { namespace })).status ?? {};
    const stopsOf = async (name: string): Promise<number> => (await llmos.client.list(Workload)).items.find(({ metadata }) => metadata.ownerReferences?.[0]?.name === name)!.status?.schedulingStats?.evictions?.reduce((sum, { count }) => sum + count, 0) ?? 0;
    const works = (time: number): Promise<unknown> => eventually(async () => read('starts').length === time && read('step')[0]! > read('starts').at(-1)! + 5, { timeoutMs: 60_000, what: `the long one gets on, for the ${time}. time` });
    try {
      // Each start is noted with the step that it goes on from.
      const script = 'step=$(cat /kept/step || echo 0); echo $step >>/kept/starts; until [ -e /kept/end ]; do step=$((step+1)); echo $step >/kept/next; mv /kept/next /kept/step; sleep 0.05; done';
      const long = inFolder({ tenant: 'ant', name: 'long', seconds: 36_000, script });
      long.metadata.annotations!['queue.llmos.dev/resumable'] = 'true';
      await llmos.client.create(Job, long);
      for (const [index, tenant] of (['bee', 'cat'] as const).entries()) {
        await works(index + 1);
        await llmos.client.create(Job, inFolder({ tenant, name: `short-${index}`, seconds: 5, script: `until [ -e /kept/go-${index} ]; do sleep 0.05; done` }));
        await eventually(async () => (await statusOf(`short-${index}`, tenant)).ready === 1, { timeoutMs: 60_000, what: `short-${index} has its place` });
        const told = await eventually(async () => {
          const text = await ok(llmos.llmos('queue', '-n', 'ant', 'explain', 'long'));
          return /expected to start at/.test(text) && text;
        }, { timeoutMs: 60_000, what: 'the long one is told when it goes on' });
        assert.match(told, /ant\/job\/long: pending\n/);
        assert.match(told, new RegExp(`Preempted: yes \\(InClusterQueue\\)[^\n]* Preempted to accommodate the workload ${tenant}/job-short-${index}-\\w{5} due to prioritization in the ClusterQueue: that one is expected to run for 5s, and of this one \\S+ are left; this one is resumable and goes on where it was, and yields at most 2 times, of which this is number ${index + 1}\n`));
        assert.match(told, /expected to run for \S+ more, after \S+ that it did before and keeps \(by its annotation\)/);
        assert.equal((await statusOf('long', 'ant')).active ?? 0, 0);
        allow(`go-${index}`);
      }
      await works(3);
      await llmos.client.create(Job, inFolder({ tenant: 'bee', name: 'short-2', seconds: 5, script: 'true' }));
      await eventually(async () => /short-2: pending[^]*place 1/.test(await ok(llmos.llmos('queue', '-n', 'bee', 'explain', 'short-2'))), { timeoutMs: 60_000, what: 'the third one waits' });
      assert.equal((await statusOf('long', 'ant')).ready, 1);
      allow('end');
      await eventually(async () => (await statusOf('short-2', 'bee')).succeeded === 1, { timeoutMs: 60_000, what: 'the third one has run, after the long one' });
      const [zero, first, second, ...more] = read('starts');
      assert.ok(zero === 0 && first! > zero && second! > first! && more.length === 0, `it started from steps ${read('starts').join(', ')}`);
      assert.deepEqual(await Promise.all(['long', 'short-0', 'short-1', 'short-2'].map(stopsOf)), [2, 0, 0, 0]);
    } finally {
      await llmos.client.delete(Job, 'long', { namespace: 'ant', propagationPolicy: 'Foreground' }).catch(() => {});
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a gang that does not come up whole gives back what it held', async () => {
    await ok(llmos.kubectlWith(queueManifest('gang', '200m', ['ant'], { annotations: { 'queue.llmos.dev/pods-ready-timeout': '2s' } }).replace('stopPolicy: Hold', ''), 'apply', '-f', '-'));
    const crew = jobOf('gang', { tenant: 'ant', name: 'crew', script: 'sleep 1000000' });
    crew.spec = { ...crew.spec!, parallelism: 2, completions: 2 };
    crew.spec.template.spec!.nodeSelector = { 'kubernetes.io/hostname': 'nowhere' };
    await llmos.client.create(Job, crew);
    const workload = async (): Promise<Workload | undefined> => (await llmos.client.list(Workload, { namespace: 'ant' })).items.find(({ metadata }) => metadata.ownerReferences?.[0]?.name === 'crew');
    await eventually(async () => (await workload())?.status?.admission !== undefined, { what: 'it is admitted' });
    await eventually(async () => {
      const { status } = (await workload())!;
      return status?.admission === undefined && status?.conditions?.find(({ type }) => type === 'Evicted')?.reason === 'PodsReadyTimeout' && status.requeueState?.count === 1;
    }, { what: 'its quota is free again' });
    await ok(llmos.kubectl('annotate', 'clusterqueue', 'gang', 'queue.llmos.dev/pods-ready-timeout=5m', '--overwrite')); // a busy machine may be slow to start it
    await llmos.client.create(Job, jobOf('gang', { tenant: 'ant', name: 'other', cpu: '200m' }));
    await eventually(async () => (await llmos.client.get(Job, 'other', { namespace: 'ant' })).status?.succeeded === 1, { what: 'another one runs in its place' });
  });

  it('a job without a queue is warned of, and what it says of itself that is no span of time', async () => {
    const lost = jobOf('nowhere', { tenant: 'ant', name: 'lost' });
    lost.metadata.annotations = { 'queue.llmos.dev/resumable': 'yes' };
    const { code, stderr } = await llmos.kubectlWith(JSON.stringify(lost), 'create', '-f', '-');
    assert.match(stderr, /Warning: metadata.annotations\[queue.llmos.dev\/resumable\] is 'yes': write true/);
    assert.equal(code, 0);
    assert.match(stderr, /Warning: there is no LocalQueue nowhere in namespace ant: it waits until there is/);
  });

  it('a job that is let in in part is told with how many pods, and ends all of them', async () => {
    await ok(llmos.kubectlWith(queueManifest('part', '200m', ['ant']).replace('stopPolicy: Hold', ''), 'apply', '-f', '-'));
    const narrow = jobOf('part', { tenant: 'ant', name: 'narrow', script: 'until [ -e /tmp/go ]; do sleep 0.1; done' });
    await llmos.client.create(Job, { ...narrow, metadata: { ...narrow.metadata, annotations: { 'kueue.x-k8s.io/job-min-parallelism': '1' } }, spec: { ...narrow.spec!, parallelism: 3, completions: 3 } } as Job);
    await eventually(async () => (await llmos.client.get(Job, 'narrow', { namespace: 'ant' })).status?.ready === 2, { what: 'two of three run' });
    assert.match(await ok(llmos.llmos('queue', '-n', 'ant', 'explain', 'narrow')), /^admitted in part: 2 of 3 pods at a time$/m);
    await eventually(async () => {
      for (const { metadata, status } of (await llmos.client.list(Pod, { namespace: 'ant', labelSelector: 'job-name=narrow' })).items) if (status?.phase === 'Running') await llmos.kubectl('exec', '-n', 'ant', metadata.name!, '--', 'touch', '/tmp/go');
      return (await llmos.client.get(Job, 'narrow', { namespace: 'ant' })).status?.succeeded === 3;
    }, { what: 'all three end' });
  });

  it('goes on after a kill where it was', async () => {
    await ok(llmos.kubectlWith(queueManifest('again', '100m', ['ant'], { annotations: { 'queue.llmos.dev/policy': 'FIFO' } }).replace('stopPolicy: Hold', ''), 'apply', '-f', '-'));
    for (const name of ['r1', 'r2', 'r3']) await llmos.client.create(Job, jobOf('again', { tenant: 'ant', name, script: name === 'r1' ? HELD : 'sleep 1' }));
    await eventually(async () => (await llmos.client.get(Job, 'r1', { namespace: 'ant' })).status?.ready === 1);
    await llmos.kill();
    await llmos.boot();
    await releaseLabelled(llmos, 'job-name=r1', { namespace: 'ant' });
    await eventually(async () => (await llmos.client.get(Job, 'r3', { namespace: 'ant' })).status?.succeeded === 1, { what: 'the last one is done' });
    const starts = await Promise.all(['r1', 'r2', 'r3'].map(async (name) => (await llmos.client.get(Job, name, { namespace: 'ant' })).status?.startTime ?? ''));
    assert.deepEqual(starts, starts.toSorted());
  });
});

describe('queues of another cluster', { timeout: 120_000 }, () => {
  let cluster: Instance;
  before(async () => {
    cluster = await bootForPods({ config: 'modules: { queue: { enabled: false }, node: { readySandboxes: 0 } }\n' });
    const needed = await Promise.all([['--crds', 'queue'], ['--rules', 'queue']].map((args) => ok(cluster.llmos('attach', ...args))));
    assert.doesNotMatch(needed[1]!, /binding/, 'it never binds');
    const guest = [
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: guest, namespace: default }\n',
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: { name: guest }\nroleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "llmos:queue" }\nsubjects: [{ kind: ServiceAccount, name: guest, namespace: default }]\n',
    ];
    await ok(cluster.kubectlWith([...needed, ...guest].join('\n---\n'), 'apply', '--server-side', '-f', '-'));
  });
  after(async () => cluster?.destroy());

  it('are served by the attached module, with no more rights than its role', async () => {
    const kubeconfig = await guestKubeconfig(cluster);
    await whileAttached({ cluster, kubeconfig, module: 'queue' }, async (log) => {
      await ok(cluster.kubectlWith(queueManifest('far', '100m', ['default']).replace('stopPolicy: Hold', ''), 'apply', '-f', '-'));
      const done = (name: string): Promise<boolean> => eventually(async () => (await cluster.client.get(Job, name, { namespace: 'default' })).status?.succeeded === 1, { what: `${name} is done` });
      await cluster.client.create(Job, jobOf('far', { tenant: 'default', name: 'first', script: 'sleep 1' }));
      await cluster.client.create(Job, jobOf('far', { tenant: 'default', name: 'second' }));
      // Nobody suspended this one when it was made.
      const rogue = jobOf('far', { tenant: 'default', name: 'rogue' });
      await cluster.client.create(Job, { ...rogue, spec: { ...rogue.spec!, suspend: false } });
      await eventually(async () => /second: pending/.test(await ok(cluster.llmos('queue', '--kubeconfig', kubeconfig, 'explain', 'second'))) || (await cluster.client.get(Job, 'second', { namespace: 'default' })).status?.succeeded === 1);
      for (const name of ['first', 'second', 'rogue']) await done(name);
      // A pod comes with its gate, and the cluster's own scheduler binds it once that is open.
      const gated = { metadata: { name: 'gated', namespace: 'default', labels: { 'kueue.x-k8s.io/queue-name': 'far', 'kueue.x-k8s.io/managed': 'true' } }, spec: { ...jobOf('far', { tenant: 'default', name: 'x', script: 'true' }).spec!.template.spec!, schedulingGates: [{ name: 'kueue.x-k8s.io/admission' }] } } as Pod;
      await cluster.client.create(Job, jobOf('far', { tenant: 'default', name: 'holder', script: HELD }));
      await eventually(async () => (await cluster.client.get(Job, 'holder', { namespace: 'default' })).spec?.suspend === false, { what: 'the holder is let go' });
      await cluster.client.create(Pod, gated);
      await eventually(async () => /gated: pending/.test(await ok(cluster.llmos('queue', '--kubeconfig', kubeconfig, 'explain', 'pod/gated'))), { what: 'the pod waits' });
      assert.equal((await cluster.client.get(Pod, 'gated', { namespace: 'default' })).spec?.nodeName, undefined);
      await releaseLabelled(cluster, 'job-name=holder');
      await eventually(async () => (await cluster.client.get(Pod, 'gated', { namespace: 'default' })).status?.phase === 'Succeeded', { what: 'the pod is done' });
      assert.doesNotMatch(log(), /forbidden/);
    });
  });
});
