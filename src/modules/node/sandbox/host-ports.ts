/**
 * Ports of the machine that lead to containers (hostPort): an nftables table of the node's own beside that of the pod network, made with
 * the first such pod and gone with the last. What holds now lies in a file, so that the next llmos goes on with it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { FORWARDED_PORTS } from '../../../sdk/forwarded-ports.ts';
import type { Log } from '../../../base/log.ts';
import { holdsRules } from '../../../base/sys/nft-rules.ts';
import { run } from '../../../base/sys/run.ts';

export interface PortMapping {
  protocol: 'tcp' | 'udp' | 'sctp';
  hostPort: number;
  /** '' means every address of the machine; `0.0.0.0` and `::`, every one of that family. */
  hostIp: string;
  containerPort: number;
}

export interface HostPorts {
  /** Settles when they lead to the pod, what of UDP was led elsewhere before too. Nothing happens for a pod without. Rejects when nft refuses. */
  open(podUid: string, ips: readonly string[], mappings: readonly PortMapping[]): Promise<void>;
  release(podUid: string): Promise<void>;
  owners(): readonly string[];
  /** Looks at once, and every `everyMs` (default 30,000), whether somebody else took the table or its rules away, and writes them again. Until the signal aborts. */
  keep(signal: AbortSignal, options?: { everyMs?: number }): void;
  /** Takes the table away. */
  drain(): Promise<void>;
}

/** A pod's addresses, one a family, and its ports. */
export interface Held { ips: readonly string[]; mappings: readonly PortMapping[] }

type Family = 'ip' | 'ip6';

const LOOK_MS = 30_000;

/** Of app containers and sidecars. */
export function hostPortsOf(pod: Pod): PortMapping[] {
  if (pod.spec?.hostNetwork === true) return [];
  const containers = [...pod.spec!.containers, ...(pod.spec!.initContainers ?? []).filter((each) => each.restartPolicy === 'Always')];
  return containers.flatMap((container) => container.ports ?? []).filter(({ hostPort }) => hostPort !== undefined && hostPort > 0).map((port) => ({
    protocol: (port.protocol ?? 'TCP').toLowerCase() as PortMapping['protocol'], hostPort: port.hostPort!, hostIp: port.hostIP ?? '', containerPort: port.containerPort,
  }));
}

