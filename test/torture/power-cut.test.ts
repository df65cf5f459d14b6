/** Power cuts: a recorded load is replayed on a disk that keeps only what was synced, and any part of the rest. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openStore } from '../../src/kernel/store/index.ts';
import { canTrace, readTrace, runTraced, type DiskEvent } from './disk-record.ts';
import { createDisk } from './power-cut.ts';
import { budget, withSeed, type Random } from './random.ts';
import { hear, judge, judgeHistory, nothingHeard, objectOf, type Heard } from './write-load-object.ts';

const CUTS = Number(process.env['LLMOS_CUTS'] ?? budget(400, 20_000));
const WRITES = budget(700, 4_000);
const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Two lives of a store, the first closed as it should be. */
async function record(folder: string, trace: string): Promise<DiskEvent[]> {
  const events: DiskEvent[] = [];
  const heard = nothingHeard();
  for (const compact of ['0', '1']) {
    const before = Object.fromEntries(heard.tried.map((number, index) => [`LLMOS_LOAD_${index}`, String(number)]));
    await runTraced([process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'write-load.ts'), folder, String(WRITES)], trace, { ...process.env, ...before, LLMOS_LOAD_COMPACT: compact });
    const life = await readTrace(trace, folder);
    for (const event of life) if (event.what === 'said') hear(heard, event.text.trim());
    events.push(...life);
  }
  return events;
}

/** The places of the cuts, and how many to try there: anywhere, when a sync is about to end, and while a checkpoint is under way. */
function placesOf(events: readonly DiskEvent[], random: Random): Map<number, number> {
  const opened = events.findIndex((event) => event.what === 'said');
  const ends = events.flatMap(({ what }, index) => (what === 'sync-end' && index > opened ? [index - 1] : []));
  const inCheckpoint = events.flatMap((event, index) => (event.what === 'write' && event.path.endsWith('.db') && index > opened ? [index] : []));
  const starts = events.flatMap((event, index) => (event.what === 'write' && event.path.endsWith('-wal') && event.at < 8_192 && index > opened ? [index] : []));
  assert.ok(inCheckpoint.length > 20, 'no checkpoint was recorded');
  const kinds = [events.map((_, index) => index), ends, inCheckpoint, starts];
  const places = new Map<number, number>();
  for (let cut = 0; cut < CUTS; cut++) {
    const place = random.pick(kinds[cut % kinds.length] as number[]);
    places.set(place, (places.get(place) ?? 0) + 1);
  }
  return places;
}

async function cutAndJudge(folder: string, cut: (into: string) => void, heard: Heard): Promise<void> {
  mkdirSync(folder);
  cut(folder);
  const store = openStore({ folder, clock: realClock, log: silentLog });
  try {
    judge(store, heard);
    await judgeHistory(store);
    const made = await store.create('/core/configmaps/default/after', objectOf(0, 1));
    assert.ok(made.revision > heard.revision, 'a revision was given twice');
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
}

it(`${CUTS} power cuts lose nothing that was acknowledged`, { timeout: 3_600_000, skip: canTrace() ? false : 'strace cannot be run here' }, () => withSeed('power cut', async (random) => {
  const folder = mkdtempSync(join(SCRATCH, 'llmos-power-'));
  try {
    const events = await record(join(folder, 'state'), join(folder, 'trace'));
    rmSync(join(folder, 'trace'));
    const places = placesOf(events, random);
    const disk = createDisk();
    const heard = nothingHeard();
    let [cuts, lossy] = [0, 0];
    for (const [index, event] of events.entries()) {
      disk.take(event);
      if (event.what === 'said') hear(heard, event.text.trim());
      for (let again = places.get(index) ?? 0; again > 0; again--) {
        cuts += 1;
        if (disk.unsyncedBytes() > 0) lossy += 1;
        await cutAndJudge(join(folder, 'cut'), (into) => disk.cut(into, random), heard).catch((error: Error) => {
          error.message = `the cut after event ${index} of ${events.length} (${event.what}): ${error.message}`;
          throw error;
        });
      }
    }
    console.log(`power cut: ${events.length} events, ${cuts} cuts, ${lossy} with unsynced writes, ${heard.acknowledged.reduce((sum, each) => sum + each)} writes acknowledged`);
    assert.ok(lossy > cuts / 2, 'most cuts had nothing to lose');
  } finally {
    rmSync(folder, { recursive: true });
  }
}));
