/** The group as which an HAProxy runs, so that the rules know its connections, where llmos may give it one. */
import { readFileSync } from 'node:fs';

/** Of linux/capability.h. */
const CAP_SETGID = 6n;

/** The group, if this process may start programs as it: with CAP_SETGID, in a user namespace that has it. */
export function groupToRunAs(group: number): number | undefined {
  try {
    return mayBecome(group, { status: readFileSync('/proc/self/status', 'utf8'), gidMap: readFileSync('/proc/self/gid_map', 'utf8') }) ? group : undefined;
  } catch {
    return group; // what is not known is tried
  }
}

/** By the texts of proc(5) `status` and user_namespaces(7) `gid_map`. Pure. */
export function mayBecome(group: number, { status, gidMap }: { status: string; gidMap: string }): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const isMapped = gidMap.trim().split('\n').some((line) => {
    const [first = NaN, , count = 0] = line.trim().split(/\s+/).map(Number);
    return group >= first && group < first + count;
  });
  return isMapped && ((effective >> CAP_SETGID) & 1n) === 1n;
}
