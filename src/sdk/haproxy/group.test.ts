import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { run } from '../../base/sys/run.ts';
import { groupToRunAs, mayBecome } from './group.ts';

test('a group may be had with the capability, where the user namespace knows it', () => {
  const all = '         0          0 4294967295\n';
  const rows: [string, string, boolean][] = [['000001fffeffffff', all, true], ['000001fffeffffbf', all, false], ['0000000000000040', all, true], ['0000000000000000', all, false], ['000001ffffffffff', '0 1000 1\n1 100000 65536\n', true], ['000001ffffffffff', '0 1000 1\n', false]];
  for (const [capabilities, gidMap, wanted] of rows) assert.equal(mayBecome(61_000, { status: `Name:\tnode\nCapEff:\t${capabilities}\n`, gidMap }), wanted, `${capabilities} ${gidMap}`);
});

test('this process knows what it may', { skip: process.getuid?.() === 0 && existsSync('/usr/bin/setpriv') ? false : 'needs root and setpriv' }, async () => {
  assert.equal(groupToRunAs(61_000), 61_000);
  const script = `import { groupToRunAs } from ${JSON.stringify(new URL('./group.ts', import.meta.url).href)}; console.log(groupToRunAs(61_000));`;
  assert.equal(await run('setpriv', ['--bounding-set=-setgid', '--inh-caps=-setgid', process.execPath, '--input-type=module', '-e', script]), 'undefined\n');
});
