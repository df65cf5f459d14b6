/**
 * Gives Services their cluster IPs and node ports (upstream: registry/core/service/storage/alloc.go).
 *
 * What is taken follows from the Services that exist; what was given to a write under way is kept for a moment, until the cache shows it.
 * The lower part of each range is left to those who ask for a certain value, as upstream does (KEP-3070, KEP-3668).
 */
import { invalid, type FieldError } from '../../api/field-error.ts';
import { ApiError } from '../../api/errors.ts';
import type { Service, ServiceSpec } from '../../api/generated/core-v1.ts';
import { wantsNodePorts } from '../../api/core/service-update.ts';
import { refusal, settleFamilies, type FamilyName } from './families.ts';
import { createPool, createTaken, type AllocateOptions, type Pool, type Range } from './pools.ts';

/** Who has what: of the Services that exist, and of writes under way. */
export interface Book {
  /** Takes in what an existing Service has now; undefined when it is gone. */
  observe(owner: string, service: Service | undefined): void;
  /** Takes in that an address is somebody's who is no Service; undefined when it is nobody's any more. */
  reserve(owner: string, address: string | undefined): void;
  /** Ranges beside those of the cluster. What lies in new ones is to be observed again. */
  widen(cidrs: readonly string[]): void;
  /** Gives a new or changed Service what it lacks, or refuses what it may not have with an ApiError. */
  allocate(service: Service, old: Service | undefined, options: AllocateOptions): Promise<void>;
}

const TAKEN = 'provided port is already allocated';

export function nodePortRange(first: number, last: number): Range {
  const reserved = Math.min(Math.max(16, Math.floor((last - first + 1) / 32)), 128);
  return { first, last, reservedBelow: first + reserved };
}

