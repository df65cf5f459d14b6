/** The identity Lease of the API server, over a real door and by a clock that the test turns. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Lease } from '../../src/api/coordination/lease.ts';
import { realClock, type Clock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { identityOf, keepIdentityLease } from '../../src/modules/core/identity-lease.ts';
import core from '../../src/modules/core/module.ts';
import type { ModuleContext } from '../../src/sdk/index.ts';
import { eventually, startWorld, type World } from './world.ts';

const NAMESPACE = { namespace: 'kube-system' };
const LABELLED = { labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver' } };
const HOUR_MS = 3_600_000;

let world: World;
before(async () => (world = await startWorld([core])));
after(() => world.stop());

const get = (name: string): Promise<Lease> => world.client.get(Lease, name, NAMESPACE);
const names = async (): Promise<string[]> => (await world.client.list(Lease, NAMESPACE)).items.map(({ metadata }) => metadata.name!).sort();

/** Time that goes on when the test says so. */
function turnedClock(): Clock & { turn(ms: number): void; sleepers(): number } {
  let aheadMs = 0;
  const waiting = new Set<{ untilMs: number; wake(): void }>();
  const nowMs = (): number => realClock.nowMs() + aheadMs;
  return {
    nowMs,
    sleep: (delayMs, signal) => new Promise((settled) => {
      const sleeper = { untilMs: nowMs() + delayMs, wake: () => { waiting.delete(sleeper); settled(); } };
      waiting.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    }),
    turn(ms) {
      aheadMs += ms;
      for (const sleeper of [...waiting]) if (sleeper.untilMs <= nowMs()) sleeper.wake();
    },
    sleepers: () => waiting.size,
  };
}

/** A server of that name; `stop` settles when it let go. */
function serve(nodeName: string): { clock: ReturnType<typeof turnedClock>; stop(): Promise<void> } {
  const clock = turnedClock();
  const stopping = new AbortController();
  const running = keepIdentityLease({ client: world.client, clock, log: silentLog, signal: stopping.signal, machine: { nodeName } as ModuleContext['machine'] });
  return { clock, stop: () => (stopping.abort(), running) };
}

it('is named by the host, as upstream names it', () => {
  // hash of both texts with their lengths before them, as test/e2e/apimachinery/apiserver_identity.go makes it
  assert.equal(identityOf('node1'), 'apiserver-hbz46noag6fulempxd2cbk6bvq');
  assert.match(identityOf('n1'), /^apiserver-[a-z2-7]{26}$/);
});

it('is there when core runs', async () => {
  await eventually('the lease of n1', async () => (await names()).includes(identityOf('n1')));
  const { metadata, spec } = await get(identityOf('n1'));
  assert.deepEqual(metadata.labels, { 'apiserver.kubernetes.io/identity': 'kube-apiserver', 'kubernetes.io/hostname': 'n1' });
  assert.equal(spec?.leaseDurationSeconds, 3600);
  assert.match(spec?.holderIdentity ?? '', new RegExp(`^${identityOf('n1')}_[-0-9a-f]{36}$`));
});

it('is renewed each minute, is made anew when somebody deleted it, and a restart changes the holder alone', async () => {
  const name = identityOf('brook');
  const first = serve('brook');
  await eventually('the lease', async () => (await names()).includes(name) && first.clock.sleepers() === 1);
  const made = await get(name);
  first.clock.turn(59_000);
  assert.equal((await get(name)).metadata.resourceVersion, made.metadata.resourceVersion);
  first.clock.turn(2_000);
  await eventually('a renewal', async () => (await get(name)).spec?.renewTime !== made.spec?.renewTime && first.clock.sleepers() === 1);
  assert.equal((await get(name)).spec?.holderIdentity, made.spec?.holderIdentity);
  await world.client.delete(Lease, name, NAMESPACE);
  first.clock.turn(60_000);
  await eventually('a failed renewal', () => first.clock.sleepers() === 1);
  first.clock.turn(5_000);
  await eventually('another lease', async () => (await names()).includes(name) && first.clock.sleepers() === 1);
  const remade = await get(name);
  await first.stop();
  const second = serve('brook');
  await eventually('another holder', async () => (await get(name)).spec?.holderIdentity !== made.spec?.holderIdentity && second.clock.sleepers() === 1);
  assert.equal((await get(name)).metadata.uid, remade.metadata.uid);
  await second.stop();
});

it('collects those of servers that are gone, and no other lease', async () => {
  const over = new Date(Date.now() - 2 * HOUR_MS).toISOString().replace('Z', '000Z');
  const lease = (name: string, labels: object, spec: object): Promise<Lease> => world.client.create(Lease, { metadata: { name, namespace: 'kube-system', ...labels }, spec } as Lease);
  await lease('gone', LABELLED, { holderIdentity: 'a', leaseDurationSeconds: 3600, renewTime: over });
  await lease('timeless', LABELLED, { holderIdentity: 'a' });
  await lease('lasting', LABELLED, { holderIdentity: 'a', leaseDurationSeconds: 36_000, renewTime: over });
  await lease('foreign', {}, { holderIdentity: 'a', leaseDurationSeconds: 3600, renewTime: over });
  const server = serve('pond');
  await eventually('the lease', async () => (await names()).includes(identityOf('pond')) && server.clock.sleepers() === 1);
  server.clock.turn(HOUR_MS);
  await eventually('the old ones to go', async () => {
    const left = await names();
    return !left.includes('gone') && !left.includes('timeless') && server.clock.sleepers() === 1;
  });
  const left = await names();
  for (const name of ['lasting', 'foreign', identityOf('pond')]) assert.ok(left.includes(name), `${name} of ${left}`);
  await server.stop();
});
