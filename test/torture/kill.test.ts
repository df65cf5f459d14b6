/** kill -9 at random moments under a load of writes, again and again on one store. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openStore } from '../../src/kernel/store/index.ts';
import { budget, withSeed, type Random } from './random.ts';
import { hear, judge, judgeHistory, nothingHeard, type Heard } from './write-load-object.ts';

const KILLS = Number(process.env['LLMOS_KILLS'] ?? budget(20, 250));

/** Kills the load so long after its first word, which it may not even have got to say; settles when it has ended and all is heard. */
async function loadAndKill(folder: string, heard: Heard, random: Random): Promise<number> {
  const before = Object.fromEntries(heard.tried.map((number, index) => [`LLMOS_LOAD_${index}`, String(number)]));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'write-load.ts'), folder], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...before, LLMOS_LOAD_COMPACT: '1' } });
  let acknowledged = 0;
  let begun = (): void => {};
  const opened = new Promise<void>((settled) => (begun = settled));
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    begun();
    if (line.startsWith('ack')) acknowledged += 1;
    hear(heard, line);
  });
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]);
  if (random.chance(0.9)) await opened;
  await new Promise((settled) => setTimeout(settled, random.int(250)));
  child.kill('SIGKILL');
  const [[code, signal]] = await ended;
  assert.equal(signal, 'SIGKILL', `the load ended by itself with ${code}`);
  return acknowledged;
}

it(`${KILLS} kills lose nothing that was acknowledged`, { timeout: 3_600_000 }, () => withSeed('kill', async (random) => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-kill-'));
  try {
    const heard = nothingHeard();
    let acknowledged = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      acknowledged += await loadAndKill(folder, heard, random);
      // Half of the times the next load finds what the killed one left, with nobody in between who tidied up.
      if (random.chance(0.5) && kill + 1 < KILLS) continue;
      const store = openStore({ folder, clock: realClock, log: silentLog });
      try {
        judge(store, heard);
        await judgeHistory(store);
        heard.revision = store.revision;
      } finally {
        await store.close();
      }
    }
    console.log(`kill: ${KILLS} kills, ${acknowledged} writes acknowledged, revision ${heard.revision}`);
    assert.ok(acknowledged > KILLS * 10, `only ${acknowledged} writes`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}));
