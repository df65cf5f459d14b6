/** Pulls an image into the store with skopeo. One pull a name at a time, a second caller with the same credentials waits for the first; and a few at a time, others wait their turn. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageBytes, watchPull, type PullProgress } from '../../../base/sys/pull-progress.ts';
import { runAny } from '../../../base/sys/run.ts';
import { takeTurns } from '../../../base/turns.ts';
import type { RegistryFiles } from '../../../base/sys/registries.ts';
import { endUsersOf } from '../lifecycle/strays.ts';
import { namesIn } from '../read-files.ts';
import { reachRegistry } from './reach.ts';
import type { ImageStorage } from './storage.ts';

export interface Puller {
  /** Rejects with a short message that says why. `auth` is the text of a docker config.json with credentials. */
  pull(name: string, options?: { signal?: AbortSignal; auth?: string }): Promise<void>;
  /** Of a pull that goes on for a while. */
  progress?(name: string): PullProgress | undefined;
}

export interface PullerOptions {
  skopeo: string;
  storage: ImageStorage;
  /** Whose pulls these are: several agents of a machine share their images, and each clears away after itself alone. */
  owner: string;
  /** Of a whole pull; default 30 minutes. */
  timeoutMs?: number;
  /** How long nothing may come before the pull is given up: for the first byte of a layer, default a minute, and then, default five (as containerd). */
  patience?: { firstMs: number; nextMs: number };
  /** At the same time; default 4. Each fetches several layers at once. */
  mostAtOnce?: number;
  registries?: RegistryFiles;
  /** The network namespace to pull from; default that of llmos. */
  network?: string;
}

export function skopeoPuller(options: PullerOptions): Puller {
  const turns = takeTurns(options.mostAtOnce ?? MOST_AT_ONCE);
  const running = new Map<string, Promise<void>>();
  const progress = new Map<string, PullProgress>();
  const own = `${PARTS}${options.owner}-`;
  for (const name of namesIn(options.storage.root)) if (name.startsWith(own)) giveUp(join(options.storage.root, name));
  async function pull(name: string, call: { signal?: AbortSignal; auth?: string }): Promise<void> {
    const { root, runRoot } = options.storage;
    if (options.registries?.isMirrored(name) !== true && options.network === undefined) await reachRegistry(name);
    for (const folder of [root, runRoot]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const authFile = call.auth === undefined ? undefined : join(runRoot, `auth-${randomBytes(8).toString('hex')}.json`);
    if (authFile !== undefined) writeFileSync(authFile, call.auth!, { mode: 0o600 });
    const { certFolder, conf } = options.registries ?? {};
    const auth = [...(authFile === undefined ? [] : ['--src-authfile', authFile]), ...(certFolder === undefined ? [] : ['--src-cert-dir', certFolder])];
    const [program = '', ...before] = options.network === undefined ? [options.skopeo] : ['nsenter', `--net=${options.network}`, options.skopeo];
    const parts = mkdtempSync(join(root, own));
    const command = [...before, ...(conf === undefined ? [] : ['--registries-conf', conf]), '--tmpdir', parts];
    const inspecting = [...(authFile === undefined ? [] : ['--authfile', authFile]), ...(certFolder === undefined ? [] : ['--cert-dir', certFolder])];
    const silence = listen(options.patience ?? PATIENCE);
    const watched = watchPull(parts, () => imageBytes([program, ...command], inspecting, name), (now) => {
      progress.set(name, now);
      silence.heard(now);
    });
    const result = await runAny(program, [...command, 'copy', '--quiet', ...auth, `docker://${name}`, `containers-storage:[overlay@${root}+${runRoot}]${name}`],
      { timeoutMs: options.timeoutMs ?? 30 * 60_000, signal: call.signal === undefined ? silence.signal : AbortSignal.any([call.signal, silence.signal]) }).catch((error: Error) => {
      throw silence.signal.aborted ? (silence.signal.reason as Error) : error;
    }).finally(() => {
      watched.stop();
      progress.delete(name);
      rmSync(parts, { recursive: true, force: true });
      if (authFile !== undefined) rmSync(authFile, { force: true });
    });
    if (result.code !== 0) throw new Error(explain(result.stderr, result.code));
  }
  return {
    progress: (name) => progress.get(name),
    pull(name, call = {}) {
      const key = `${name} ${call.auth ?? ''}`;
      const already = running.get(key);
      if (already !== undefined) return already;
      const pulling = turns(() => pull(name, call)).finally(() => running.delete(key));
      running.set(key, pulling);
      return pulling;
    },
  };
}

/** A pull of an earlier llmos may still wait for its registry, and holds locks of the storage while it unpacks. */
function giveUp(parts: string): void {
  endUsersOf(parts);
  rmSync(parts, { recursive: true, force: true });
}

const PATIENCE = { firstMs: 60_000, nextMs: 300_000 };

/** Aborts when nothing came for too long, so that a registry that hangs keeps no place from others. A whole image may take its time to be unpacked. */
function listen(patience: { firstMs: number; nextMs: number }): { signal: AbortSignal; heard(now: PullProgress): void } {
  const abort = new AbortController();
  let [bytes, sinceMs] = [0, performance.now()];
  return {
    signal: abort.signal,
    heard(now) {
      if (now.bytes > bytes || now.bytes === now.totalBytes) [bytes, sinceMs] = [now.bytes, performance.now()];
      const mostMs = bytes === 0 ? patience.firstMs : patience.nextMs;
      if (performance.now() - sinceMs > mostMs) abort.abort(new Error(`the registry sent nothing for ${Math.round(mostMs / 1_000)} s`));
    },
  };
}

const MOST_AT_ONCE = 4;
/** Beginning of the names of folders for what is not whole yet; on the disk, since layers may be larger than memory. */
const PARTS = 'pull-';

/** The last words of skopeo without its log dress. */
function explain(stderr: string, code: number): string {
  const line = stderr.trim().split('\n').filter((each) => each !== '').at(-1) ?? `skopeo ended with code ${code}`;
  const message = /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]?.replaceAll('\\"', '"') ?? line;
  return message.slice(0, 1_000);
}
