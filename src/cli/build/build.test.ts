/** Real builds, of small images, into a storage of their own. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runAny } from '../../base/sys/run.ts';
import { build, type BuildProgress } from './build.ts';
import { exportImage, importImage, listImages, pruneImages, removeImage } from './images.ts';

const POSSIBLE = process.getuid?.() === 0 && existsSync('/usr/bin/buildah') && existsSync('/bin/busybox');

test('building', { skip: POSSIBLE ? false : 'needs root, buildah and busybox-static' }, async (t) => {
  let folder = '';
  const storage = (): { imagesRoot: string; imagesRunRoot: string } => ({ imagesRoot: join(folder, 'images'), imagesRunRoot: join(folder, 'run') });
  const context = async (name: string, files: Record<string, string>): Promise<string> => {
    const path = join(folder, name);
    await mkdir(path);
    for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
    return path;
  };
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'llmos-build-'))));
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  await t.test('an image from nothing, with its steps told, and removed again', async () => {
    const contextFolder = await context('one', { Dockerfile: 'FROM scratch\nCOPY hello.txt /\nCMD ["/hello"]\n', 'hello.txt': 'hello' });
    const seen: BuildProgress[] = [];
    const result = await build({ ...storage(), contextFolder, tag: 'one', cacheFolder: join(folder, 'cache'), onProgress: (each) => void seen.push(each) });
    assert.equal(result.name, 'localhost/one:latest');
    assert.deepEqual(seen.filter((each) => each.type === 'step').map((each) => `${each.number}/${each.total} ${each.text}`), ['1/3 FROM scratch', '2/3 COPY hello.txt /', '3/3 CMD ["/hello"]']);
    assert.deepEqual((await listImages(storage())).map((each) => each.names), [['localhost/one:latest']]);
    assert.ok(result.imageId.startsWith((await listImages(storage()))[0]?.id ?? '?'));
  });

  await t.test('export, removal and import give it back', async () => {
    const file = join(folder, 'one.tar');
    await exportImage(storage(), 'one', file);
    await assert.rejects(exportImage(storage(), 'one', file), /exists already/);
    await removeImage(storage(), 'one');
    await pruneImages(storage());
    assert.deepEqual(await listImages(storage()), []);
    await importImage(storage(), file, { name: 'localhost/two:1' });
    assert.deepEqual((await listImages(storage())).flatMap((each) => each.names), ['localhost/two:1']);
    await assert.rejects(importImage(storage(), join(folder, 'one', 'hello.txt')), /neither a docker archive nor an OCI archive/);
  });

  await t.test('what fails says why', async () => {
    const cacheFolder = join(folder, 'cache');
    await assert.rejects(build({ ...storage(), contextFolder: folder, cacheFolder }), /there is no .*Dockerfile and no .*Containerfile/);
    const missing = await context('missing', { Dockerfile: 'FROM scratch\nCOPY absent.txt /\n' });
    await assert.rejects(build({ ...storage(), contextFolder: missing, cacheFolder }), /building .*Dockerfile failed: .*absent\.txt/);
    const foreign = await context('foreign', { Dockerfile: 'FROM localhost/never-built:1\n' });
    await assert.rejects(build({ ...storage(), contextFolder: foreign, cacheFolder }), /the base image 'localhost\/never-built:1' is not on this machine and cannot be pulled/);
  });

  await t.test('an abort ends the build', async () => {
    const busy = await context('busy', { Dockerfile: 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "600"]\n' });
    await runAny('cp', ['/bin/busybox', join(busy, 'busybox')]);
    const stop = new AbortController();
    let abortedMs = Infinity;
    const abort = (): void => {
      abortedMs = performance.now();
      stop.abort();
    };
    const ended = build({ ...storage(), contextFolder: busy, cacheFolder: join(folder, 'cache'), signal: stop.signal, onProgress: (each) => { if (each.type === 'step' && each.number === 3) setTimeout(abort, 300); } });
    await assert.rejects(ended, { name: 'AbortError' });
    assert.ok(performance.now() - abortedMs < 60_000);
  });
});
