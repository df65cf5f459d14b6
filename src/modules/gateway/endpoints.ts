/** The endpoints of a port of a Service: the ready ones, of these the near ones, else those that still serve while they terminate (upstream: KEP-1669). Pure. */
import { nearOf } from '../../api/discovery/near.ts';
import type { Endpoint as SliceEndpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { Endpoint } from './haproxy/slots.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

type Hinted = Endpoint & { hints?: SliceEndpoint['hints'] };

interface Place { nodeName: string; zone?: string | undefined }

/** Of `family`; without one those of IPv4, where the Service has that family, else those of IPv6. */
export function endpointsFrom(slices: readonly EndpointSlice[], portName: string, place: Place = { nodeName: '' }, how: { protocol?: 'TCP' | 'UDP'; family?: 'IPv4' | 'IPv6' } = {}): Endpoint[] {
  const { protocol = 'TCP', family = slices.some(({ addressType }) => (addressType as string) === 'IPv4') ? 'IPv4' : 'IPv6' } = how;
  const ready = new Map<string, Hinted>();
  const draining = new Map<string, Hinted>();
  for (const slice of slices) {
    if ((slice.addressType as string) !== family) continue;
    const port = slice.ports?.find((each) => (each.name ?? '') === portName && (each.protocol ?? 'TCP') === protocol)?.port;
    if (port === undefined || port === null) continue;
    for (const { addresses, conditions = {}, hints } of slice.endpoints ?? []) {
      const { ready: isReady = true, serving = isReady, terminating = false } = conditions;
      const into = isReady ? ready : serving && terminating ? draining : undefined;
      const [address] = addresses;
      if (address !== undefined) into?.set(`${address}:${port}`, { address, port, ...(hints === undefined ? {} : { hints }) });
    }
  }
  const chosen = ready.size > 0 ? ready : draining;
  return nearOf([...chosen.keys()].sort().map((key) => chosen.get(key) as Hinted), place).map(({ address, port }) => ({ address, port }));
}
