import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { openStore } from './open-store.ts';
import { restoreBackup } from './restore.ts';
import { isStoreError } from './store.ts';
import { findWalDamage } from './wal-damage.ts';

const FRAME = 24 + 4_096;
let folder: string;
let state: string;
const wal = (): string => join(state, 'store.db-wal');
const open = () => openStore({ folder: state, clock: realClock, log: silentLog });

/** Twenty writes, one transaction each, by a process that is killed: all of them stand in the log. */
const LOAD = `
  const { openStore } = await import(${JSON.stringify(join(import.meta.dirname, 'open-store.ts'))});
  const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
  const store = openStore({ folder: process.argv[1], log: quiet, clock: { nowMs: () => Date.now(), sleep: () => new Promise(() => {}) } });
  for (let n = 0; n < 20; n++) await store.create('/core/configmaps/a/' + n, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: String(n) }, data: { x: 'y'.repeat(3000) } });
  process.kill(process.pid, 'SIGKILL');`;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'llmos-wal-'));
  const { signal, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', LOAD, join(folder, 'whole')], { encoding: 'utf8' });
  assert.equal(signal, 'SIGKILL', stderr);
  state = join(folder, 'state');
});
after(() => rmSync(folder, { recursive: true }));

function fresh(): void {
  rmSync(state, { recursive: true, force: true });
  spawnSync('cp', ['-r', join(folder, 'whole'), state]);
}

function overwrite(at: number, bytes: Buffer): void {
  const file = openSync(wal(), 'r+');
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}

/** The ends of transactions: the places behind their last frame. */
function ends(): number[] {
  const bytes = readFileSync(wal());
  const found: number[] = [];
  for (let at = 32; at + FRAME <= bytes.length; at += FRAME) if (bytes.readUInt32BE(at + 4) > 0 && bytes.subarray(at + 8, at + 16).equals(bytes.subarray(16, 24))) found.push(at + FRAME);
  return found;
}

it('takes a whole log, and one that ends anywhere, as it is', async () => {
  fresh();
  assert.equal(findWalDamage(wal()), undefined);
  assert.equal(findWalDamage(join(folder, 'none')), undefined);
  const size = readFileSync(wal()).length;
  for (const cut of [0, 10, 32, 40, 32 + FRAME, size - 1, size - 700, size - FRAME, size - 3 * FRAME - 5]) {
    fresh();
    truncateSync(wal(), cut);
    assert.equal(findWalDamage(wal()), undefined, `cut at ${cut}`);
  }
});

it('takes the last transaction for half written when any of its frames is bad', async () => {
  fresh();
  const [from = 0, to = 0] = ends().slice(-2);
  for (let at = from; at < to; at += FRAME) {
    fresh();
    overwrite(at + 1_000, Buffer.from('damage'));
    assert.equal(findWalDamage(wal()), undefined, `frame at ${at}`);
  }
  const store = open();
  assert.equal(store.list('/').items.length, 19);
  await store.close();
});

it('refuses a log with damage before its end, changes nothing, and says where', () => {
  fresh();
  const places = ends();
  const whereabouts: [number, number][] = [[8, 0], [32 + 24 + 5, 32], [(places[9] as number) + 2_000, places[9] as number], [(places[9] as number) + 10, places[9] as number], [(places[16] as number) + 24, places[16] as number]];
  for (const [at, byte] of whereabouts) {
    fresh();
    overwrite(at, Buffer.from([0xde, 0xad, 0xbe, 0xef]));
    const damaged = readFileSync(wal());
    assert.equal(findWalDamage(wal())?.byte, byte, `damage at ${at}`);
    assert.throws(open, (error) => isStoreError(error, 'damaged') && error.message.includes(`at byte ${byte}`) && /recovery\.md/.test(error.message));
    assert.ok(readFileSync(wal()).equals(damaged));
  }
});

it('goes on with what is before the damage, once told to, at a revision that was never given', async () => {
  fresh();
  const places = ends();
  overwrite((places[9] as number) + 50, Buffer.from('damage'));
  truncateSync(wal(), findWalDamage(wal())?.byte ?? 0);
  copyFileSync(join(state, 'store.db'), join(folder, 'left.db'));
  copyFileSync(wal(), join(folder, 'left.db-wal'));
  const { revision } = restoreBackup({ from: join(folder, 'left.db'), folder: state, overwrite: true });
  const store = open();
  assert.ok(store.list('/').items.length >= 9 && revision > 1_000_000);
  await store.close();
  assert.ok(existsSync(join(folder, 'left.db-wal')), 'the backup is as it was');
});
