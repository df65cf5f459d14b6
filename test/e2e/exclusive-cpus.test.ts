/** Cpus that a container has to itself: as the kernel sees it, while others come and go, and over a restart of llmos. */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { Node } from '../../src/api/core/node.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { bootForPods } from '../fixtures/pods.ts';
import { formatCpuList } from '../../src/modules/node/cpus/cpu-list.ts';
import { readTopology } from '../../src/modules/node/cpus/take-cpus.ts';

const cpus = readTopology().map(({ id }) => id);

describe('exclusive cpus', { skip: availableParallelism() < 2 ? 'needs two cpus' : false }, () => {
  let llmos: Instance;
  const last = cpus.at(-1)!;
  const reserved = cpus.slice(0, -1);
  before(async () => {
    llmos = await bootForPods({ config: `modules: { node: { cpuManagerPolicy: static, reservedSystemCPUs: "${formatCpuList(reserved)}", readySandboxes: 4 } }` });
  });
  after(() => llmos.destroy());

  const create = async (name: string, cpu: string | undefined, extra: object = {}): Promise<void> => {
    const amounts = cpu === undefined ? undefined : { limits: { cpu, memory: '32Mi' }, requests: { cpu, memory: '32Mi' } };
    await llmos.client.create(Pod, {
      apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
      spec: { terminationGracePeriodSeconds: 0, ...extra, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sleep', '1000000'], ...(amounts === undefined ? {} : { resources: amounts }) }] },
    });
  };
  const phase = (name: string, wanted: string): Promise<Pod> => eventually(async () => {
    const pod = await llmos.client.get(Pod, name, { namespace: 'default' });
    return pod.status?.phase === wanted && pod;
  });
  const allowed = async (name: string): Promise<string> => /Cpus_allowed_list:\s*(\S+)/.exec((await llmos.kubectl('exec', name, '--', 'cat', '/proc/1/status')).stdout)?.[1] ?? '';
  const comesTo = (name: string, list: readonly number[]): Promise<boolean> => eventually(async () => (await allowed(name)) === formatCpuList(list), { what: `${name} on ${formatCpuList(list)}` });

  it('are taken from all others while they last', async () => {
    assert.equal((await llmos.client.get(Node, 'node1')).status?.allocatable?.['cpu'], '1');
    await create('shared', undefined);
    await phase('shared', 'Running');
    await comesTo('shared', cpus);
    await create('alone', '1');
    await phase('alone', 'Running');
    await comesTo('alone', [last]);
    await comesTo('shared', reserved);
    await create('more', '1', { nodeName: 'node1' });
    assert.equal((await phase('more', 'Failed')).status?.reason, 'OutOfcpu');
  });
  it('are known again after a restart of llmos', async () => {
    await llmos.kill();
    await llmos.boot();
    await create('young', undefined);
    await phase('young', 'Running');
    await comesTo('young', reserved);
    await comesTo('alone', [last]);
    const { stderr } = await llmos.kubectl('patch', 'pod', 'alone', '--subresource=resize', '-p', '{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":"900m"},"limits":{"cpu":"900m"}}}]}}');
    assert.equal(stderr, '');
    await eventually(async () => (await llmos.client.get(Pod, 'alone', { namespace: 'default' })).status?.conditions?.find(({ type }) => type === 'PodResizePending')?.message?.includes('static policy'));
  });
  it('come back to all', async () => {
    await llmos.kubectl('delete', 'pod', 'alone');
    await comesTo('shared', cpus);
    await comesTo('young', cpus);
  });
});
