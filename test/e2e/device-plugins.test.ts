/** Devices that a plugin tells the node of: offered, given to containers, kept over restarts, missed when they fail. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Node } from '../../src/api/core/node.ts';
import { Pod } from '../../src/api/core/pod.ts';
import { startDevicePlugin, type DevicePlugin } from '../fixtures/device-plugin.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { bootForPods } from '../fixtures/pods.ts';

const LAMP = 'example.com/lamp';

describe('devices of a plugin', { skip: existsSync('/dev/fuse') ? false : 'needs /dev/fuse to show as a lamp' }, () => {
  let llmos: Instance;
  let plugin: DevicePlugin;
  const cdi = mkdtempSync(join(tmpdir(), 'llmos-test-cdi-'));
  before(async () => {
    llmos = await bootForPods({ config: `modules: { node: { readySandboxes: 4, cdiFolders: [${cdi}] } }` });
    plugin = await startDevicePlugin({ folder: join(llmos.run, 'node/device-plugins'), resource: LAMP, ids: ['lamp-1', 'lamp-2', 'lamp-3'], preStart: true });
  });
  after(async () => {
    await plugin.close();
    await llmos.destroy();
    rmSync(cdi, { recursive: true });
  });

  const create = (name: string, lamps: string, more: object = {}, script = 'sleep 1000000'): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: { terminationGracePeriodSeconds: 0, ...more, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', script], resources: { limits: { [LAMP]: lamps } } }] },
  });
  const until = (name: string, holds: (pod: Pod) => boolean): Promise<Pod> => eventually(async () => {
    const pod = await llmos.client.get(Pod, name, { namespace: 'default' });
    return holds(pod) && pod;
  }, { what: `${name} ${holds}` }).catch(async (error: Error) => assert.fail(`${error.message}: ${(await llmos.kubectl('describe', 'pod', name)).stdout}`));
  const runs = (name: string): Promise<Pod> => until(name, ({ status }) => status?.phase === 'Running');
  const sh = async (name: string, script: string): Promise<string> => {
    const { stdout, stderr } = await llmos.kubectl('exec', name, '--', 'sh', '-c', script);
    return `${stdout}${stderr}`.trim();
  };
  const lamps = (all: string, healthy: string): Promise<unknown> => eventually(async () => {
    const { status } = await llmos.client.get(Node, 'node1');
    return status?.capacity?.[LAMP] === all && status.allocatable?.[LAMP] === healthy;
  }, { what: `${healthy} of ${all} lamps` });

  /** By id, as the status of the pod tells it. */
  const healthOf = ({ status }: Pod): unknown => (status?.containerStatuses?.[0]?.allocatedResourcesStatus ?? []).map(({ name, resources }) => [name, ...(resources ?? []).map(({ resourceID, health }) => `${resourceID} ${health}`)]);

  it('are offered by the node', async () => {
    assert.equal(await plugin.register(), '0');
    await lamps('3', '3');
  });
  it('come to containers with what the plugin says, and to nobody else', async () => {
    await create('two', '2');
    assert.deepEqual(healthOf(await runs('two')), [[LAMP, 'lamp-1 Healthy', 'lamp-2 Healthy']]);
    assert.equal(await sh('two', 'echo $LAMPS; ls /dev | grep lamp; true < /dev/lamp-1 && echo reads; echo x > /dev/lamp-2'), 'lamp-1,lamp-2\nlamp-1\nlamp-2\nreads\nsh: can\'t create /dev/lamp-2: Operation not permitted\ncommand terminated with exit code 1');
    assert.ok(plugin.calls.includes('PreStartContainer lamp-1 lamp-2'), plugin.calls.join());
    await create('none', '0');
    assert.deepEqual(healthOf(await runs('none')), []);
    assert.equal(await sh('none', 'echo [$LAMPS]; mknod /lamp c 10 229; true < /lamp; ls /dev | grep -c lamp'), '[]\n0\nsh: can\'t open /lamp: Operation not permitted\ncommand terminated with exit code 1');
    await create('waits', '2');
    await until('waits', ({ status }) => status?.conditions?.some(({ reason, message }) => reason === 'Unschedulable' && /Insufficient example\.com\/lamp/.test(message ?? '')) === true);
    await create('bound', '2', { nodeName: 'node1' });
    assert.equal((await until('bound', ({ status }) => status?.phase === 'Failed')).status?.reason, `OutOf${LAMP}`);
  });
  it('stay with their containers over a restart of llmos, until the plugin registers again', async () => {
    await llmos.kill();
    await llmos.boot();
    await lamps('0', '0');
    assert.equal(await plugin.register(), '0');
    await lamps('3', '3');
    await create('one', '1');
    await runs('one');
    assert.equal(await sh('one', 'echo $LAMPS'), 'lamp-3');
    assert.equal(await sh('two', 'echo $LAMPS'), 'lamp-1,lamp-2');
  });
  it('are missed when they fail, and given again when their pod is gone', async () => {
    plugin.setHealth('lamp-2', false);
    await lamps('3', '2');
    await until('two', (pod) => JSON.stringify(healthOf(pod)) === JSON.stringify([[LAMP, 'lamp-1 Healthy', 'lamp-2 Unhealthy']]));
    assert.deepEqual(healthOf(await runs('one')), [[LAMP, 'lamp-3 Healthy']]);
    await llmos.kubectl('delete', 'pod', 'two', '--now');
    await create('next', '1');
    await runs('next');
    assert.equal(await sh('next', 'echo $LAMPS'), 'lamp-1');
    await llmos.kubectl('delete', 'pod', 'waits', 'one', 'next', '--now');
  });
  it('named by CDI are what the specifications of the machine say', async () => {
    await plugin.close();
    plugin = await startDevicePlugin({ folder: join(llmos.run, 'node/device-plugins'), resource: LAMP, ids: ['lamp-1', 'lamp-2', 'lamp-3'], cdiKind: 'example.com/lamp' });
    await create('dark', '0');
    assert.equal(await plugin.register(), '0');
    await lamps('3', '3');
    await create('named', '2');
    await until('named', ({ status }) => /unresolvable CDI devices example\.com\/lamp=lamp-1/.test(status?.containerStatuses?.[0]?.state?.waiting?.message ?? ''));
    writeFileSync(join(cdi, 'light'), 'light\n');
    writeFileSync(join(cdi, 'lamp.json'), JSON.stringify({
      cdiVersion: '0.6.0', kind: 'example.com/lamp', containerEdits: { env: ['LIT=yes'], mounts: [{ hostPath: join(cdi, 'light'), containerPath: '/light', options: ['ro', 'bind'] }], hooks: [{ hookName: 'createRuntime', path: '/bin/sh', args: ['sh', '-c', `echo hook >> ${cdi}/hooks`] }] },
      devices: ['lamp-1', 'lamp-2'].map((name) => ({ name, containerEdits: { deviceNodes: [{ path: `/dev/cdi-${name}`, hostPath: '/dev/fuse', permissions: 'r' }] } })),
    }));
    await runs('named');
    assert.equal(await sh('named', 'echo $LIT $(cat /light); ls /dev | grep cdi; true < /dev/cdi-lamp-1 && echo reads; echo x > /dev/cdi-lamp-2'), "yes light\ncdi-lamp-1\ncdi-lamp-2\nreads\nsh: can't create /dev/cdi-lamp-2: Operation not permitted\ncommand terminated with exit code 1");
    assert.equal(readFileSync(join(cdi, 'hooks'), 'utf8'), 'hook\n');
    await llmos.kubectl('delete', 'pod', 'named', 'dark', '--now');
  });
  it('of a name that cannot be are refused', async () => {
    const wrong = await startDevicePlugin({ folder: join(llmos.run, 'node'), resource: 'lamp', ids: [] });
    await wrong.close();
    const other = await startDevicePlugin({ folder: join(llmos.run, 'node/device-plugins'), resource: 'lamp', ids: [] }).then(async (one) => {
      const answer = await one.register();
      await one.close();
      return answer;
    });
    assert.match(other, /^2 .*the ResourceName "lamp" is invalid/);
  });
});
