/**
 * `npm run test:guest`: tests of real containers, unchanged, in a guest with cgroup v2 (see boot.ts). The last line counts, as that of `npm test`.
 *
 *   npm run test:guest                 the files below
 *   npm run test:guest -- FILE ...     these
 *   npm run test:guest -- sh COMMAND   a command, in the repository, instead of tests
 */
import { relative, resolve } from 'node:path';
import { runInGuest } from './boot.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FILES = ['control-groups', 'limits', 'first-hour', 'exclusive-cpus', 'node-resources', 'recovery'].map((name) => `test/e2e/${name}.test.ts`);
/** How much slower than a real one the emulated machine may be. */
const PATIENCE = 15;
const TIMEOUT_MS = Number(process.env['LLMOS_GUEST_TIMEOUT_S'] ?? 7_200) * 1_000;

const words = process.argv.slice(2);
const files = words.length > 0 ? words.map((file) => relative(ROOT, resolve(file))) : FILES;
const command = words[0] === 'sh' ? words.slice(1).join(' ') : `./llmos-node test/run.ts ${files.map((file) => `'${file}'`).join(' ')}`;
const environment = { LLMOS_TEST_GUEST: '1', LLMOS_TEST_PATIENCE: String(PATIENCE) };
const script = `${Object.entries(environment).map(([name, value]) => `export ${name}='${value}'`).join('\n')}\n${command}\n`;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1)); // and the guest ends
const fromMs = performance.now();
try {
  const { code, console: said } = await runInGuest({ command: script, timeoutMs: TIMEOUT_MS, onOutput: (text) => void process.stdout.write(text) });
  console.error(`the guest lived for ${Math.round((performance.now() - fromMs) / 1_000)} s`);
  if (code === undefined) console.error(`it ended before the command did, or had no more time (LLMOS_GUEST_TIMEOUT_S); its console:\n${said.slice(-4_000)}`);
  process.exit(code ?? 1);
} catch (error) {
  console.error(`no tests were run in a guest: ${(error as Error).message}`);
  process.exit(1);
}
