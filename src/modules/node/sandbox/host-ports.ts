/**
 * Ports of the machine that lead to containers (hostPort): an nftables table of the node's own beside that of the pod network, made with
 * the first such pod and gone with the last. What holds now lies in a file, so that the next llmos goes on with it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { FORWARDED_PORTS } from '../../../sdk/forwarded-ports.ts';
import { run } from '../../../base/sys/run.ts';

export interface PortMapping {
  protocol: 'tcp' | 'udp' | 'sctp';
  hostPort: number;
  /** '' means every address of the machine. */
  hostIp: string;
  containerPort: number;
}

export interface HostPorts {
  /** Settles when they lead to the pod, what of UDP was led elsewhere before too. Nothing happens for a pod without. Rejects when nft refuses. */
  open(podUid: string, ip: string, mappings: readonly PortMapping[]): Promise<void>;
  release(podUid: string): Promise<void>;
  owners(): readonly string[];
  /** Takes the table away. */
  drain(): Promise<void>;
}

export interface Held { ip: string; mappings: readonly PortMapping[] }

/** Of app containers and sidecars; those of IPv6 addresses are left out, the pod network is IPv4. */
export function hostPortsOf(pod: Pod): PortMapping[] {
  if (pod.spec?.hostNetwork === true) return [];
  const containers = [...pod.spec!.containers, ...(pod.spec!.initContainers ?? []).filter((each) => each.restartPolicy === 'Always')];
  return containers.flatMap((container) => container.ports ?? []).filter(({ hostPort, hostIP }) => hostPort !== undefined && hostPort > 0 && !(hostIP ?? '').includes(':')).map((port) => ({
    protocol: (port.protocol ?? 'TCP').toLowerCase() as PortMapping['protocol'], hostPort: port.hostPort!, hostIp: port.hostIP === undefined || port.hostIP === '0.0.0.0' ? '' : port.hostIP, containerPort: port.containerPort,
  }));
}

/** `forget` has the kernel forget the flows of UDP that are answered from there (base/sys/udp-flows.ts), and rejects never. */
export function hostPorts(options: { instance: string; file: string; nft: string; isFurther?: boolean; forget(targets: readonly string[]): Promise<void> }): HostPorts {
  // With the digit no instance name is a word of nft's language.
  const table = `${options.instance}0_hostports`;
  const held = new Map<string, Held>(existsSync(options.file) ? (JSON.parse(readFileSync(options.file, 'utf8')) as [string, Held][]) : []);
  let last: Promise<unknown> = Promise.resolve();

  /** At every moment the file names all that the table may have, so that an llmos that is killed leaves nothing that the next one does not know of. */
  let kept: ReadonlyMap<string, Held> = new Map(held);
  function keep(all: ReadonlyMap<string, Held>): void {
    if (all.size === kept.size && [...all].every(([uid, each]) => kept.get(uid) === each)) return;
    writeFileSync(`${options.file}.new`, JSON.stringify([...all]));
    renameSync(`${options.file}.new`, options.file);
    kept = all;
  }

  /** One after the other; each brings the table to what is held then. */
  function apply(): Promise<void> {
    const next = last.catch(() => {}).then(async () => {
      const [before, wanted] = [[...kept.values()], new Map(held)];
      keep(new Map([...kept, ...wanted]));
      await run(options.nft, ['-f', '-'], { input: hostPortScript(table, [...wanted.values()], { isFurther: options.isFurther }) });
      keep(wanted);
      const stale = staleFlows(before, [...wanted.values()], ownAddresses());
      if (stale.length > 0) await options.forget(stale);
    });
    last = next;
    return next;
  }

  return {
    async open(podUid, ip, mappings) {
      if (mappings.length === 0) return;
      held.set(podUid, { ip, mappings });
      await apply();
    },
    async release(podUid) {
      if (held.delete(podUid)) await apply();
    },
    owners: () => [...held.keys()],
    async drain() {
      if (held.size === 0) return;
      held.clear();
      await apply();
    },
  };
}

const ownAddresses = (): string[] => Object.values(networkInterfaces()).flatMap((each) => each ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => address);

/**
 * Where flows of UDP are answered from that the rules would lead elsewhere now: pods that have a port no longer, and the machine itself, where one is new (upstream: the CNI
 * plugin portmap, deletePortmapStaleConnections). Pure.
 */
export function staleFlows(before: readonly Held[], now: readonly Held[], machine: readonly string[]): string[] {
  const udp = (held: readonly Held[], written: (ip: string, mapping: PortMapping) => readonly string[]): Set<string> => new Set(held.flatMap(({ ip, mappings }) => mappings.filter(({ protocol }) => protocol === 'udp').flatMap((each) => written(ip, each))));
  const pods = (held: readonly Held[]): Set<string> => udp(held, (ip, { containerPort }) => [`${ip}:${containerPort}`]);
  const ports = (held: readonly Held[]): Set<string> => udp(held, (_ip, { hostIp, hostPort }) => (hostIp === '' ? machine : [hostIp]).map((address) => `${address}:${hostPort}`));
  const only = (these: Set<string>, others: Set<string>): string[] => [...these].filter((each) => !others.has(each));
  return [...only(pods(before), pods(now)), ...only(ports(now), ports(before))];
}

/** On a further node answers must come back through it, since pods reach everybody else without it; what it forwards is known by its port, as the pods' policies do not take it for the node. The whole table anew in one transaction; taken away when there is nothing to lead anywhere. Of two pods with one port, the first has it. */
export function hostPortScript(table: string, held: readonly Held[], { isFurther }: { isFurther?: boolean } = {}): string {
  const begin = `add table ip ${table}\ndelete table ip ${table}\n`;
  if (held.length === 0) return begin;
  const anywhere = new Map<string, string>();
  const there = new Map<string, string>();
  for (const { ip, mappings } of held) {
    for (const { protocol, hostPort, hostIp, containerPort } of mappings) {
      const [ports, key] = hostIp === '' ? [anywhere, `${protocol} . ${hostPort}`] : [there, `${hostIp} . ${protocol} . ${hostPort}`];
      if (!ports.has(key)) ports.set(key, `${ip} . ${containerPort}`);
    }
  }
  const elements = (ports: ReadonlyMap<string, string>): string => (ports.size === 0 ? '' : `elements = { ${[...ports].map(([key, target]) => `${key} : ${target}`).join(', ')} }`);
  return `${begin}table ip ${table} {
  map anywhere { type inet_proto . inet_service : ipv4_addr . inet_service; ${elements(anywhere)} }
  map there { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; ${elements(there)} }
  set hairpin { type ipv4_addr . ipv4_addr; elements = { ${[...new Set(held.map(({ ip }) => `${ip} . ${ip}`))].join(', ')} } }
  chain ports {
    meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @there
    fib daddr type local meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @anywhere
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump ports
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr . ip daddr @hairpin masquerade
${isFurther === true ? `    ct status dnat fib saddr type != local meta l4proto { tcp, udp, sctp } masquerade to :${FORWARDED_PORTS}\n    ct status dnat masquerade\n` : ''}  }
}
`;
}
