import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { programLauncher, quoted } from './launcher.ts';

const launcher = programLauncher(() => ({ PATH: process.env['PATH'], WORD: 'given' }));

function heard(text: string): Promise<string[]> {
  return new Promise((resolve) => {
    const lines: string[] = [];
    launcher.launch(text, (line) => (line === undefined ? resolve(lines) : void lines.push(line)));
  });
}

for (const [what, text, lines] of [
  ['what it says of errors', 'echo one >&2; echo two >&2', ['one', 'two']],
  ['its answer, and nothing after', `echo careful >&2; echo '{"pid":1}' >&3; echo more >&3`, ['careful', '{"pid":1}']],
  ['nothing of what it says otherwise', 'echo one', []],
  ['its environment', 'echo "$WORD" >&3', ['given']],
  ['a program that is not there', 'exec /nowhere/program', [/not found|No such file/]],
  ['words as they are', `printf '%s' ${quoted(`it's "$HOME" \\ \`x\` é`)} >&3; echo >&3`, [`it's "$HOME" \\ \`x\` é`]],
  ['long lines, cut', `printf '%5000s\\n' x >&3`, [' '.repeat(3_500)]],
] as const) {
  test(`launched programs: ${what}`, async () => {
    const all = await heard(text);
    assert.equal(all.length, lines.length, all.join());
    for (const [index, line] of lines.entries()) {
      if (typeof line === 'string') assert.equal(all[index], line);
      else assert.match(all[index] ?? '', line);
    }
  });
}

test('many at once, each with its own answer, even of one that lives on; none is left as a zombie', async () => {
  const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => heard(`sleep ${n === 7 ? 2 : 0.05} & echo '{"n":${n}}' >&3; exec true`)));
  assert.deepEqual(answers.map(([line]) => line), Array.from({ length: 40 }, (_, n) => `{"n":${n}}`));
  await eventually(() => shells().every((pid) => childrenOf(pid).every((child) => !/^\d+ \(.*\) Z/.test(stateOf(child)))));
});

test('one that hangs is listened to no longer when nobody waits for it, and is not told of', async () => {
  const told: (string | undefined)[] = [];
  const stop = launcher.launch('echo begun >&2; exec sleep 1', (line) => void told.push(line));
  await eventually(() => told.length > 0);
  assert.equal(launcher.waiting, 1);
  stop();
  assert.equal(launcher.waiting, 0);
  assert.deepEqual(await heard('echo other >&3'), ['other']);
  assert.deepEqual(told, ['begun']);
});

test('when its shell is killed it says so, and another takes its place', async () => {
  const waits = heard('exec sleep 5');
  await eventually(() => shells().length > 0);
  for (const pid of shells()) process.kill(pid, 'SIGKILL');
  assert.deepEqual(await waits, []);
  assert.deepEqual(await heard('echo again >&3'), ['again']);
});

async function eventually(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    assert.ok(tries < 1_000, 'it never came');
    await sleep(20);
  }
}

function shells(): number[] {
  return childrenOf(process.pid).filter((pid) => !stateOf(pid).includes(') Z'));
}

function childrenOf(pid: number): number[] {
  try { return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((each) => each !== '').map(Number); } catch { return []; }
}

function stateOf(pid: number): string {
  try { return readFileSync(`/proc/${pid}/stat`, 'utf8'); } catch { return ''; }
}
