/**
 * What kueuectl, the kubectl plugin of Kueue, asks of a cluster: its objects as its Go types write them, with nulls and statuses of nothing, in the versions of its older and its newer
 * releases; its patches, lists in pages, dry runs and summaries. What it passes through is kubectl's own. Source: kubernetes-sigs/kueue, cmd/kueuectl/app.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

interface Listed { metadata: { continue?: string }; items: { metadata: { name: string; uid: string; ownerReferences?: { uid: string }[] }; spec: { active?: boolean; queueName?: string }; status?: { conditions?: { type: string; status: string }[] } }[] }

for (const version of ['v1beta1', 'v1beta2'] as const) {
  describe(`kueuectl, ${version}`, { timeout: 120_000 }, () => {
    let llmos: Instance;
    before(async () => void (llmos = await bootInstance({ config: 'modules: { node: { enabled: false } }\n' })));
    after(async () => llmos?.destroy());

    const apis = `/apis/kueue.x-k8s.io/${version}`;
    const get = async <T>(path: string): Promise<T> => JSON.parse(await ok(llmos.kubectl('get', '--raw', path))) as T;
    const create = async (plural: string, kind: string, name: string, rest: object, { namespace = '', query = '' } = {}): Promise<{ spec: Record<string, unknown> }> => {
      const body = { kind, apiVersion: `kueue.x-k8s.io/${version}`, metadata: { name, ...(namespace && { namespace }), creationTimestamp: null }, ...rest };
      return JSON.parse(await ok(llmos.kubectlWith(JSON.stringify(body), 'create', '--raw', `${apis}/${namespace && `namespaces/${namespace}/`}${plural}${query}`, '-f', '-')));
    };
    /** As controller-runtime's MergeFrom writes it. */
    const patch = (plural: string, name: string, body: object, ...more: string[]): Promise<string> => ok(llmos.kubectl('patch', `${plural}.${version}.kueue.x-k8s.io`, name, '--type=merge', '-p', JSON.stringify(body), ...more));
    const counts = { pendingWorkloads: 0, reservingWorkloads: 0, admittedWorkloads: 0 };
    const clusterQueue = (nominalQuota: string): object => ({
      spec: {
        resourceGroups: [{ coveredResources: ['cpu', 'memory'], flavors: [{ name: 'alpha', resources: [{ name: 'cpu', nominalQuota, borrowingLimit: '1', lendingLimit: '0' }, { name: 'memory', nominalQuota: '0', borrowingLimit: '0', lendingLimit: '0' }] }] }],
        [version === 'v1beta1' ? 'cohort' : 'cohortName']: 'pool', queueingStrategy: 'StrictFIFO', namespaceSelector: {}, preemption: { reclaimWithinCohort: 'Any', withinClusterQueue: 'LowerPriority' },
      },
      status: { flavorsReservation: null, flavorsUsage: null, ...counts },
    });

    it('create', async () => {
      const flavor = await create('resourceflavors', 'ResourceFlavor', 'alpha', { spec: { nodeLabels: { 'example.com/pool': 'a' }, nodeTaints: [{ key: 'spot', value: 'true', effect: 'NoSchedule' }], tolerations: [{ key: 'spot', operator: 'Exists' }] } });
      assert.deepEqual(flavor.spec['nodeLabels'], { 'example.com/pool': 'a' });
      await create('resourceflavors', 'ResourceFlavor', 'beta', { spec: {} });
      await create('clusterqueues', 'ClusterQueue', 'team', clusterQueue('4'), { query: '?dryRun=All' });
      assert.equal((await get<Listed>(`${apis}/clusterqueues`)).items.length, 0, 'a dry run makes nothing');
      assert.equal((await create('clusterqueues', 'ClusterQueue', 'team', clusterQueue('4'))).spec['queueingStrategy'], 'StrictFIFO');
      assert.equal((await create('localqueues', 'LocalQueue', 'team', { spec: { clusterQueue: 'team' }, status: { ...counts, flavorsReservation: null } }, { namespace: 'default' })).spec['clusterQueue'], 'team');
      await create('clusterqueues', 'ClusterQueue', 'bare', { spec: { namespaceSelector: {} }, status: { flavorsReservation: null, flavorsUsage: null, ...counts } });
    });

    it('stop and resume queues', async () => {
      for (const [plural, name, namespace] of [['clusterqueues', 'team', []], ['localqueues', 'team', ['-n', 'default']]] as const) {
        for (const stopPolicy of ['HoldAndDrain', 'Hold', 'None']) {
          await patch(plural, name, { spec: { stopPolicy } }, ...namespace);
          const active = stopPolicy === 'None' ? 'True' : 'False';
          await eventually(async () => (await get<Listed['items'][number]>(`${apis}/${namespace.length > 0 ? 'namespaces/default/' : ''}${plural}/${name}`)).status?.conditions?.find(({ type }) => type === 'Active')?.status === active);
        }
      }
    });

    it('list workloads in pages, those of a job, who waits, and their pods', async () => {
      const job = (name: string): string => `apiVersion: batch/v1\nkind: Job\nmetadata: { name: ${name}, namespace: default, labels: { kueue.x-k8s.io/queue-name: team } }\nspec: { parallelism: 2, completions: 2, template: { spec: { restartPolicy: Never, containers: [{ name: c, image: i, resources: { requests: { cpu: 3 } } }] } } }`;
      await ok(llmos.kubectlWith([job('a'), job('b'), job('c')].join('\n---\n'), 'apply', '-f', '-'));
      const path = `${apis}/namespaces/default/workloads`;
      await eventually(async () => (await get<Listed>(path)).items.length === 3);
      const first = await get<Listed>(`${path}?limit=2`);
      const rest = await get<Listed>(`${path}?limit=2&continue=${encodeURIComponent(first.metadata.continue ?? '')}`);
      assert.deepEqual([first.items.length, rest.items.length, rest.metadata.continue ?? ''], [2, 1, '']);
      const uid = (await ok(llmos.kubectl('get', 'job', 'a', '-n', 'default', '-o', 'jsonpath={.metadata.uid}'))).trim();
      const [own, ...others] = (await get<Listed>(`${path}?labelSelector=${encodeURIComponent(`kueue.x-k8s.io/job-uid=${uid}`)}&limit=100`)).items;
      assert.deepEqual([own?.metadata.ownerReferences?.[0]?.uid, others.length], [uid, 0]);
      assert.equal((await get<Listed>(`/apis/batch/v1/namespaces/default/jobs?fieldSelector=metadata.name%3Da`)).items[0]?.metadata.name, 'a');
      await eventually(async () => (await get<{ items: { metadata: { name: string }; positionInClusterQueue: number }[] }>(`/apis/visibility.kueue.x-k8s.io/${version}/clusterqueues/team/pendingworkloads`)).items.length === 3);
      assert.match(await ok(llmos.kubectl('get', 'workloads', '-n', 'default', '--field-selector', 'metadata.name=' + own!.metadata.name)), new RegExp(own!.metadata.name));
      assert.match((await llmos.kubectl('get', 'pods', '-n', 'default', '-l', 'batch.kubernetes.io/job-name=a')).stderr, /No resources found/);
    });

    it('stop, resume and delete workloads', async () => {
      const [{ metadata }] = (await get<Listed>(`${apis}/namespaces/default/workloads?limit=1`)).items as [Listed['items'][number]];
      for (const active of [false, true]) {
        await patch('workloads', metadata.name, { spec: { active } }, '-n', 'default', '--dry-run=server');
        await patch('workloads', metadata.name, { spec: { active } }, '-n', 'default');
        assert.equal((await get<Listed['items'][number]>(`${apis}/namespaces/default/workloads/${metadata.name}`)).spec.active, active);
      }
      // With the uid of the job that it read: another one of the name stays.
      const options = (uid: string): string => JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } });
      const remove = (name: string, uid: string) => llmos.kubectlWith(options(uid), 'delete', '--raw', `/apis/batch/v1/namespaces/default/jobs/${name}`, '-f', '-');
      const uid = (await ok(llmos.kubectl('get', 'job', 'c', '-n', 'default', '-o', 'jsonpath={.metadata.uid}'))).trim();
      assert.match((await remove('c', '00000000-0000-0000-0000-000000000000')).stderr, /Conflict|the UID in the precondition/i);
      await ok(remove('c', uid));
      await eventually(async () => /NotFound|not found/.test((await llmos.kubectl('get', 'job', 'c', '-n', 'default')).stderr));
    });

    it('pass on what is kubectl\'s, by its short names, and ask who runs the queues', async () => {
      for (const [short, name] of [['wl', ''], ['cq', 'team'], ['lq', 'team'], ['rf', 'alpha']] as const) {
        await ok(llmos.kubectl('get', short, ...(name ? [name] : []), '-n', 'default', '-o', 'wide'));
        await ok(llmos.kubectl('describe', short, ...(name ? [name] : []), '-n', 'default'));
      }
      assert.match((await llmos.kubectl('get', 'deployment', 'kueue-controller-manager', '-n', 'kueue-system')).stderr, /NotFound/);
      await ok(llmos.kubectl('delete', 'lq', 'team', '-n', 'default'));
    });
  });
}
