import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compileJsonPath } from './json-path.ts';

const object = { a: { b: [{ t: 'x', n: 1, 'k.v': 'p' }, { t: 'y', n: 2 }, { n: 3 }] }, 'd.e': 'f', 'o=p': 1 };

const found: [string, unknown[]][] = [
  ['.a.b[0].t', ['x']],
  ['{.a.b[*].n}', [1, 2, 3]],
  ['$.a.b[-1].n', [3]],
  ["['d.e']", ['f']],
  ['.d\\.e', ['f']],
  ['.a.b[?(@.t=="y")].n', [2]],
  ["[?(@.t=='y')]", []],
  ['.a.b[?( @.t == "x" )].n', [1]],
  ['.a.b[?(@.n>=2)].n', [2, 3]],
  ['.a.b[?(@.n<2)].n', [1]],
  ['.a.b[?(@.t!="x")].n', [2, 3]],
  ['.a.b[?(@.t)].n', [1, 2]],
  ['.a.b[?(@.k\\.v=="p")].n', [1]],
  ['.none.b', []],
];
for (const [path, values] of found) it(`finds ${path}`, () => assert.deepEqual(compileJsonPath(path)(object), values));

const refused = ['a', '.a[', '.a[?(b==1)]', '.a[?(@.n=1)]', '.a[?(@.n==)]', '.a[?(@.n!)]', `.a[?(@${' '.repeat(50_000)}=)]`, `.a[?(@${'\\'.repeat(50_001)}=)]`, `.a${'[?('.repeat(20_000)}`];
for (const path of refused) {
  it(`refuses ${path.slice(0, 30)} at once`, () => {
    const before = process.cpuUsage();
    assert.throws(() => compileJsonPath(path), (error: Error) => error instanceof RangeError && error.message.length < 1_000);
    assert.ok(process.cpuUsage(before).user < 1_000_000, 'it took too long');
  });
}
