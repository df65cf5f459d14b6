/** Which kernel settings a pod may have (Kubernetes: "Using sysctls in a Kubernetes Cluster"). Pure. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { Refusal } from './admit.ts';

/** Harmless to others, so that every pod may set them. */
const SAFE = new Set([
  'kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start', 'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem',
]);
/** Those of a namespace of the pod; all others are the whole machine's. */
const NAMESPACED: readonly [RegExp, 'hostIPC' | 'hostNetwork'][] = [[/^(kernel\.(sem$|shm|msg)|fs\.mqueue\.)/, 'hostIPC'], [/^net\./, 'hostNetwork']];

/** `allowed` are names, or beginnings of names with a `*`, that the administrator lets pods set (modules.node.allowedUnsafeSysctls). */
export function refusedSysctl({ spec }: Pod, allowed: readonly string[]): Refusal | undefined {
  for (const { name } of spec?.securityContext?.sysctls ?? []) {
    const plain = name.replaceAll('/', '.');
    if (!SAFE.has(plain) && !allowed.some((each) => (each.endsWith('*') ? plain.startsWith(each.slice(0, -1)) : plain === each))) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${JSON.stringify(name)} not allowlisted` };
    const shared = NAMESPACED.find(([pattern]) => pattern.test(plain))?.[1];
    if (shared !== undefined && spec?.[shared] === true) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${JSON.stringify(name)} not allowed with ${shared === 'hostIPC' ? 'host ipc' : 'host net'} enabled` };
  }
  return undefined;
}

/** Throws when they are no names of settings that pods have of their own. */
export function allowedSysctls(config: Readonly<Record<string, unknown>>): readonly string[] {
  const given = config['allowedUnsafeSysctls'] ?? [];
  if (!Array.isArray(given) || given.some((each) => typeof each !== 'string' || !NAMESPACED.some(([pattern]) => pattern.test(each)))) {
    throw new Error(`modules.node.allowedUnsafeSysctls must be a list of names such as kernel.msgmax or net.core.* beneath kernel.sem, kernel.shm*, kernel.msg*, fs.mqueue.* and net.*, not ${JSON.stringify(given)}`);
  }
  return given as string[];
}
