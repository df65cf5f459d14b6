/** A machine that was switched off: of the containers nothing is left but what the statuses of their pods say. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import type { PodSpec } from '../../src/api/generated/core-v1.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { bootForPods } from '../fixtures/pods.ts';

const NS = { namespace: 'default' };
const image = { image: TEST_IMAGE, imagePullPolicy: 'Never' as const };
const WORKS = ['sh', '-c', 'trap "exit 3" TERM; sleep 100000 & wait'];

describe('after a reboot', () => {
  let llmos: Instance;
  before(async () => { llmos = await bootForPods({ config: 'modules: { node: { readySandboxes: 3 } }\n' }); });
  after(() => llmos?.destroy());

  const statusOf = async (name: string): Promise<NonNullable<Pod['status']>> => (await llmos.client.get(Pod, name, NS)).status ?? {};
  const create = (name: string, spec: Partial<PodSpec>): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, ...NS },
    spec: { terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, initContainers: [{ name: 'first', ...image, command: ['true'] }], containers: [{ name: 'main', ...image, command: WORKS }], ...spec },
  });

  it('pods that may begin again do, and the others have failed; what had ended well stays so', async () => {
    const policies = ['Always', 'OnFailure', 'Never'] as const;
    for (const restartPolicy of policies) await create(restartPolicy.toLowerCase(), { restartPolicy });
    await create('half', { restartPolicy: 'OnFailure', containers: [{ name: 'done', ...image, command: ['true'] }, { name: 'main', ...image, command: WORKS }] });
    for (const name of [...policies.map((each) => each.toLowerCase()), 'half']) await eventually(async () => (await statusOf(name)).containerStatuses?.some(({ state }) => state?.running !== undefined), { what: `${name} works` });
    await eventually(async () => (await statusOf('half')).containerStatuses?.some(({ state }) => state?.terminated !== undefined), { what: 'a half has ended' });
    assert.equal((await llmos.llmos('down')).code, 0);
    await llmos.boot();
    for (const name of ['always', 'onfailure', 'half']) await eventually(async () => (await statusOf(name)).containerStatuses?.some(({ state, restartCount }) => state?.running !== undefined && restartCount === 1), { what: `${name} works again` });
    const failed = await eventually(async () => {
      const status = await statusOf('never');
      return status.phase === 'Failed' && status;
    }, { what: 'the end of what may not begin again' });
    assert.deepEqual([failed.initContainerStatuses?.[0]?.state?.terminated?.exitCode, failed.containerStatuses?.[0]?.state?.terminated?.reason], [0, 'ContainerStatusUnknown']);
    assert.deepEqual((await statusOf('half')).containerStatuses?.map(({ name, state }) => [name, Object.keys(state ?? {})]), [['done', ['terminated']], ['main', ['running']]]);
    for (const name of ['onfailure', 'half']) assert.equal((await statusOf(name)).initContainerStatuses?.[0]?.state?.terminated?.exitCode, 0);
  });
});
