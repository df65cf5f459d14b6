import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
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

  it('are not those of a source that has changed, in size or in time, or is gone', () => {
    for (const name of ['size.ts', 'time.ts', 'gone.ts', 'same.ts']) put(name, 'x');
    writeTranslatedSources(file, folder, ['size.ts', 'time.ts', 'gone.ts', 'same.ts'], () => 'y');
    const sources = openTranslatedSources(file, folder);
    put('size.ts', 'xx');
    utimesSync(join(folder, 'time.ts'), 1, 1);
    rmSync(join(folder, 'gone.ts'));
    assert.deepEqual(['size.ts', 'time.ts', 'gone.ts', 'same.ts'].map((name) => sources?.read(name)), [undefined, undefined, undefined, 'y']);
  });

  it('go on as they were for who has opened them when others take their place', () => {
    put('a.ts', 'a');
    writeTranslatedSources(file, folder, ['a.ts'], () => 'first');
    const before = openTranslatedSources(file, folder);
    writeTranslatedSources(file, folder, ['a.ts'], () => 'second');
    assert.deepEqual([before?.read('a.ts'), openTranslatedSources(file, folder)?.read('a.ts')], ['first', 'second']);
  });

  it('are none where there is no file, or only a part of its first line', () => {
    assert.equal(openTranslatedSources(join(folder, 'none'), folder), undefined);
    writeFileSync(file, '{"a.ts":[1');
    assert.equal(openTranslatedSources(file, folder), undefined);
  });
});
