/**
 * ServiceCIDRs: the one of the cluster's own ranges, and more of users' (upstream: servicecidrs, defaultservicecidr). A range is ready when nothing of the
 * machine's network is in it, and goes when no address of it is in use any more.
 */
import { addressValue, canonicalIp, isWithin, rangeValue } from '../../api/ip.ts';
import { IPAddress } from '../../api/networking/ip-address.ts';
import { isReady, ServiceCIDR } from '../../api/networking/service-cidr.ts';
import type { Condition } from '../../api/meta.ts';
import { aborted } from '../../base/aborted.ts';
import { rfc3339 } from '../../base/clock.ts';
import { run } from '../../base/sys/run.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Controller } from '../../sdk/controller.ts';
import type { MachineFacts, ModuleContext } from '../../sdk/module.ts';
import { bridgeOf } from './links.ts';
import { ROUTE_PROTOCOL } from './pod-network.ts';

/** The name of the one of the cluster's own ranges. */
export const OWN_RANGE = 'kubernetes';
const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
const TERMINATING = 'Terminating';
const IN_USE = 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';

/** `taken`: what the machine's network has for other things. */
export function serviceRangeController(taken: () => Promise<readonly string[]>): Controller<ServiceCIDR> {
  return {
    name: 'service-cidr', for: ServiceCIDR, concurrency: 1,
    // The last address of a range that goes may have gone.
    watches: [watching(IPAddress, (_address, caches) => caches.of(ServiceCIDR).list().filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(({ metadata }) => metadata.name ?? ''))],
    async reconcile(_key, range, { client, caches, clock }) {
      if (range === undefined) return;
      const { metadata } = range;
      const finalizers = metadata.finalizers ?? [];
      const say = async (status: 'True' | 'False', reason: string, message: string): Promise<void> => {
        const old = range.status?.conditions?.find(({ type }) => type === 'Ready');
        if (old?.status === status && old.reason === reason && old.message === message) return;
        const ready = { type: 'Ready', status, reason, message, lastTransitionTime: old?.status === status ? old.lastTransitionTime : rfc3339(clock.nowMs()) } as Condition;
        await client.update(ServiceCIDR, { ...range, status: { conditions: [...(range.status?.conditions ?? []).filter(({ type }) => type !== 'Ready'), ready] } }, { subresource: 'status' });
      };
      if (metadata.deletionTimestamp !== undefined) {
        if (!finalizers.includes(FINALIZER)) return;
        if (isUsed(range, caches.of(ServiceCIDR).list(), caches.of(IPAddress).list())) return say('False', TERMINATING, IN_USE);
        await client.update(ServiceCIDR, { ...range, metadata: { ...metadata, finalizers: finalizers.filter((each) => each !== FINALIZER) } });
        return;
      }
      if (!finalizers.includes(FINALIZER)) return void (await client.update(ServiceCIDR, { ...range, metadata: { ...metadata, finalizers: [...finalizers, FINALIZER] } }));
      const clash = metadata.name === OWN_RANGE ? undefined : (await taken()).find((each) => range.spec?.cidrs?.some((cidr) => overlaps(each, cidr)));
      if (clash !== undefined) return say('False', 'RangeInUse', `The range overlaps ${clash}, which the network of this machine has for other things`);
      await say('True', 'Ready', 'Kubernetes Service CIDR is ready');
    },
  };
}

/** The first address of a range is nobody's, the last one of IPv4 neither. */
function isGivenOf(cidr: string, address: string): boolean {
  const [range, value] = [rangeValue(cidr), addressValue(address)];
  return range !== undefined && isWithin(address, cidr) && value !== range.base && !(range.family === 4 && value === range.base + range.size - 1n);
}

/** Whether an address is in it that is in no other range that stays. */
export function isUsed(range: ServiceCIDR, all: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const others = all.filter((each) => each.metadata.uid !== range.metadata.uid && isReady(each));
  const holds = ({ spec }: ServiceCIDR, address: string): boolean => (spec?.cidrs ?? []).some((cidr) => isGivenOf(cidr, address));
  return addresses.some(({ metadata: { name = '' } }) => holds(range, name) && !others.some((each) => holds(each, name)));
}

