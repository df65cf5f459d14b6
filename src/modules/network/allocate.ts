/**
 * Gives Services their cluster IPs and node ports (upstream: registry/core/service/storage/alloc.go).
 *
 * What is taken follows from the Services that exist; what was given to a write under way is kept for a moment, until the cache shows it.
 * The lower part of each range is left to those who ask for a certain value, as upstream does (KEP-3070, KEP-3668).
 */
import { invalid, type FieldError } from '../../api/field-error.ts';
import { ApiError } from '../../api/errors.ts';
import type { Service, ServiceSpec } from '../../api/generated/core-v1.ts';
import { addressValue, formatIPv6, isIP, rangeValue } from '../../api/ip.ts';
import { formatIpv4 } from './address.ts';
import { refusal, settleFamilies, type FamilyName } from './families.ts';

export interface Range {
  first: number;
  last: number;
  /** Values below this are given only on request, as long as others are free. */
  reservedBelow: number;
}

/** Who has what: of the Services that exist, and of writes under way. */
export interface Book {
  /** Takes in what an existing Service has now; undefined when it is gone. */
  observe(owner: string, service: Service | undefined): void;
  /** Gives a new or changed Service what it lacks, or refuses what it may not have with an ApiError. */
  allocate(service: Service, old: Service | undefined, options: { owner: string; dryRun: boolean; nowMs: number; exists(owner: string): Promise<boolean> }): Promise<void>;
}

const PENDING_MS = 10_000;

export function nodePortRange(first: number, last: number): Range {
  const reserved = Math.min(Math.max(16, Math.floor((last - first + 1) / 32)), 128);
  return { first, last, reservedBelow: first + reserved };
}

/** The addresses of one family. What is taken is known by its distance from the first address of the range. */
interface Pool {
  cidr: string;
  taken: Taken;
  textOf(distance: number): string;
  /** Undefined for what is no address of the range that may be given. */
  distanceOf(address: string): number | undefined;
}

/** No more Services than that have addresses, however large the range is. */
const LARGEST = 2 ** 31;

function createPool(cidr: string): Pool {
  const { base, size, family } = rangeValue(cidr)!;
  const count = Number(size > BigInt(LARGEST) ? BigInt(LARGEST) : size);
  const reserved = Math.min(Math.max(16, Math.floor(count / 16)), 256);
  return {
    cidr, taken: createTaken({ first: 1, last: count - 2, reservedBelow: reserved }),
    textOf: (distance) => (family === 4 ? formatIpv4(Number(base) + distance) : formatIPv6(base + BigInt(distance))),
    distanceOf(address) {
      const value = addressValue(address);
      if (value === undefined || isIP(address) !== family || value <= base || value >= base + BigInt(count) - 1n) return undefined;
      return Number(value - base);
    },
  };
}