/** `serviceCidr6`: that of the second family, where there is one. */
export function createBook(serviceCidr: string, ports: Range = nodePortRange(30_000, 32_767), serviceCidr6?: string): Book {
  const own = [serviceCidr, ...(serviceCidr6 === undefined ? [] : [serviceCidr6])].map(createPool);
  const families: readonly FamilyName[] = serviceCidr6 === undefined ? ['IPv4'] : ['IPv4', 'IPv6'];
  let pools = own;
  const nodePorts = createTaken(ports);

  async function allocateAddresses(service: Service, spec: ServiceSpec, old: Service | undefined, options: AllocateOptions): Promise<void> {
    if (spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None') return;
    const had = old === undefined || old.spec?.type === 'ExternalName' ? [] : (old.spec?.clusterIPs ?? [old.spec?.clusterIP ?? '']).filter((each) => each !== '');
    const asked = spec.clusterIPs?.some((each) => each !== '') ? spec.clusterIPs : [spec.clusterIP ?? ''];
    const given: string[] = [];
    for (const [index, family] of ((spec.ipFamilies ?? []) as readonly string[] as FamilyName[]).entries()) {
      const wanted = asked[index] ?? '';
      // Whether another one may take the place of one that it has, the validation says.
      if (wanted !== '' && had[index] !== undefined) given.push(wanted);
      else if (families.includes(family)) given.push(await addressOf(service, pools.filter(({ cidr }) => cidr.includes(':') === (family === 'IPv6')), wanted, options));
    }
    spec.clusterIPs = given;
    spec.clusterIP = given[0];
  }

  /** Of the first range that has one, or the one that is asked for. */
  async function addressOf(service: Service, among: readonly Pool[], asked: string, options: AllocateOptions): Promise<string> {
    if (asked === '') {
      for (const { taken, textOf } of among) {
        const free = taken.next(options);
        if (free !== undefined) return textOf(free);
      }
      throw new ApiError('InternalError', `failed to allocate a serviceIP: range is full`);
    }
    const pool = among.find(({ distanceOf }) => distanceOf(asked) !== undefined);
    const why = pool === undefined ? `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${among.map(({ cidr }) => cidr).join(', ')}`
      : (await pool.taken.take(pool.distanceOf(asked)!, options)) ? undefined : 'provided IP is already allocated';
    if (why !== undefined) throw refusal(service, [invalid('spec.clusterIPs', [asked], `failed to allocate IP ${asked}: ${why}`)]);
    return asked;
  }

  function outOfRange(port: number): string | undefined {
    return port >= ports.first && port <= ports.last ? undefined : `provided port is not in the valid range. The range of valid ports is ${ports.first}-${ports.last}`;
  }

  async function allocatePorts(service: Service, spec: ServiceSpec, old: Service | undefined, options: AllocateOptions): Promise<void> {
    const wanted = wantsNodePorts(spec);
    const possible = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
    const has = new Set((old?.spec?.ports ?? []).map((each) => each.nodePort));
    const given = new Map<number, number>();
    const errors: FieldError[] = [];
    for (const [index, port] of (spec.ports ?? []).entries()) {
      if (!possible) break;
      if (!port.nodePort && !wanted) continue;
      // The same port over TCP and UDP is one node port; of two ports that are made together, each has its own.
      port.nodePort ||= spec.ports?.find((each) => each.port === port.port && each.protocol !== port.protocol && each.nodePort)?.nodePort ?? nodePorts.next(options) ?? 0;
      if (port.nodePort === 0) throw new ApiError('InternalError', 'failed to allocate a nodePort: range is full');
      const other = given.get(port.nodePort);
      if (has.has(port.nodePort) || (other !== undefined && (old !== undefined || other === port.port))) continue;
      const isOwn = other !== undefined || port.nodePort === old?.spec?.healthCheckNodePort;
      const why = outOfRange(port.nodePort) ?? (!isOwn && (await nodePorts.take(port.nodePort, options)) ? undefined : TAKEN);
      if (why !== undefined) errors.push(invalid(`spec.ports[${index}].nodePort`, port.nodePort, why));
      given.set(port.nodePort, port.port);
    }
    if (errors.length > 0) throw refusal(service, errors);
  }

  /** A load balancer that keeps to its own machine's endpoints tells by a port of its own whether it has any. */
  async function allocateHealthPort(service: Service, spec: ServiceSpec, old: Service | undefined, options: AllocateOptions): Promise<void> {
    if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') return;
    const asked = spec.healthCheckNodePort ?? 0;
    if (asked > 0) {
      if (asked === old?.spec?.healthCheckNodePort) return;
      const isOwn = [...(spec.ports ?? []), ...(old?.spec?.ports ?? [])].some(({ nodePort }) => nodePort === asked);
      const why = outOfRange(asked) ?? (!isOwn && (await nodePorts.take(asked, options)) ? undefined : TAKEN);
      if (why !== undefined) throw refusal(service, [invalid('spec.healthCheckNodePort', asked, why)]);
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
      for (const { taken, distanceOf } of pools) taken.observe(owner, has.map(distanceOf).filter((each) => each !== undefined));
      nodePorts.observe(owner, [...(spec?.ports ?? []).map((each) => each.nodePort ?? 0), spec?.healthCheckNodePort ?? 0].filter((each) => each > 0));
    },
    reserve(owner, address) {
      for (const { taken, distanceOf } of pools) taken.observe(owner, [address === undefined ? undefined : distanceOf(address)].filter((each) => each !== undefined));
    },
    widen(cidrs) {
      pools = [...own, ...cidrs.filter((cidr) => !own.some((pool) => pool.cidr === cidr)).map((cidr) => pools.find((pool) => pool.cidr === cidr) ?? createPool(cidr))];
    },
    async allocate(service, old, options) {
      const spec = (service.spec ??= {});
      if (spec.type === 'ExternalName') return;
      settleFamilies(service, spec, old, families);
      await allocateAddresses(service, spec, old, options);
      await allocatePorts(service, spec, old, options);
      await allocateHealthPort(service, spec, old, options);
    },
  };
}
