import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../../base/log.ts';
import type { EngineOptions, PastLoad } from './engine.ts';
import { engineFor, type Kept } from './reconcile.ts';

it('the engine before decides until the one that fits has learned', async () => {
  const kept: Pick<Kept, 'engines' | 'wanted'> = { engines: [], wanted: [] };
  const use = { context: { log: {} as Log, signal: new AbortController().signal } };
  const options = (startMs: number): EngineOptions => ({ stepMs: 15_000, startMs, target: 70 });
  const ask = (startMs: number, past: () => Promise<PastLoad[]>): ReturnType<typeof engineFor> => engineFor(kept, 0, options(startMs), past, use);
  const unread = (): Promise<PastLoad[]> => Promise.reject(new Error('it is read once'));
  ask(30_000, async () => []);
  await sleep(20);
  const first = ask(30_000, unread);
  const read = Promise.withResolvers<PastLoad[]>();
  assert.equal(ask(90_000, () => read.promise), first);
  assert.equal(ask(90_000, unread), first);
  read.resolve(Array.from({ length: 100 }, (_, index) => ({ atMs: index * 60_000, load: 5 })));
  for (let tries = 0; ask(90_000, unread) === first; tries++) {
    assert.ok(tries < 200, 'it never took its place');
    await sleep(20);
  }
  const learned = ask(90_000, unread);
  assert.equal(learned.options.startMs, 90_000);
  assert.equal(learned.guard, first.guard, 'what is known of the source is kept');
  assert.ok(learned.outlook.series.mean > 4, `${learned.outlook.series.mean}`);
});
