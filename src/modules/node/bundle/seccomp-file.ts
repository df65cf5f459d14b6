/** A seccomp profile of the machine's administrator, `Localhost` (core/v1 SeccompProfile): the format of the OCI runtime configuration, or that of containers' own profiles. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OciSeccomp } from './oci.ts';

interface Rule { name?: string; names?: string[]; action: string; errnoRet?: number; args?: OciSeccomp['syscalls'][number]['args'] | null; includes?: Scope; excludes?: Scope }
interface Scope { caps?: string[]; arches?: string[]; minKernel?: string }
interface Profile { defaultAction: string; defaultErrnoRet?: number; architectures?: string[]; archMap?: { architecture: string; subArchitectures?: string[] | null }[]; archs?: unknown; syscalls?: Rule[] }

const MOST_BYTES = 1024 * 1024;
const ARCH: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };
const NATIVE: Record<string, string> = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' };

/** `folder` is that of all profiles, `name` a path within it. Throws when there is none, or none that is understood. */
export function seccompFile(folder: string, name: string, capabilities: readonly string[], arch: string = process.arch): OciSeccomp {
  const file = join(folder, name);
  const profile = read(folder, file);
  if (typeof profile.defaultAction !== 'string') throw new Error(`the seccomp profile ${file} has no defaultAction`);
  const own = profile.archMap?.find(({ architecture }) => architecture === NATIVE[arch]);
  const architectures = own === undefined ? profile.architectures : [own.architecture, ...(own.subArchitectures ?? [])];
  const syscalls = (profile.syscalls ?? []).filter(({ includes, excludes }) => includesAll(includes, capabilities, arch) && !excludesAny(excludes, capabilities, arch))
    .map(({ name: single, names, action, errnoRet, args }) => ({ names: names ?? [single ?? ''], action, ...(errnoRet === undefined ? {} : { errnoRet }), ...((args ?? []).length === 0 ? {} : { args: args! }) }));
  return { defaultAction: profile.defaultAction, ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }), ...(architectures === undefined ? {} : { architectures }), syscalls };
}

function read(folder: string, file: string): Profile {
  try {
    if (!realpathSync(file).startsWith(`${realpathSync(folder)}/`)) throw new Error('it lies elsewhere');
    if (statSync(file).size > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES} bytes`);
    return JSON.parse(readFileSync(file, 'utf8')) as Profile;
  } catch (error) {
    throw new Error(`cannot load seccomp profile "${file}": ${(error as Error).message}`, { cause: error });
  }
}

function includesAll(scope: Scope | undefined, capabilities: readonly string[], arch: string): boolean {
  return (scope?.caps ?? []).every((each) => capabilities.includes(each)) && (scope?.arches === undefined || scope.arches.length === 0 || scope.arches.includes(ARCH[arch] ?? arch));
}

function excludesAny(scope: Scope | undefined, capabilities: readonly string[], arch: string): boolean {
  return (scope?.caps ?? []).some((each) => capabilities.includes(each)) || (scope?.arches ?? []).includes(ARCH[arch] ?? arch);
}
