/** Devices that a device plugin names by CDI: what the specifications in the machine's folders add to a container (Container Device Interface 1.0, SPEC.md). */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ownValue } from '../../../api/json.ts';
import type { OciHooks, OciMount } from '../bundle/oci.ts';
import { nodesAt, type GivenDevice } from '../bundle/devices.ts';
import { namesIn } from '../read-files.ts';

interface Edits {
  env?: string[];
  deviceNodes?: { path: string; hostPath?: string; type?: string; major?: number; minor?: number; fileMode?: number; permissions?: string; uid?: number; gid?: number }[];
  mounts?: { hostPath: string; containerPath: string; options?: string[]; type?: string }[];
  hooks?: { hookName: string; path: string; args?: string[]; env?: string[]; timeout?: number }[];
  additionalGids?: number[];
}
interface Spec { cdiVersion: string; kind: string; devices: { name: string; containerEdits?: Edits }[]; containerEdits?: Edits }

/** What a container gets by its CDI devices. */
export interface CdiGift {
  env: Map<string, string>;
  devices: GivenDevice[];
  mounts: OciMount[];
  hooks: OciHooks;
  additionalGids: number[];
}

const NAME = /^([a-z0-9A-Z][\w.-]*\/[A-Za-z][\w.-]*)=([A-Za-z0-9][\w.:-]*)$/;
const MOST_BYTES = 4 * 1024 * 1024;
const HOOKS: Record<string, keyof OciHooks | undefined> = { prestart: 'prestart', createRuntime: 'createRuntime', createContainer: 'createContainer', startContainer: 'startContainer', poststart: 'poststart', poststop: 'poststop' };

/** Read at each start, since drivers write their specifications anew; a later folder wins. Throws with the device that cannot be resolved. */
export function cdiGift(names: readonly string[], folders: readonly string[]): CdiGift {
  const gift: CdiGift = { env: new Map(), devices: [], mounts: [], hooks: {}, additionalGids: [] };
  const specs = folders.map(readSpecs);
  const used = new Set<Spec>();
  for (const name of names) {
    const [, kind, device] = NAME.exec(name) ?? [];
    if (kind === undefined || device === undefined) throw new Error(`unresolvable CDI device ${name}: it must have the form vendor.com/class=name`);
    const found = specs.toReversed().flatMap((all) => [all.filter((spec) => spec.kind === kind && spec.devices.some((each) => each.name === device))]).find((all) => all.length > 0) ?? [];
    const [spec] = found;
    if (spec === undefined) throw new Error(`unresolvable CDI devices ${name}: no specification in ${folders.join(' or ')} has it`);
    if (found.length > 1) throw new Error(`unresolvable CDI devices ${name}: ${found.length} specifications of the same folder have it`);
    if (!used.has(spec)) apply(gift, spec.containerEdits);
    used.add(spec);
    apply(gift, spec.devices.find((each) => each.name === device)?.containerEdits);
  }
  return gift;
}

/** Files that are not understood are passed over: their devices are missing then. */
function readSpecs(folder: string): Spec[] {
  return namesIn(folder).filter((name) => /\.(json|yaml)$/.test(name)).sort().flatMap((name) => {
    try {
      const file = join(folder, name);
      if (statSync(file).size > MOST_BYTES) return [];
      const spec = parse(readFileSync(file, 'utf8')) as Spec | null;
      return typeof spec?.kind === 'string' && Array.isArray(spec.devices) ? [spec] : [];
    } catch {
      return [];
    }
  });
}

function apply(gift: CdiGift, edits: Edits = {}): void {
  for (const each of edits.env ?? []) gift.env.set(each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1));
  for (const node of edits.deviceNodes ?? []) gift.devices.push(...deviceOf(node));
  for (const { hostPath, containerPath, options, type } of edits.mounts ?? []) gift.mounts.push({ destination: containerPath, type: type ?? 'bind', source: hostPath, options: options ?? ['rbind', 'rprivate', 'ro', 'nosuid', 'nodev'] });
  for (const { hookName, path, args, env, timeout } of edits.hooks ?? []) {
    const when = ownValue(HOOKS, hookName);
    if (when === undefined) throw new Error(`a CDI specification has a hook of the unknown name ${hookName}`);
    (gift.hooks[when] ??= []).push({ path, ...(args === undefined ? {} : { args }), ...(env === undefined ? {} : { env }), ...(timeout === undefined ? {} : { timeout }) });
  }
  gift.additionalGids.push(...(edits.additionalGids ?? []));
}

/** What the specification leaves out is that of the machine's node. */
function deviceOf(node: NonNullable<Edits['deviceNodes']>[number]): GivenDevice[] {
  const hostPath = node.hostPath ?? node.path;
  const [found] = nodesAt(hostPath);
  if (found === undefined && (node.type === undefined || node.major === undefined)) throw new Error(`${hostPath} is no device`);
  const { type = found?.type ?? 'c', major = found?.major ?? 0, minor = found?.minor ?? 0, fileMode = found?.fileMode, uid = found?.uid, gid = found?.gid } = node;
  return [{ type, path: node.path, major, minor, ...(fileMode === undefined ? {} : { fileMode: fileMode & 0o777 }), ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }), access: node.permissions || 'rwm' }];
}
