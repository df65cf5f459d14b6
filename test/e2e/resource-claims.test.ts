/** Devices that pods claim: given by the scheduler, made ready by their driver, shared, and given back. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import { ResourceClaim } from '../../src/api/resource/resource-claim.ts';
import { startClaimDriver, type ClaimDriver } from '../fixtures/claim-driver.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';

const DRIVER = 'bells.example.com';

const CLUSTER = `
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: { name: bells }
spec: { selectors: [{ cel: { expression: 'device.driver == "${DRIVER}"' } }] }
---
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: { name: tower }
spec:
  driver: ${DRIVER}
  nodeName: node1
  pool: { name: node1, generation: 1, resourceSliceCount: 1 }
  devices:
  - { name: small, attributes: { tone: { string: high } } }
  - { name: great, attributes: { tone: { string: low } } }
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: { name: any }
spec: { spec: { devices: { requests: [{ name: bell, exactly: { deviceClassName: bells } }] } } }
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: { name: low }
spec: { devices: { requests: [{ name: bell, exactly: { deviceClassName: bells, selectors: [{ cel: { expression: 'device.attributes["${DRIVER}"].tone == "low"' } }] } }] } }
`;

const TAINT = `
apiVersion: resource.k8s.io/v1
kind: DeviceTaintRule
metadata: { name: cracked }
spec: { deviceSelector: { driver: ${DRIVER}, device: great }, taint: { key: ${DRIVER}/cracked, effect: NoExecute } }
`;

describe('devices of claims', () => {
  let llmos: Instance;
  let driver: ClaimDriver;
  const cdi = mkdtempSync(join(tmpdir(), 'llmos-test-cdi-'));
  const start = async (): Promise<ClaimDriver> => startClaimDriver({ kubelet: join(llmos.run, 'node/kubelet'), name: DRIVER, cdiFolder: cdi });
  before(async () => {
    llmos = await bootForPods({ config: `modules: { node: { readySandboxes: 4, cdiFolders: [${cdi}] } }` });
    await ok(llmos.kubectlWith(CLUSTER, 'apply', '-f', '-'));
  });
  after(async () => {
    await driver?.close();
    await llmos.destroy();
    rmSync(cdi, { recursive: true });
  });

  const create = (name: string, claim: object, script = 'sleep 1000000'): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 0, restartPolicy: 'Never', resourceClaims: [{ name: 'bell', ...claim }], containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', script], resources: { claims: [{ name: 'bell' }] } }] },
  });
  const until = (name: string, holds: (pod: Pod) => boolean): Promise<Pod> => eventually(async () => {
    const pod = await llmos.client.get(Pod, name, { namespace: 'default' });
    return holds(pod) && pod;
  }, { what: `${name} ${holds}` }).catch(async (error: Error) => assert.fail(`${error.message}: ${(await llmos.kubectl('describe', 'pod', name)).stdout}`));
  const runs = (name: string): Promise<Pod> => until(name, ({ status }) => status?.phase === 'Running');
  const bellOf = async (name: string): Promise<string> => (await llmos.kubectl('exec', name, '--', 'sh', '-c', 'echo $BELL')).stdout.trim();
  const claims = async (): Promise<string[]> => (await llmos.client.list(ResourceClaim, { namespace: 'default' })).items.map(({ metadata, status }) => `${metadata.name} ${status?.allocation?.devices?.results?.map(({ device }) => device).join() ?? 'free'} ${(status?.reservedFor ?? []).map(({ name }) => name).sort().join()}`.trim()).sort();

  it('wait for their driver, and are ready in the containers that name them', async () => {
    await create('ringer', { resourceClaimName: 'low' });
    await eventually(async () => /FailedPrepareDynamicResources.*DRA driver bells\.example\.com is not registered/s.test((await llmos.kubectl('get', 'events')).stdout), { what: 'the event of the missing driver' });
    assert.deepEqual(await claims(), ['low great ringer']);
    driver = await start();
    await runs('ringer');
    assert.equal(await bellOf('ringer'), 'low');
    assert.deepEqual(driver.calls, ['prepare low']);
  });

  it('are shared by the pods that name one claim, and stay with them over a restart of llmos', async () => {
    await create('second', { resourceClaimName: 'low' });
    await runs('second');
    await llmos.kill();
    await llmos.boot();
    await create('third', { resourceClaimName: 'low' });
    await runs('third');
    assert.equal(await bellOf('third'), 'low');
    assert.deepEqual(driver.calls, ['prepare low']);
    await llmos.kubectl('delete', 'pod', 'ringer', 'second', '--now');
    assert.deepEqual(driver.calls, ['prepare low'], 'one of its pods is there');
    await eventually(async () => (await claims())[0] === 'low great third', { what: 'reserved for one' });
  });

  it('of a template are the pod\'s own, and gone with it; who finds none waits', async () => {
    await create('own', { resourceClaimTemplateName: 'any' });
    const own = await runs('own');
    const name = own.status!.resourceClaimStatuses![0]!.resourceClaimName!;
    assert.match(name, /^own-bell-/);
    assert.equal(await bellOf('own'), name);
    assert.ok((await claims()).includes(`${name} small own`));
    await create('waits', { resourceClaimTemplateName: 'any' }, 'true');
    await until('waits', ({ status }) => status?.conditions?.some(({ reason, message }) => reason === 'Unschedulable' && /cannot allocate all claims/.test(message ?? '')) === true);
    await llmos.kubectl('delete', 'pod', 'own', '--now');
    await until('waits', ({ status }) => status?.phase === 'Succeeded');
    await eventually(async () => (await claims()).join() === 'low great third', { what: 'the claims of pods that are done are gone' });
  });

  it('are given back, however long the driver takes, and nothing of them is left', async () => {
    driver.fail('unprepare', 'the rope is stuck');
    await llmos.kubectl('delete', 'pod', 'third', '--now');
    await eventually(async () => (await claims())[0] === 'low free', { what: 'the claim is free' });
    await eventually(async () => driver.calls.includes('unprepare low'), { what: 'the driver was asked' });
    await create('again', { resourceClaimName: 'low' });
    driver.fail('unprepare', '');
    await runs('again');
    assert.equal((await llmos.kubectlWith(TAINT, 'apply', '-f', '-')).code, 0);
    await eventually(async () => (await llmos.kubectl('get', 'pod', 'again')).code !== 0 && (await claims())[0] === 'low free', { what: 'the pod left the tainted device' });
    assert.match((await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=again')).stdout, /DeviceTaintManagerEviction/);
    driver.fail('prepare', 'out of tune');
    await create('fails', { resourceClaimTemplateName: 'any' });
    await eventually(async () => /NodePrepareResources failed for ResourceClaim fails-bell-\w+: out of tune/.test((await llmos.kubectl('get', 'events')).stdout), { what: 'the event of the refusal' });
    await llmos.kubectl('delete', 'pod', 'fails', '--now');
    await eventually(async () => readdirSync(cdi).length === 0 && (await claims()).join() === 'low free', { what: 'all is given back' });
    assert.equal((await llmos.kubectl('delete', 'resourceclaim', 'low', '--timeout=60s')).code, 0);
  });
});