/** `forget` has the kernel forget the flows of UDP that are answered from there (base/sys/udp-flows.ts), and rejects never. */
export function hostPorts(options: { instance: string; file: string; nft: string; families: readonly Family[]; isFurther?: boolean; log: Log; forget(targets: readonly string[]): Promise<void> }): HostPorts {
  // With the digit no instance name is a word of nft's language.
  const table = `${options.instance}0_hostports`;
  const held = new Map<string, Held>(existsSync(options.file) ? readHeld(options.file) : []);
  let last: Promise<unknown> = Promise.resolve();

  const scriptOf = (all: ReadonlyMap<string, Held>): string => options.families.map((family) => hostPortScript(table, [...all.values()], { family, isFurther: options.isFurther })).join('');

  /** At every moment the file names all that the table may have, so that an llmos that is killed leaves nothing that the next one does not know of. */
  let kept: ReadonlyMap<string, Held> = new Map(held);
  function note(all: ReadonlyMap<string, Held>): void {
    if (all.size === kept.size && [...all].every(([uid, each]) => kept.get(uid) === each)) return;
    writeFileSync(`${options.file}.new`, JSON.stringify([...all]));
    renameSync(`${options.file}.new`, options.file);
    kept = all;
  }

  /** One after the other; each brings the table to what is held then. */
  function apply(): Promise<void> {
    const next = last.catch(() => {}).then(async () => {
      const [before, wanted] = [[...kept.values()], new Map(held)];
      note(new Map([...kept, ...wanted]));
      await run(options.nft, ['-f', '-'], { input: scriptOf(wanted) });
      note(wanted);
      const stale = staleFlows(before, [...wanted.values()], ownAddresses());
      if (stale.length > 0) await options.forget(stale);
    });
    last = next;
    return next;
  }

  function look(): Promise<void> {
    const next = last.catch(() => {}).then(async () => {
      const script = scriptOf(kept);
      if (kept.size === 0 || (await holdsRules(options.nft, script))) return;
      options.log.warn('the ports of the machine that lead to pods were taken away by somebody else and are written again', { table });
      await run(options.nft, ['-f', '-'], { input: script });
    });
    last = next;
    return next.catch((error: unknown) => options.log.error('the ports of the machine that lead to pods could not be written again', { error }));
  }

  return {
    keep(signal, { everyMs = LOOK_MS } = {}) {
      void look();
      const timer = setInterval(() => void look(), everyMs).unref();
      signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    },
    async open(podUid, ips, mappings) {
      if (mappings.length === 0) return;
      held.set(podUid, { ips, mappings });
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

/** An earlier llmos wrote one address a pod. */
function readHeld(file: string): [string, Held][] {
  const all = JSON.parse(readFileSync(file, 'utf8')) as [string, Partial<Held> & { ip?: string }][];
  return all.map(([uid, { ip = '', ips = [ip], mappings = [] }]) => [uid, { ips, mappings }]);
}

const ownAddresses = (): string[] => Object.values(networkInterfaces()).flatMap((each) => each ?? []).map(({ address }) => address).filter((address) => !address.startsWith('fe80:'));

const familyOf = (address: string): Family => (address.includes(':') ? 'ip6' : 'ip');
/** For a port of one address, or of one family, whether this is the one; for one of all, always. */
const isOf = ({ hostIp }: PortMapping, family: Family): boolean => hostIp === '' || familyOf(hostIp) === family;
const isAnywhere = ({ hostIp }: PortMapping): boolean => ['', '0.0.0.0', '::'].includes(hostIp);

/**
 * Where flows of UDP are answered from that the rules would lead elsewhere now, as `address:port` or `[address]:port`: pods that have a port no longer, and the machine itself, where
 * one is new (upstream: the CNI plugin portmap, deletePortmapStaleConnections). Pure.
 */
export function staleFlows(before: readonly Held[], now: readonly Held[], machine: readonly string[]): string[] {
  const place = (address: string, port: number): string => (familyOf(address) === 'ip6' ? `[${address}]:${port}` : `${address}:${port}`);
  const udp = (held: readonly Held[], written: (ips: readonly string[], mapping: PortMapping) => readonly string[]): Set<string> => new Set(held.flatMap(({ ips, mappings }) => mappings.filter(({ protocol }) => protocol === 'udp').flatMap((each) => written(ips, each))));
  const pods = (held: readonly Held[]): Set<string> => udp(held, (ips, mapping) => ips.filter((ip) => isOf(mapping, familyOf(ip))).map((ip) => place(ip, mapping.containerPort)));
  const ports = (held: readonly Held[]): Set<string> => udp(held, (ips, mapping) => (isAnywhere(mapping) ? machine.filter((each) => isOf(mapping, familyOf(each)) && ips.some((ip) => familyOf(ip) === familyOf(each))) : [mapping.hostIp]).map((address) => place(address, mapping.hostPort)));
  const only = (these: Set<string>, others: Set<string>): string[] => [...these].filter((each) => !others.has(each));
  return [...only(pods(before), pods(now)), ...only(ports(now), ports(before))];
}

/** The kernel leads nothing from ::1 elsewhere, so it refuses there, and who asks `localhost` goes on to 127.0.0.1. */
const NOT_LOOPBACK = 'ip6 daddr != ::1 ';

/**
 * On a further node answers must come back through it, since pods reach everybody else without it; what it forwards is known by its port, as the pods' policies do not take it for the
 * node. The whole table of a family anew in one transaction; taken away when there is nothing to lead anywhere. Of two pods with one port, the first has it.
 */
export function hostPortScript(table: string, all: readonly Held[], { family = 'ip', isFurther }: { family?: Family; isFurther?: boolean | undefined } = {}): string {
  const begin = `add table ${family} ${table}\ndelete table ${family} ${table}\n`;
  const held = all.flatMap(({ ips, mappings }) => ips.filter((ip) => familyOf(ip) === family).slice(0, 1).map((ip) => ({ ip, mappings: mappings.filter((each) => isOf(each, family)) }))).filter(({ mappings }) => mappings.length > 0);
  if (held.length === 0) return begin;
  const anywhere = new Map<string, string>();
  const there = new Map<string, string>();
  for (const { ip, mappings } of held) {
    for (const mapping of mappings) {
      const { protocol, hostPort, hostIp, containerPort } = mapping;
      const [ports, key] = isAnywhere(mapping) ? [anywhere, `${protocol} . ${hostPort}`] : [there, `${hostIp} . ${protocol} . ${hostPort}`];
      if (!ports.has(key)) ports.set(key, `${ip} . ${containerPort}`);
    }
  }
  const elements = (ports: ReadonlyMap<string, string>): string => (ports.size === 0 ? '' : `elements = { ${[...ports].map(([key, target]) => `${key} : ${target}`).join(', ')} }`);
  const address = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  return `${begin}table ${family} ${table} {
  map anywhere { type inet_proto . inet_service : ${address} . inet_service; ${elements(anywhere)} }
  map there { type ${address} . inet_proto . inet_service : ${address} . inet_service; ${elements(there)} }
  set hairpin { type ${address} . ${address}; elements = { ${[...new Set(held.map(({ ip }) => `${ip} . ${ip}`))].join(', ')} } }
  chain ports {
    ${family === 'ip' ? '' : NOT_LOOPBACK}meta l4proto { tcp, udp, sctp } dnat ${family} to ${family} daddr . meta l4proto . th dport map @there
    ${family === 'ip' ? '' : NOT_LOOPBACK}fib daddr type local meta l4proto { tcp, udp, sctp } dnat ${family} to meta l4proto . th dport map @anywhere
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump ports
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump ports
  }
  # Who came while this table took the place of the one before may have found neither.
  chain prerouting/again {
    type nat hook prerouting priority dstnat + 1; policy accept;
    jump ports
  }
  chain output/again {
    type nat hook output priority -99; policy accept;
    jump ports
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${family} saddr . ${family} daddr @hairpin masquerade
${isFurther === true ? `    ct status dnat fib saddr type != local meta l4proto { tcp, udp, sctp } masquerade to :${FORWARDED_PORTS}\n    ct status dnat masquerade\n` : ''}  }
}
`;
}
