import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { execInContainer } from './exec.ts';
import type { ContainerPlace, ContainerRuntime } from './runtime.ts';

/** The script stands for a runtime: the file of the pid is its first argument. */
async function exec(script: string): Promise<Awaited<ReturnType<typeof execInContainer>>> {
  const bundle = mkdtempSync(join(tmpdir(), 'llmos-exec-'));
  try {
    writeFileSync(join(bundle, 'config.json'), JSON.stringify({ process: { env: [], args: [], oomScoreAdj: 0 } }));
    const runtime = { execCommand: (_place: unknown, { pidFile }: { pidFile: string }) => ({ file: 'sh', args: ['-c', script, 'sh', pidFile] }) } as unknown as ContainerRuntime;
    return await execInContainer(runtime, { bundle } as ContainerPlace, ['true'], { timeoutMs: 100_000 });
  } finally {
    rmSync(bundle, { recursive: true });
  }
}

test('a command that ran has a code', async () => {
  assert.deepEqual(await exec('echo $$ > "$1"; echo no; exit 3'), { code: 3, output: 'no', timedOut: false });
  assert.equal((await exec('exit 0')).code, 0);
});

test('of a command that could not be started there is only to say why', async () => {
  await assert.rejects(exec('echo "executable file /none not found" >&2; exit 255'), /^Error: executable file \/none not found$/);
  await assert.rejects(exec(`echo 'time="2026-11-22T21:08:50Z" level=error msg="exec failed: \\"/none\\": no such file"' >&2; exit 1`), /^Error: exec failed: "\/none": no such file$/);
  await assert.rejects(exec('exit 128'), /could not be started \(code 128\)/);
});
