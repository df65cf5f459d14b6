/** A sandbox: the namespaces that the containers of a pod share, kept by bind mounts, without a process. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unmountLazily } from '../../../base/sys/unmount.ts';
import type { Cni } from './cni.ts';
import type { PodLink } from './link-names.ts';

export interface Sandbox {
  id: string;
  folder: string;
  /** Addresses in the pod network. */
  ips: readonly string[];
  /** Absent where the network has none, or an earlier llmos did not say. */
  link?: PodLink | undefined;
  /** Absent while nobody has it. */
  podUid?: string;
}

const KINDS = ['net', 'uts', 'ipc'] as const;

export function namespacePath(sandbox: Sandbox, kind: (typeof KINDS)[number]): string {
  return join(sandbox.folder, kind);
}

/** Makes namespaces and joins them to the pod network. Leaves nothing behind when it fails. */
export async function makeSandbox(options: { root: string; id: string; cni: Cni }): Promise<Sandbox> {
  const folder = join(options.root, options.id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const sandbox: Sandbox = { id: options.id, folder, ips: [] };
  try {
    for (const kind of KINDS) writeFileSync(join(folder, kind), '');
    const unshare = ['unshare', ...KINDS.map((kind) => `--${kind}=${join(folder, kind)}`), 'ip', 'link', 'set', 'lo', 'up'];
    Object.assign(sandbox, await options.cni.add(options.id, namespacePath(sandbox, 'net'), unshare));
    keepSandbox(sandbox);
    return sandbox;
  } catch (error) {
    await removeSandbox(sandbox, options.cni).catch(() => {});
    throw error;
  }
}

/** Writes down who has it, for the next llmos. */
export function keepSandbox(sandbox: Sandbox): void {
  writeFileSync(join(sandbox.folder, 'sandbox.json'), JSON.stringify({ ips: sandbox.ips, link: sandbox.link, podUid: sandbox.podUid }));
}

/** Gives the addresses back and lets the namespaces go, some of which may never have come to be. */
export async function removeSandbox(sandbox: Sandbox, cni: Cni): Promise<void> {
  const kept = keptKinds(sandbox);
  await cni.remove(sandbox.id, kept.includes('net') ? namespacePath(sandbox, 'net') : '', sandbox.ips);
  if (kept.length > 0) await unmountLazily(kept.map((kind) => namespacePath(sandbox, kind)));
  rmSync(sandbox.folder, { recursive: true, force: true });
}

/** Whether the namespaces are still mounted here: not so after a reboot, or when the mounts of an earlier llmos are gone. */
export function isAlive(sandbox: Sandbox): boolean {
  return keptKinds(sandbox).length === KINDS.length;
}

/** Who makes the namespaces keeps one after the other. */
function keptKinds(sandbox: Sandbox): (typeof KINDS)[number][] {
  const nsfs = statSync('/proc/self/ns/net').dev;
  return KINDS.filter((kind) => statSync(namespacePath(sandbox, kind), { throwIfNoEntry: false })?.dev === nsfs);
}

/** What an earlier llmos left, alive or not. */
export function listSandboxes(root: string): Sandbox[] {
  if (!existsSync(root)) return [];
  return readdirSync(root).map((id) => {
    const folder = join(root, id);
    try {
      return { id, folder, ...(JSON.parse(readFileSync(join(folder, 'sandbox.json'), 'utf8')) as Pick<Sandbox, 'ips' | 'link' | 'podUid'>) };
    } catch {
      return { id, folder, ips: [] };
    }
  });
}
