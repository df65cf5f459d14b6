import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { attachVolumeFile, detachVolumeFile, growVolumeFile, makeVolumeFile, placeVolumeFile, removeVolumeFile } from './volume-file.ts';

const MIB = 2 ** 20;
const loops = (file: string): string => execFileSync('losetup', ['-nO', 'NAME', '-j', file], { encoding: 'utf8' }).trim();
const skip = !existsSync('/dev/loop-control') || process.getuid?.() !== 0 ? 'needs root and loop devices' : false;

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-volume-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a volume holds what it was made for and no more, grows, and leaves nothing', { skip }, () => inFolder(async (folder) => {
  const [file, path] = [join(folder, 'a.img'), join(folder, 'a')];
  await makeVolumeFile(file, 20 * MIB, { filesystem: true });
  await Promise.all([placeVolumeFile(file, path, { mayUnmount: true }), placeVolumeFile(file, path, { mayUnmount: false })]);
  try {
    assert.deepEqual(readdirSync(path), [], 'no lost+found');
    assert.throws(() => writeFileSync(join(path, 'much'), Buffer.alloc(24 * MIB)), { code: 'ENOSPC' });
    writeFileSync(join(path, 'much'), 'kept');
    const before = statfsSync(path);
    await growVolumeFile(file, 60 * MIB);
    const { isSmall } = await placeVolumeFile(file, path, { mayUnmount: false });
    assert.equal(isSmall, statfsSync(path).blocks === before.blocks, 'it says what is');
    assert.deepEqual(await placeVolumeFile(file, path, { mayUnmount: true }), { isSmall: false });
    assert.ok(statfsSync(path).blocks > before.blocks * 2.5);
    assert.equal(readFileSync(join(path, 'much'), 'utf8'), 'kept');
    assert.equal(loops(file).split('\n').length, 1, 'attached once');
  } finally {
    await removeVolumeFile(file, path);
  }
  assert.deepEqual([existsSync(file), loops(file), readdirSync(path)], [false, '', []]);
}));

test('one of 16 MiB and more grows while somebody has a file open', { skip: skip || (spawnSync('mkfs.xfs', ['-V']).status === 0 ? false : 'xfsprogs is not installed') }, () => inFolder(async (folder) => {
  const [file, path] = [join(folder, 'c.img'), join(folder, 'c')];
  for (const sizeMib of [16, 100, 400]) {
    await makeVolumeFile(file, sizeMib * MIB, { filesystem: true });
    await placeVolumeFile(file, path, { mayUnmount: false });
    const open = openSync(join(path, 'open'), 'w');
    try {
      const before = statfsSync(path).blocks;
      await growVolumeFile(file, 1_024 * MIB);
      assert.deepEqual(await placeVolumeFile(file, path, { mayUnmount: false }), { isSmall: false }, `of ${sizeMib} MiB`);
      assert.ok(statfsSync(path).blocks > before * 2);
    } finally {
      closeSync(open);
      await removeVolumeFile(file, path);
    }
    assert.equal(loops(file), '');
  }
}));

test('a block volume is a device of its size, attached once', { skip }, () => inFolder(async (folder) => {
  const file = join(folder, 'b.img');
  await makeVolumeFile(file, 5 * MIB, { filesystem: false });
  const device = await attachVolumeFile(file);
  const size = (): number => Number(execFileSync('blockdev', ['--getsize64', device], { encoding: 'utf8' }));
  try {
    assert.equal(await attachVolumeFile(file), device);
    assert.equal(size(), 5 * MIB);
    await growVolumeFile(file, 9 * MIB);
    assert.equal(size(), 9 * MIB);
  } finally {
    await detachVolumeFile(file);
  }
  assert.equal(loops(file), '');
}));

test('a volume for which the disk has no room leaves nothing, nor does one whose making was broken off', { skip }, () => inFolder(async (folder) => {
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  try {
    const file = join(disk, 'a.img');
    writeFileSync(join(disk, 'filler'), Buffer.alloc(MIB - 8_192));
    await assert.rejects(makeVolumeFile(file, 200 * MIB, { filesystem: true }));
    assert.deepEqual(readdirSync(disk), ['filler']);
    writeFileSync(`${file}.partial`, '');
    await removeVolumeFile(file, join(disk, 'a'));
    assert.deepEqual(readdirSync(disk), ['filler']);
  } finally {
    execFileSync('umount', [disk]);
  }
}));
