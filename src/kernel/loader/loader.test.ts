import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineKind, resourceKey, type Kind } from '../../api/kind.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import type { Module, ModuleContext } from '../../sdk/module.ts';
import type { Host } from './host.ts';
import { createLoader, type Loader } from './loader.ts';
import { orderModules } from './order.ts';

const kind = (plural: string): Kind => defineKind({ group: 'test', version: 'v1', kind: plural, plural, namespaced: true, schema: () => ({}) });
const [apples, pears] = [kind('apples'), kind('pears')];
const module = (name: string, more: Partial<Module> = {}): Module => ({ name, description: name, ...more });

/** A host that only writes down what it gave and what came back. */
function recordingHost(): { host: Host; held: Set<string> } {
  const held = new Set<string>();
  const host: Host = {
    open(_module, signal, report) {
      const mine: string[] = [];
      const hold = (name: string): void => void (held.add(name), mine.push(name));
      return {
        context: { signal, report, log: silentLog, clock: realClock } as ModuleContext,
        contextOf: () => ({ signal }) as never,
        serve: (served) => hold(`kind ${resourceKey(served)}`),
        admit: (admission) => hold(`admission ${admission.name}`),
        route: (route) => hold(`route ${route.path}`),
        settled: () => Promise.resolve(),
        release: () => mine.forEach((name) => held.delete(name)),
      };
    },
  };
  return { host, held };
}

function loaderWith(host: Host): Loader {
  return createLoader({ host, clock: realClock, log: silentLog, stopTimeoutMs: 50, downTimeoutMs: 400 });
}

test('a giver comes before those that need its kinds, otherwise the given order stays', () => {
  const ordered = orderModules([module('c', { needs: [pears] }), module('a'), module('b', { kinds: [pears], needs: [apples] }), module('d', { kinds: [apples] })]);
  assert.deepEqual(ordered.map(({ name }) => name), ['d', 'b', 'c', 'a']);
});

test('what cannot be ordered is named', () => {
  assert.throws(() => orderModules([module('a', { needs: [apples] })]), /module 'a' needs test\/apples, which no loaded module gives/);
  assert.throws(() => orderModules([module('a', { kinds: [apples], needs: [pears] }), module('b', { kinds: [pears], needs: [apples] })]), /a -> b -> a/);
  assert.throws(() => orderModules([module('a', { kinds: [apples] }), module('b', { kinds: [apples] })]), /'a' and 'b' both give test\/apples/);
});

test('unloading gives back kinds, admissions, routes and ends run, and nothing is left', async () => {
  const { host, held } = recordingHost();
  const loader = loaderWith(host);
  let ended = false;
  await loader.load([module('fruit', {
    kinds: [apples],
    admissions: [{ name: 'ripe', kinds: 'all', operations: ['CREATE'] }],
    routes: [{ path: '/fruit', handle: () => Promise.resolve() }],
    run: (context) => new Promise((resolve) => context.signal.addEventListener('abort', () => setTimeout(() => resolve(void (ended = true)), 5))),
  })]);
  assert.deepEqual([...held].sort(), ['admission ripe', 'kind test/apples', 'route /fruit']);
  assert.equal(loader.list()[0]?.state, 'running');
  await loader.unload('fruit');
  assert.equal(ended, true);
  assert.deepEqual([...held], []);
  assert.deepEqual(loader.list(), []);
});

test('a module that others need stays; an unknown one is named', async () => {
  const loader = loaderWith(recordingHost().host);
  await loader.load([module('giver', { kinds: [apples] }), module('taker', { needs: [apples] })]);
  await assert.rejects(loader.unload('giver'), /module 'taker' needs kinds of 'giver'; unload it first/);
  await assert.rejects(loader.unload('ghost'), /module 'ghost' is not loaded/);
  await loader.stop('stop');
  assert.deepEqual(loader.list(), []);
});

test('a start that fails is undone, with those that began before it', async () => {
  const { host, held } = recordingHost();
  const loader = loaderWith(host);
  await assert.rejects(
    loader.load([module('one', { kinds: [apples] }), module('two', { kinds: [pears], start: () => Promise.reject(new Error('no power')) })]),
    /module 'two' did not start: no power/,
  );
  assert.deepEqual([...held], []);
  assert.deepEqual(loader.list(), []);
});

test('a run that throws is started again and does not touch the others', async () => {
  const loader = loaderWith(recordingHost().host);
  let runs = 0;
  await loader.load([
    module('shaky', { async run({ signal }) {
      if (++runs === 1) throw new Error('slipped');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    } }),
    module('calm', { run: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())) }),
  ]);
  for (const endMs = performance.now() + 30_000; (runs < 2 || loader.list()[0]?.state !== 'running') && performance.now() < endMs;) await sleep(10);
  const [shaky, calm] = loader.list();
  assert.deepEqual([runs, shaky?.restarts, shaky?.lastError, shaky?.state], [2, 1, 'slipped', 'running']);
  assert.deepEqual([calm?.restarts, calm?.state], [0, 'running']);
  await loader.stop('stop');
});

test('who fails again and again waits longer and longer, but not for what failed long ago', async () => {
  const lives = [0, 0, 0, 599_999, 600_000, 0];
  const pauses: number[] = [];
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, sleep: async (delayMs: number, signal?: AbortSignal) => void (signal?.aborted !== true && delayMs < 50_000 && pauses.push(delayMs)) };
  const loader = createLoader({ host: recordingHost().host, clock, log: silentLog });
  const ran = Promise.withResolvers<void>();
  await loader.load([module('shaky', { async run({ signal }) {
    const lifeMs = lives.shift();
    if (lifeMs === undefined) {
      ran.resolve();
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    }
    nowMs += lifeMs;
    throw new Error('slipped');
  } })]);
  await ran.promise;
  assert.deepEqual(pauses, [200, 400, 800, 1_600, 200, 400]);
  await loader.stop('stop');
});

test('a module that never stops is left behind after the time limit', async () => {
  const { host, held } = recordingHost();
  const loader = loaderWith(host);
  await loader.load([module('deaf', { kinds: [apples], run: () => new Promise(() => {}) })]);
  await loader.stop('down');
  assert.deepEqual([...held], []);
});

test('a module has longer to take everything down', async () => {
  const { host } = recordingHost();
  const stopped: string[] = [];
  const slow = (name: string) => module(name, {
    kinds: [apples],
    run: ({ signal }) => new Promise((settle) => signal.addEventListener('abort', () => setTimeout(() => {
      stopped.push(name);
      settle();
    }, 150))),
  });
  for (const reason of ['stop', 'down']) {
    const loader = loaderWith(host);
    await loader.load([slow(reason)]);
    await loader.stop(reason);
    assert.deepEqual(stopped, reason === 'down' ? ['down'] : []);
    stopped.length = 0;
    await new Promise((settle) => setTimeout(settle, 200));
    stopped.length = 0;
  }
});
