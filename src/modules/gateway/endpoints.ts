/** The endpoints of a port of a Service: the ready ones, else those that still serve while they terminate (upstream: KEP-1669). Pure. */
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { Endpoint } from './haproxy/slots.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export function endpointsFrom(slices: readonly EndpointSlice[], portName: string): Endpoint[] {
  const ready = new Map<string, Endpoint>();
  const draining = new Map<string, Endpoint>();
  for (const slice of slices) {
    if ((slice.addressType as string) !== 'IPv4') continue;
    const port = slice.ports?.find((each) => (each.name ?? '') === portName && (each.protocol ?? 'TCP') === 'TCP')?.port;
    if (port === undefined || port === null) continue;
    for (const { addresses, conditions = {} } of slice.endpoints ?? []) {
      const { ready: isReady = true, serving = isReady, terminating = false } = conditions;
      const into = isReady ? ready : serving && terminating ? draining : undefined;
      const [address] = addresses;
      if (address !== undefined) into?.set(`${address}:${port}`, { address, port });
    }
  }
  const chosen = ready.size > 0 ? ready : draining;
  return [...chosen.keys()].sort().map((key) => chosen.get(key) as Endpoint);
}
