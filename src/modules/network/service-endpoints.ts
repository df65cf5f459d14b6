/** Which endpoints a port of a Service may choose, and for whom (upstream: proxy/topology.go). Pure. */
import { nearOf } from '../../api/discovery/near.ts';
import type { ServicePort } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { weightOf } from '../../sdk/load-balancing/settings.ts';
import { isOfFamily, kubernetesNameOf, type Family } from './family.ts';

export interface Destination {
  address: string;
  port: number;
  nodeName?: string | undefined;
  /** It terminates, and still serves. */
  draining?: true;
  /** For whom it is meant first. */
  hints?: Endpoint['hints'];
  /** Its share, where its slice says one; default 1. */
  weight?: number;
}

/** A node of the machine, from which a Service is asked. */
export interface Asker { nodeName: string; zone?: string | undefined }

/** All that are ready, or still serve while they terminate, in an order of their own. Of one that is named twice, the ready one. */
export function candidatesOf(port: ServicePort, slices: readonly EndpointSlice[], family: Family = 'ip'): Destination[] {
  const found = new Map<string, Destination>();
  for (const slice of slices) {
    if ((slice.addressType as string) !== kubernetesNameOf(family)) continue;
    const number = portNumber(port, slice);
    if (number === undefined) continue;
    const weight = weightOf(slice);
    for (const endpoint of slice.endpoints ?? []) {
      const { ready = true, serving = true, terminating = false } = endpoint.conditions ?? {};
      const [address] = endpoint.addresses;
      if ((!ready && !(serving && terminating)) || !isOfFamily(address, family)) continue;
      const key = `${address}:${number}`;
      if (!ready && found.get(key)?.draining === undefined && found.has(key)) continue;
      found.set(key, { address, port: number, nodeName: endpoint.nodeName, ...(weight === 1 ? {} : { weight }), ...(ready ? {} : { draining: true as const }), ...(ready && endpoint.hints !== undefined ? { hints: endpoint.hints } : {}) });
    }
  }
  return [...found.keys()].sort().map((key) => found.get(key) as Destination);
}

function portNumber(port: ServicePort, slice: EndpointSlice): number | undefined {
  const found = (slice.ports ?? []).find((each) => (each.name ?? '') === (port.name ?? '') && (each.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
  return found?.port ?? undefined;
}

/** The ready ones, else those that still serve while they terminate (KEP-1669). */
export function usableOf(candidates: readonly Destination[]): readonly Destination[] {
  const ready = candidates.filter(({ draining }) => draining !== true);
  return ready.length > 0 ? ready : candidates;
}

/** For who asks there: what is meant for it first. */
export function clusterOf(candidates: readonly Destination[], asker: Asker): readonly Destination[] {
  return nearOf(usableOf(candidates), asker);
}

/** For whom a Local policy keeps to the node: its ready ones, else those of it that still serve, whatever is ready elsewhere. */
export function localOf(candidates: readonly Destination[], { nodeName }: Asker): readonly Destination[] {
  return usableOf(candidates.filter((each) => each.nodeName === nodeName));
}
