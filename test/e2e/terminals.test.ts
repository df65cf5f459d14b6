/** What a person sees who runs a command with a terminal: the bytes that the command wrote, however quick it ends. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, it } from 'node:test';
import { promisify } from 'node:util';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, type Instance } from '../fixtures/instance.ts';

const TRIES = 30;
const exec = promisify(execFile);
let llmos: Instance;

before(async () => {
  llmos = await bootInstance();
  importTestImage(llmos);
  assert.equal((await llmos.kubectl('run', 'shell', `--image=${TEST_IMAGE}`, '--image-pull-policy=Never', '--command', '--', 'sleep', '100000')).code, 0);
  assert.equal((await llmos.kubectl('wait', '--for=condition=Ready', 'pod/shell', '--timeout=120s')).code, 0);
});
after(() => llmos?.destroy());

/** kubectl with a terminal of 40 rows, which script(1) gives it. */
async function inTerminal(command: string): Promise<{ code: number; output: string }> {
  const line = 'stty rows 40 cols 100; exec kubectl exec -it shell -- sh -c "$COMMAND"';
  const options = { env: { ...process.env, KUBECONFIG: llmos.kubeconfig, SHELL: '/bin/sh', COMMAND: command } };
  return exec('script', ['--quiet', '--return', '--command', line, '/dev/null'], options).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, output: error.stdout }),
  );
}

it('the output of a command that ends at once is whole, and nothing else', { timeout: 300_000 }, async () => {
  for (let at = 0; at < TRIES; at++) assert.deepEqual(await inTerminal('tty; echo done'), { code: 0, output: '/dev/pts/0\r\ndone\r\n' });
});

it('so is more than one message of it', { timeout: 120_000 }, async () => {
  const lines = Array.from({ length: 12 }, (_, index) => `line ${index} of some forty characters, or more\r\n`).join('');
  for (let at = 0; at < TRIES / 3; at++) assert.deepEqual(await inTerminal('i=0; while [ $i -lt 12 ]; do echo "line $i of some forty characters, or more"; i=$((i+1)); done'), { code: 0, output: lines });
});

it('one that there is not is told of, and its code', async () => {
  const { code, output } = await inTerminal('exit 3');
  assert.deepEqual([code, output], [3, 'command terminated with exit code 3\r\n']);
  const missing = await exec('script', ['--quiet', '--return', '--command', 'kubectl exec -it shell -- no-such-command', '/dev/null'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig, SHELL: '/bin/sh' } }).catch((error: { stdout: string }) => error);
  assert.match(missing.stdout, /no-such-command.*(not found|No such file)/);
});