function overlaps(one: string, other: string): boolean {
  const [a, b] = [rangeValue(one), rangeValue(other)];
  return a !== undefined && b !== undefined && a.family === b.family && a.base < b.base + b.size && b.base < a.base + a.size;
}

function ownRanges({ network: { serviceCidr, ipv6 } }: Pick<MachineFacts, 'network'>): string[] {
  return [serviceCidr, ...(ipv6 === undefined ? [] : [ipv6.serviceCidr])];
}

/** The one of the cluster's own ranges, in place of one that says others. */
export async function ensureOwnRange({ client, machine }: Pick<ModuleContext, 'client' | 'machine'>): Promise<void> {
  const cidrs = ownRanges(machine);
  const found = await ifThere(client.get(ServiceCIDR, OWN_RANGE));
  if (found !== undefined && found.spec?.cidrs?.join() === cidrs.join()) return;
  if (found === undefined) return void (await client.create(ServiceCIDR, { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: OWN_RANGE }, spec: { cidrs } }));
  // The configuration says others now. What never changes is made anew: it ends, without waiting for its addresses, as no finalizer comes back to what ends.
  await ifThere(client.delete(ServiceCIDR, OWN_RANGE));
  const ending = await ifThere(client.get(ServiceCIDR, OWN_RANGE));
  if (ending !== undefined) await ifThere(client.update(ServiceCIDR, { ...ending, metadata: { ...ending.metadata, finalizers: [] } }));
  await ensureOwnRange({ client, machine });
}

/** The ranges beside the cluster's own that Services may have addresses of. */
export function furtherRanges(ranges: readonly ServiceCIDR[]): string[] {
  return ranges.filter((range) => range.metadata.name !== OWN_RANGE && isReady(range)).flatMap(({ spec }) => spec?.cidrs ?? []);
}

/** Those whose Services there may be: one that ends has its last addresses until it is gone. */
export function routedRanges(ranges: readonly ServiceCIDR[]): string[] {
  const isRouted = ({ status }: ServiceCIDR): boolean => status?.conditions?.some((each) => each.type === 'Ready' && (each.status === 'True' || each.reason === TERMINATING)) === true;
  return ranges.filter((range) => range.metadata.name !== OWN_RANGE && isRouted(range)).flatMap(({ spec }) => spec?.cidrs ?? []);
}

/**
 * Leads packets for further ranges to the bridge, as those for the cluster's own, so that this machine reaches their Services too; settles on the abort. `again` is called with
 * what to do when the bridge was made again, as routes go with it.
 */
export async function routeFurtherRanges({ caches, machine, log, signal }: ModuleContext, again: (lead: () => void) => void): Promise<void> {
  const routed = new Set<string>();
  let working = Promise.resolve();
  const [ranges, own, bridge, program] = [caches.of(ServiceCIDR), ownRanges(machine), bridgeOf(machine), machine.programs.ip ?? 'ip'];
  const follow = async (): Promise<void> => {
    // Somebody may have named the cluster's own ones again: their routes are there for good.
    const wanted = new Set(routedRanges(ranges.list()).filter((each) => !own.includes(each)));
    for (const cidr of [...routed].filter((each) => !wanted.has(each))) {
      routed.delete(cidr);
      await run(program, ['route', 'del', cidr, 'dev', bridge]);
    }
    for (const cidr of [...wanted].filter((each) => !routed.has(each))) {
      const source = cidr.includes(':') ? machine.network.ipv6?.gatewayIp : machine.network.gatewayIp;
      if (source === undefined) continue;
      await run(program, ['route', 'replace', cidr, 'dev', bridge, 'src', source, 'proto', String(ROUTE_PROTOCOL)]);
      routed.add(cidr);
    }
  };
  const lead = (): void => void (working = working.then(follow).catch((error: unknown) => log.warn('packets for a range of Services are not led to the bridge', { error })));
  again(() => {
    routed.clear();
    lead();
  });
  const stop = ranges.subscribe(lead);
  await aborted(signal);
  stop();
  await working;
}

/** The one text of each address of a Service. */
export function addressesOf(clusterIPs: readonly string[] | undefined): string[] {
  return (clusterIPs ?? []).map((each) => canonicalIp(each)).filter((each) => each !== undefined);
}