/** `serviceCidr6`: that of the second family, where there is one. */
export function createBook(serviceCidr: string, ports: Range = nodePortRange(30_000, 32_767), serviceCidr6?: string): Book {
  const pools = new Map<FamilyName, Pool>([['IPv4', createPool(serviceCidr)], ...(serviceCidr6 === undefined ? [] : [['IPv6', createPool(serviceCidr6)] as const])]);
  const nodePorts = createTaken(ports);

  async function allocateAddresses(service: Service, spec: ServiceSpec, old: Service | undefined, options: AllocateOptions): Promise<void> {
    if (spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None') return;
    const had = new Set(old?.spec?.clusterIPs ?? [old?.spec?.clusterIP ?? '']);
    const asked = spec.clusterIPs?.some((each) => each !== '') ? spec.clusterIPs : [spec.clusterIP ?? ''];
    const given: string[] = [];
    for (const [index, family] of ((spec.ipFamilies ?? []) as readonly string[] as FamilyName[]).entries()) {
      const pool = pools.get(family);
      const wanted = asked[index] ?? '';
      if (wanted !== '' && had.has(wanted)) given.push(wanted);
      else if (pool !== undefined) given.push(await addressOf(service, pool, wanted, options));
    }
    spec.clusterIPs = given;
    spec.clusterIP = given[0];
  }

  async function addressOf(service: Service, pool: Pool, asked: string, options: AllocateOptions): Promise<string> {
    if (asked === '') {
      const free = pool.taken.next(options);
      if (free === undefined) throw new ApiError('InternalError', `failed to allocate a serviceIP: range is full`);
      return pool.textOf(free);
    }
    const distance = pool.distanceOf(asked);
    const why = distance === undefined ? `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${pool.cidr}`
      : (await pool.taken.take(distance, options)) ? undefined : 'provided IP is already allocated';
    if (why !== undefined) throw refusal(service, [invalid('spec.clusterIPs', [asked], `failed to allocate IP ${asked}: ${why}`)]);
    return asked;
  }

  async function allocatePorts(service: Service, spec: ServiceSpec, old: Service | undefined, options: AllocateOptions): Promise<void> {
    const wanted = spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
    const possible = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
    const had = new Set((old?.spec?.ports ?? []).map((each) => each.nodePort));
    const errors: FieldError[] = [];
    const byPort = new Map<number, number>();
    for (const [index, port] of (spec.ports ?? []).entries()) {
      if (!possible) break;
      if (port.nodePort && !had.has(port.nodePort) && !byPort.has(port.nodePort)) {
        const inRange = port.nodePort >= ports.first && port.nodePort <= ports.last;
        const why = !inRange ? `provided port is not in the valid range. The range of valid ports is ${ports.first}-${ports.last}`
          : (await nodePorts.take(port.nodePort, options)) ? undefined : 'provided port is already allocated';
        if (why !== undefined) errors.push(invalid(`spec.ports[${index}].nodePort`, port.nodePort, why));
      } else if (!port.nodePort && wanted) {
        // The same port over TCP and UDP is one node port.
        const sibling = spec.ports?.find((each) => each !== port && each.port === port.port && each.protocol !== port.protocol && each.nodePort)?.nodePort;
        const free = sibling ?? nodePorts.next(options);
        if (free === undefined) throw new ApiError('InternalError', 'failed to allocate a nodePort: range is full');
        port.nodePort = free;
      }
      if (port.nodePort) byPort.set(port.nodePort, index);
    }
    if (errors.length > 0) throw refusal(service, errors);
  }

  /** A load balancer that keeps to its own machine's endpoints tells by a port of its own whether it has any. */
  async function allocateHealthPort(service: Service, spec: ServiceSpec, old: Service | undefined, options: AllocateOptions): Promise<void> {
    if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') return;
    const asked = spec.healthCheckNodePort ?? 0;
    if (asked > 0) {
      if (asked === old?.spec?.healthCheckNodePort) return;
      if (!(await nodePorts.take(asked, options))) throw refusal(service, [invalid('spec.healthCheckNodePort', asked, 'provided port is already allocated')]);
      return;
    }
    const free = nodePorts.next(options);
    if (free === undefined) throw new ApiError('InternalError', 'failed to allocate a health check node port: range is full');
    spec.healthCheckNodePort = free;
  }

  return {
    observe(owner, service) {
      const spec = service?.spec;
      const has = spec?.clusterIPs ?? [spec?.clusterIP ?? ''];
      for (const { taken, distanceOf } of pools.values()) taken.observe(owner, has.map(distanceOf).filter((each) => each !== undefined));
      nodePorts.observe(owner, [...(spec?.ports ?? []).map((each) => each.nodePort ?? 0), spec?.healthCheckNodePort ?? 0].filter((each) => each > 0));
    },
    async allocate(service, old, options) {
      const spec = (service.spec ??= {});
      if (spec.type === 'ExternalName') return;
      settleFamilies(service, spec, old, [...pools.keys()]);
      await allocateAddresses(service, spec, old, options);
      await allocatePorts(service, spec, old, options);
      await allocateHealthPort(service, spec, old, options);
    },
  };
}

interface AllocateOptions {
  owner: string;
  dryRun: boolean;
  nowMs: number;
  exists(owner: string): Promise<boolean>;
}

interface Taken {
  observe(owner: string, values: readonly number[]): void;
  /** Whether the owner has the value now. */
  take(value: number, options: AllocateOptions): Promise<boolean>;
  next(options: AllocateOptions): number | undefined;
}

function createTaken(range: Range): Taken {
  const holders = new Map<number, string>();
  const held = new Map<string, readonly number[]>();
  const pending = new Map<number, { owner: string; untilMs: number }>();

  const holderOf = (value: number, nowMs: number): string | undefined => {
    const waiting = pending.get(value);
    if (waiting !== undefined && waiting.untilMs > nowMs) return waiting.owner;
    pending.delete(value);
    return holders.get(value);
  };
  const keep = (value: number, { owner, dryRun, nowMs }: AllocateOptions): void => {
    if (!dryRun) pending.set(value, { owner, untilMs: nowMs + PENDING_MS });
  };
  const search = (first: number, last: number, options: AllocateOptions): number | undefined => {
    const size = last - first + 1;
    if (size <= 0) return undefined;
    const start = Math.floor(Math.random() * size);
    for (let offset = 0; offset < size; offset++) {
      const value = first + ((start + offset) % size);
      if (holderOf(value, options.nowMs) === undefined) return value;
    }
    return undefined;
  };

  return {
    observe(owner, values) {
      for (const value of held.get(owner) ?? []) if (holders.get(value) === owner) holders.delete(value);
      if (values.length === 0) held.delete(owner);
      else held.set(owner, values);
      for (const value of values) holders.set(value, owner);
      for (const [value, waiting] of pending) if (waiting.owner === owner && (values.includes(value) || values.length === 0)) pending.delete(value);
    },
    async take(value, options) {
      const holder = holderOf(value, options.nowMs);
      // The cache may not have seen yet that the holder is gone.
      if (holder !== undefined && holder !== options.owner && (pending.has(value) || (await options.exists(holder)))) return false;
      keep(value, options);
      return true;
    },
    next(options) {
      const value = search(range.reservedBelow, range.last, options) ?? search(range.first, Math.min(range.reservedBelow - 1, range.last), options);
      if (value !== undefined) keep(value, options);
      return value;
    },
  };
}
