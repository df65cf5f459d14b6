import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { realClock } from '../../../base/clock.ts';
import { silentLog, type Log } from '../../../base/log.ts';
import { openLogFile, type LogFileOptions } from './log-file.ts';

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function optionsIn(folder: string, more: Partial<LogFileOptions> = {}): LogFileOptions {
  return { path: join(folder, 'audit.log'), maxSizeBytes: 1_000, maxAgeDays: 0, maxBackups: 0, clock: realClock, log: silentLog, ...more };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-audit-'));
  folders.push(folder);
  return folder;
}

test('lines are appended, for the owner only', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'audit.log'), 'old\n', { mode: 0o644 });
  chmodSync(join(folder, 'audit.log'), 0o644);
  const file = openLogFile(optionsIn(folder));
  assert.ok(file.append('one\n') && file.append('two\n'));
  assert.equal(readFileSync(join(folder, 'audit.log'), 'utf8'), 'old\n', 'nobody waits for the disk');
  await file.close();
  assert.equal(readFileSync(join(folder, 'audit.log'), 'utf8'), 'old\none\ntwo\n');
  assert.equal(statSync(join(folder, 'audit.log')).mode & 0o777, 0o600);
});

test('a line that a kill tore is not gone on with', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'audit.log'), '{"whole":1}\n{"to');
  const file = openLogFile(optionsIn(folder));
  file.append('{"next":1}\n');
  await file.close();
  assert.deepEqual(readFileSync(join(folder, 'audit.log'), 'utf8').split('\n'), ['{"whole":1}', '{"to', '{"next":1}', '']);
});

test('a full file is put aside; old ones go by number and age', async () => {
  const folder = newFolder();
  for (const day of ['2001-01-01', '2002-01-01']) writeFileSync(join(folder, `audit-${day}T00-00-00.000.log`), 'x');
  writeFileSync(join(folder, 'audit-mine.log'), 'x');
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const clock = { ...realClock, nowMs: () => (nowMs += 1_000) };
  const line = `${'x'.repeat(399)}\n`;
  for (let round = 0; round < 5; round++) {
    const file = openLogFile(optionsIn(folder, { maxBackups: 2, maxAgeDays: 1, clock }));
    for (let count = 0; count < 2; count++) file.append(line);
    await file.close();
  }
  const names = readdirSync(folder).sort();
  assert.equal(names.length, 4, names.join());
  assert.deepEqual([names.includes('audit-mine.log'), names.includes('audit.log')], [true, true], 'what is not ours stays');
  assert.ok(names.filter((name) => /^audit-2026-01-01T/.test(name)).length === 2);
  assert.equal(statSync(join(folder, names.find((name) => name.startsWith('audit-2026'))!)).mode & 0o777, 0o600);
});

test('a folder that is gone costs lines, is said, and ends nothing', async () => {
  const folder = newFolder();
  const said: string[] = [];
  const log: Log = { ...silentLog, error: (message) => void said.push(message) };
  const file = openLogFile(optionsIn(folder, { log }));
  const line = `${'x'.repeat(899)}\n`;
  file.append(line);
  await realClock.sleep(200);
  rmSync(folder, { recursive: true });
  file.append(line);
  await file.close();
  assert.match(said.join(), /cannot be written/);
});
