/** Pulls an image into the store with skopeo. One pull a name at a time, a second caller waits for the first; and a few at a time, others wait their turn. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runAny } from '../../../base/sys/run.ts';
import type { RegistryFiles } from '../../../base/sys/registries.ts';
import { reachRegistry } from './reach.ts';
import type { ImageStorage } from './storage.ts';

export interface Puller {
  /** Rejects with a short message that says why. `auth` is the text of a docker config.json with credentials. */
  pull(name: string, options?: { signal?: AbortSignal; auth?: string }): Promise<void>;
}

export interface PullerOptions {
  skopeo: string;
  storage: ImageStorage;
  /** Of a whole pull; default 30 minutes. A registry that does not answer is given up by skopeo itself. */
  timeoutMs?: number;
  /** At the same time; default 4. Each fetches several layers at once. */
  mostAtOnce?: number;
  registries?: RegistryFiles;
  /** The network namespace to pull from; default that of llmos. */
  network?: string;
}

export function skopeoPuller(options: PullerOptions): Puller {
  const turns = takeTurns(options.mostAtOnce ?? MOST_AT_ONCE);
  const running = new Map<string, Promise<void>>();
  async function pull(name: string, call: { signal?: AbortSignal; auth?: string }): Promise<void> {
    const { root, runRoot } = options.storage;
    if (options.registries?.isMirrored(name) !== true && options.network === undefined) await reachRegistry(name);
    for (const folder of [root, runRoot]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const authFile = call.auth === undefined ? undefined : join(runRoot, `auth-${randomBytes(8).toString('hex')}.json`);
    if (authFile !== undefined) writeFileSync(authFile, call.auth!, { mode: 0o600 });
    const { certFolder, conf } = options.registries ?? {};
    const auth = [...(authFile === undefined ? [] : ['--src-authfile', authFile]), ...(certFolder === undefined ? [] : ['--src-cert-dir', certFolder])];
    const [program = '', ...before] = options.network === undefined ? [options.skopeo] : ['nsenter', `--net=${options.network}`, options.skopeo];
    const result = await runAny(program, [...before, ...(conf === undefined ? [] : ['--registries-conf', conf]), 'copy', '--quiet', ...auth, `docker://${name}`, `containers-storage:[overlay@${root}+${runRoot}]${name}`],
      { timeoutMs: options.timeoutMs ?? 30 * 60_000, signal: call.signal }).finally(() => { if (authFile !== undefined) rmSync(authFile, { force: true }); });
    if (result.code !== 0) throw new Error(explain(result.stderr, result.code));
  }
  return {
    pull(name, call = {}) {
      const already = running.get(name);
      if (already !== undefined) return already;
      const pulling = turns(() => pull(name, call)).finally(() => running.delete(name));
      running.set(name, pulling);
      return pulling;
    },
  };
}

const MOST_AT_ONCE = 4;

/** Lets so many run at the same time; the others wait in line. */
function takeTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const line: (() => void)[] = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((next) => line.push(next));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = line.shift();
      if (next === undefined) running -= 1;
      else next(); // the place goes to the next in line
    }
  };
}

/** The last words of skopeo without its log dress. */
function explain(stderr: string, code: number): string {
  const line = stderr.trim().split('\n').filter((each) => each !== '').at(-1) ?? `skopeo ended with code ${code}`;
  const message = /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]?.replaceAll('\\"', '"') ?? line;
  return message.slice(0, 1_000);
}
