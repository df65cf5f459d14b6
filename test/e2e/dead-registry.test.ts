/** Registries that accept and hang, answer 503, die or fall silent in the midst of a layer: what waits says why, nobody else waits, and all run when the registry is well. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import { isRunning } from '../../src/base/sys/is-running.ts';
import { startFaultyRegistry, type FaultyRegistry } from '../fixtures/faulty-registry.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';
import { bootForPods } from '../fixtures/pods.ts';
import { comesBackTo, holdingsAtRest, type Holdings } from '../fixtures/leaks.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const namespace = 'default';

describe('a dead registry', { timeout: 200_000 * PATIENCE }, () => {
  let llmos: Instance;
  let registry: FaultyRegistry;
  let calm: Holdings;
  before(async () => {
    registry = await startFaultyRegistry();
    llmos = await bootForPods({ config: `modules: ${JSON.stringify({ node: { readySandboxes: 2, registries: [{ location: registry.host, caFile: registry.caFile }] } })}\n` });
    await create('first'); // storage keeps a mount of its own from the first pull on
    await runs('first');
    await end('first');
    calm = await holdingsAtRest(llmos);
  });
  after(async () => {
    await llmos?.destroy();
    await registry?.stop();
  });

  const create = (name: string, image = `${registry.host}/${name}:1`): Promise<Pod> => llmos.client.create(Pod, {
    metadata: { name, namespace }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'] }] },
  } as Pod);
  const waiting = async (name: string) => (await llmos.client.get(Pod, name, { namespace })).status?.containerStatuses?.[0]?.state?.waiting;
  const runs = (name: string): Promise<boolean> => eventually(async () => (await llmos.client.get(Pod, name, { namespace })).status?.phase === 'Running', { timeoutMs: 90_000, what: `${name} runs` });
  const isAsked = (repository: string): Promise<boolean> => eventually(async () => (registry.asked.get(repository) ?? 0) > 0, { what: `the registry is asked for ${repository}` });
  const end = (name: string): Promise<string> => ok(llmos.kubectl('delete', 'pod', name, '--timeout=60s'));
  const failsWith = (name: string, message: RegExp): Promise<boolean> => eventually(async () => {
    const { reason = '', message: said = '' } = (await waiting(name)) ?? {};
    assert.match(`${reason}: ${said}`, message);
    return /^(ErrImagePull|ImagePullBackOff)$/.test(reason);
  }, { timeoutMs: 60_000 });

  const pullsUnderWay = (): number[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${llmos.state}/images/pull-`);
    } catch {
      return false;
    }
  }).map(Number);

  const allIsCalm = (): Promise<void> => comesBackTo(calm, llmos);

  it('what fails says why, what hangs holds up nobody, and all run when the registry is well', async () => {
    for (const manner of ['hangs', 'fails', 'dies', 'stalls'] as const) {
      registry.behave(manner, manner);
      await create(manner);
    }
    await failsWith('fails', /ErrImage|ImagePull.*(503|Service Unavailable|down for today)/);
    await failsWith('dies', /ErrImage|ImagePull.*(EOF|connection reset|stream)/);
    await isAsked('stalls');
    await isAsked('hangs');
    await create('beside', TEST_IMAGE);
    await create('served');
    for (const name of ['beside', 'served']) await runs(name);
    for (const name of ['hangs', 'stalls']) assert.equal((await waiting(name))?.reason, 'ContainerCreating');
    registry.behave('given-up', 'hangs');
    await create('given-up');
    await isAsked('given-up');
    await end('given-up');
    for (const name of ['hangs', 'fails', 'dies', 'stalls', 'given-up']) registry.behave(name, 'serves');
    await Promise.all(['hangs', 'fails', 'dies', 'stalls'].map(runs));
    for (const name of ['hangs', 'fails', 'dies', 'stalls', 'beside', 'served']) await end(name);
    await allIsCalm();
  });

  it('a pull that hangs as llmos is killed is begun again, once, and nothing is left of the first', async () => {
    for (const [name, manner] of [['again', 'hangs'], ['half', 'stalls']] as const) {
      registry.behave(name, manner);
      await create(name);
      await isAsked(name);
    }
    const pulls = pullsUnderWay();
    assert.ok(pulls.length >= 2, `${pulls.length} pulls`);
    await llmos.kill();
    await llmos.boot();
    await eventually(async () => pulls.every((pid) => !isRunning(pid)), { what: 'the pulls of before are ended' });
    for (const name of ['again', 'half']) registry.behave(name, 'serves');
    for (const name of ['again', 'half']) await runs(name);
    for (const name of ['again', 'half']) await end(name);
    await allIsCalm();
  });
});
