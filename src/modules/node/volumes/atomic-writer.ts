/**
 * Writes files so that a container sees all of a change or nothing: a fresh folder of its own time, a link `..data` that is renamed onto it,
 * and one link a top-level name through `..data` (the layout that kubelet's volumes have, which programs watch).
 */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Payload } from './payload.ts';

/** Gives whether anything changed. `group` owns the files and may read them. */
export function writePayload(folder: string, payload: Payload, options: { group?: number } = {}): boolean {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o777);
  giveFolder(folder, options.group);
  const current = currentFolder(folder);
  dropHalfDone(folder, current);
  if (current !== undefined && same(current, payload, options.group)) {
    linkNames(folder, payload);
    return false;
  }
  const fresh = mkdtempSync(join(folder, '..2'));
  chmodSync(fresh, 0o755);
  giveFolder(fresh, options.group);
  for (const [path, file] of payload) {
    const target = join(fresh, path);
    makeFolders(fresh, dirname(path), options.group);
    writeFileSync(target, file.data);
    chmodSync(target, withGroup(file.mode, options.group));
    if (options.group !== undefined || file.user !== undefined) chownSync(target, file.user ?? 0, options.group ?? 0);
  }
  symlinkSync(fresh.slice(folder.length + 1), join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  linkNames(folder, payload);
  if (current !== undefined) rmSync(current, { recursive: true, force: true });
  return true;
}

/** What is in a folder of the group is the group's (upstream: SetVolumeOwnership of a volume that is read-only). */
function giveFolder(folder: string, group: number | undefined): void {
  if (group === undefined) return;
  chownSync(folder, 0, group);
  chmodSync(folder, (statSync(folder).mode & 0o777) | 0o2550);
}

function makeFolders(root: string, path: string, group: number | undefined): void {
  if (path === '.' || existsSync(join(root, path))) return;
  makeFolders(root, dirname(path), group);
  mkdirSync(join(root, path));
  giveFolder(join(root, path), group);
}

/** What a writer left that was killed at it: all that is neither the link nor what it leads to. */
function dropHalfDone(folder: string, current: string | undefined): void {
  for (const name of readdirSync(folder)) {
    if (name === '..data_tmp' || (name.startsWith('..2') && join(folder, name) !== current)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function withGroup(mode: number, group: number | undefined): number {
  return group === undefined ? mode : mode | 0o440;
}

function linkNames(folder: string, payload: Payload): void {
  const names = new Set([...payload.keys()].map((path) => path.split('/')[0]!));
  for (const name of names) if (!linkExists(join(folder, name))) symlinkSync(join('..data', name), join(folder, name));
  for (const name of readdirSync(folder)) if (!name.startsWith('..') && !names.has(name)) rmSync(join(folder, name), { force: true });
}

function linkExists(path: string): boolean {
  try { readlinkSync(path); return true; } catch { return false; }
}

function currentFolder(folder: string): string | undefined {
  try {
    const path = join(folder, readlinkSync(join(folder, '..data')));
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function same(folder: string, payload: Payload, group: number | undefined): boolean {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  if (paths.length !== payload.size) return false;
  return [...payload].every(([path, file]) => {
    const target = join(folder, path);
    const stat = statSync(target, { throwIfNoEntry: false });
    return stat !== undefined && (stat.mode & 0o7777) === withGroup(file.mode, group) && stat.uid === (file.user ?? 0) && readFileSync(target).equals(file.data);
  });
}
