/** A clock that jumps: what runs goes on, what waits does not wait for a day that has been, and the API answers. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Node } from '../../src/api/core/node.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { ServiceAccount } from '../../src/api/core/service-account.ts';
import { clockEnvironment, turnClock } from '../fixtures/clock.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const DAY_SECONDS = 86_400;
const folder = mkdtempSync(join(tmpdir(), 'llmos-clock-'));
const turned = clockEnvironment(join(folder, 'clock'));

describe('a clock that jumps', { timeout: 200_000 * PATIENCE, skip: turned === undefined && 'libfaketime could not be fetched' }, () => {
  let llmos: Instance;
  before(async () => {
    Object.assign(process.env, turned);
    turnClock(join(folder, 'clock'), DAY_SECONDS);
    llmos = await bootInstance({ config: 'modules:\n  node:\n    readySandboxes: 2\n' }).finally(() => {
      for (const name of Object.keys(turned!)) delete process.env[name];
    });
    importTestImage(llmos);
    await eventually(async () => (await llmos.client.list(ServiceAccount, { namespace: 'default' })).items.length > 0);
    await create('steady', 'trap "exit 0" TERM; sleep 100000 & wait');
    await ready('steady');
  });
  after(async () => {
    turnClock(join(folder, 'clock'), 0);
    await llmos?.destroy();
    rmSync(folder, { recursive: true });
  });

  const turn = async (seconds: number): Promise<void> => {
    turnClock(join(folder, 'clock'), seconds);
    await sleep(500);
  };
  const create = (name: string, script: string, graceSeconds = 3): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: graceSeconds, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', script], readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }] },
  });
  const get = (name: string): Promise<Pod> => llmos.client.get(Pod, name, { namespace: 'default' });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await get(name);
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  }, { what: `${name} is ready` });
  const gone = (name: string): Promise<boolean> => eventually(async () => (await llmos.client.list(Pod, { namespace: 'default', fieldSelector: `metadata.name=${name}` })).items.length === 0, { what: `${name} is gone` });

  async function allIsWell(): Promise<void> {
    await sleep(6_000); // nodes are looked at every 5 s
    assert.equal((await llmos.kubectl('exec', 'steady', '--', 'echo', 'here')).stdout, 'here\n');
    const [node] = (await llmos.client.list(Node, {})).items;
    assert.equal(node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    assert.equal(node?.spec?.taints, undefined);
    assert.equal((await ready('steady')).status?.containerStatuses?.[0]?.restartCount, 0);
  }

  const token = async (): Promise<string> => (await llmos.kubectl('exec', 'steady', '--', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/token')).stdout;
  const tokenWorks = (): Promise<boolean> => eventually(async () => {
    await ok(llmos.kubectl('--kubeconfig=/dev/null', `--server=https://127.0.0.1:6443`, `--certificate-authority=${join(llmos.state, 'pki/ca.crt')}`, '--token', await token(), 'get', '--raw', '/api'));
    return true;
  }, { what: 'the token of the pod is good', timeoutMs: 70_000, everyMs: 500 });

  it('set right by a day, as on a machine that began with a wrong one: what was made tomorrow is good today', async () => {
    await tokenWorks();
    await turn(0);
    await allIsWell();
    await tokenWorks();
  });

  it('a day ahead: nothing is evicted, and pods begin and end', async () => {
    const before = await token();
    await turn(DAY_SECONDS);
    await allIsWell();
    await eventually(async () => (await token()) !== before, { what: 'a token of an hour is renewed', timeoutMs: 70_000, everyMs: 500 });
    await tokenWorks();
    await create('ahead', 'trap "exit 0" TERM; sleep 100000 & wait');
    await ready('ahead');
    await llmos.client.delete(Pod, 'ahead', { namespace: 'default' });
    await gone('ahead');
  });

  it('back again while a grace lasts and a back-off runs: neither lasts a day longer', async () => {
    await create('deaf', 'trap "" TERM; while true; do sleep 1; done');
    await create('crashing', 'exit 1');
    await ready('deaf');
    await eventually(async () => (await get('crashing')).status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff');
    const restarts = (await get('crashing')).status?.containerStatuses?.[0]?.restartCount ?? 0;
    await llmos.client.delete(Pod, 'deaf', { namespace: 'default' });
    await turn(0);
    await gone('deaf');
    await eventually(async () => ((await get('crashing')).status?.containerStatuses?.[0]?.restartCount ?? 0) > restarts, { what: 'it is tried again', timeoutMs: 60_000 });
    await llmos.client.delete(Pod, 'crashing', { namespace: 'default' });
    await allIsWell();
  });
});
