import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openTranslatedSources, writeTranslatedSources } from './translated-sources.ts';

describe('translated sources', () => {
  const folder = `${mkdtempSync(join(tmpdir(), 'llmos-sources-'))}/`;
  const file = join(folder, 'sources');
  after(() => rmSync(folder, { recursive: true }));
  const put = (name: string, text: string): void => writeFileSync(folder + name, text);

  it('are what was written, each by its name, and not one byte of a neighbour', () => {
    put('a.ts', 'a');
    put('b.ts', 'b');
    writeTranslatedSources(file, folder, ['a.ts', 'b.ts'], (name) => `const ${name[0]} = '…’${'ü'.repeat(40_000)}';\n`);
    const sources = openTranslatedSources(file, folder);
    for (const name of ['a', 'b']) assert.equal(sources?.read(`${name}.ts`), `const ${name} = '…’${'ü'.repeat(40_000)}';\n`);
    assert.equal(sources?.read('c.ts'), undefined);
  });

  it('are not those of a source that has changed, in size or in time, or in neither as an archive unpacks it, or is gone', () => {
    const names = ['size.ts', 'time.ts', 'text.ts', 'gone.ts', 'same.ts'];
    for (const name of names) {
      put(name, 'x');
      utimesSync(folder + name, 2, 2);
    }
    writeTranslatedSources(file, folder, names, () => 'y');
    const sources = openTranslatedSources(file, folder);
    put('size.ts', 'xx');
    changed('time.ts', 'x', 1);
    changed('text.ts', 'z', 2);
    rmSync(join(folder, 'gone.ts'));
    assert.deepEqual(names.map((name) => sources?.read(name)), [undefined, undefined, undefined, undefined, 'y']);
  });

  /** With this time of its own. The kernel's clock for files ticks each few ms. */
  function changed(name: string, text: string, atSeconds: number): void {
    const before = statSync(folder + name).ctimeMs;
    do {
      put(name, text);
      utimesSync(folder + name, atSeconds, atSeconds);
    } while (statSync(folder + name).ctimeMs === before);
  }

  it('go on as they were for who has opened them when others take their place', () => {
    put('a.ts', 'a');
    writeTranslatedSources(file, folder, ['a.ts'], () => 'first');
    const before = openTranslatedSources(file, folder);
    writeTranslatedSources(file, folder, ['a.ts'], () => 'second');
    assert.deepEqual([before?.read('a.ts'), openTranslatedSources(file, folder)?.read('a.ts')], ['first', 'second']);
  });

  it('are none where there is no file, or only a part of its first line, or another first line', () => {
    assert.equal(openTranslatedSources(join(folder, 'none'), folder), undefined);
    for (const text of ['{"a.ts":[1', '{"a.ts":[1\n', '\0\0\0\n']) {
      writeFileSync(file, text);
      assert.equal(openTranslatedSources(file, folder), undefined);
    }
  });

  it('leave nothing beside where they cannot take their place', () => {
    put('a.ts', 'a');
    mkdirSync(join(folder, 'taken'));
    assert.throws(() => writeTranslatedSources(join(folder, 'taken'), folder, ['a.ts'], () => 'x'), { code: 'EISDIR' });
    assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith('taken.')), []);
  });

  it('are found in a folder whose name is not as URLs write it', () => {
    const root = join(folder, 'some folder (é)');
    for (const name of ['resolve-sources.ts', 'translated-sources.ts']) {
      mkdirSync(join(root, 'src/base'), { recursive: true });
      copyFileSync(join(import.meta.dirname, name), join(root, 'src/base', name));
    }
    writeFileSync(join(root, 'src/said.ts'), "console.log('source' as string);\n");
    writeTranslatedSources(join(root, 'sources'), join(root, 'src/'), ['said.ts'], () => "console.log('translated');\n");
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', pathToFileURL(join(root, 'src/base/resolve-sources.ts')).href, join(root, 'src/said.ts')], { encoding: 'utf8', env: { ...process.env, NODE_COMPILE_CACHE: root, NODE_OPTIONS: '' } });
    assert.equal(stdout, 'translated\n', stderr);
  });
});
