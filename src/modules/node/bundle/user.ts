/** Who a process runs as: securityContext over the image's USER, looked up in the image's /etc/passwd and /etc/group. */
import type { OciUser } from './oci.ts';
import type { PodSecurityContext, SecurityContext } from '../../../api/generated/core-v1.ts';

/** Reads a file of the image; undefined when it is not there. */
export type ReadImageFile = (path: string) => string | undefined;

export interface UserAnswer {
  user: OciUser;
  /** Home folder by /etc/passwd, `/` when unknown. */
  home: string;
}

/** `label` names pod and container in what is thrown. Throws with kubelet's words when the user is unknown or runAsNonRoot is not kept. */
export function containerUser(input: { pod?: PodSecurityContext; container?: SecurityContext; imageUser?: string; read: ReadImageFile; label?: string }): UserAnswer {
  const { pod, container, read } = input;
  const of = input.label === undefined ? '' : ` (${input.label})`;
  const runAsUser = container?.runAsUser ?? pod?.runAsUser;
  const [imageUser = '', imageGroup] = (input.imageUser ?? '').split(':');
  const entry = passwdEntry(read, runAsUser === undefined ? imageUser : String(runAsUser));
  if (entry === undefined) throw new Error(`unable to find user ${imageUser}: no matching entries in passwd file`);
  const nonRoot = container?.runAsNonRoot ?? pod?.runAsNonRoot;
  if (nonRoot === true && runAsUser === undefined && imageUser !== '' && !/^\d+$/.test(imageUser)) {
    throw new Error(`container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root${of}`);
  }
  if (nonRoot === true && entry.uid === 0) throw new Error(`${runAsUser === 0 ? "container's runAsUser breaks non-root policy" : 'container has runAsNonRoot and image will run as root'}${of}`);
  const runAsGroup = container?.runAsGroup ?? pod?.runAsGroup;
  const gid = runAsGroup !== undefined ? Number(runAsGroup) : (runAsUser === undefined && imageGroup !== undefined && imageGroup !== '' ? groupId(read, imageGroup) : entry.gid);
  const merge = pod?.supplementalGroupsPolicy !== 'Strict' && entry.name !== undefined;
  // The first group is among the others, as with containerd: a program that takes on another group does not lose this one, and what its members may not do it may not either.
  const groups = new Set([gid, ...(merge ? groupsOf(read, entry.name!) : []), ...(pod?.supplementalGroups ?? []).map(Number), ...(pod?.fsGroup === undefined ? [] : [Number(pod.fsGroup)])]);
  return { user: { uid: entry.uid, gid, additionalGids: [...groups] }, home: entry.home };
}

interface Entry { name?: string; uid: number; gid: number; home: string }

function passwdEntry(read: ReadImageFile, user: string): Entry | undefined {
  const wanted = user === '' ? '0' : user;
  const numeric = /^\d+$/.test(wanted);
  for (const line of (read('/etc/passwd') ?? '').split('\n')) {
    const [name, , uid, gid, , home] = line.split(':');
    if (name === wanted || (numeric && uid === wanted)) return { name, uid: Number(uid), gid: Number(gid), home: home || '/' };
  }
  return numeric ? { uid: Number(wanted), gid: 0, home: wanted === '0' ? '/root' : '/' } : undefined;
}

function groupId(read: ReadImageFile, group: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  for (const line of (read('/etc/group') ?? '').split('\n')) {
    const [name, , gid] = line.split(':');
    if (name === group) return Number(gid);
  }
  throw new Error(`unable to find group ${group}: no matching entries in group file`);
}

function groupsOf(read: ReadImageFile, user: string): number[] {
  return (read('/etc/group') ?? '').split('\n').map((line) => line.split(':')).filter((parts) => parts[3]?.split(',').includes(user)).map((parts) => Number(parts[2]));
}
