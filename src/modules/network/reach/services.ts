/** `services/NAME/proxy/...`: a request goes on to one of the ready pods behind the service, by chance. */
import { Pod } from '../../../api/core/pod.ts';
import { Service } from '../../../api/core/service.ts';
import { EndpointSlice } from '../../../api/discovery/endpoint-slice.ts';
import { ApiError, isApiError } from '../../../api/errors.ts';
import type { Client } from '../../../sdk/client.ts';
import type { ModuleContext, Route } from '../../../sdk/module.ts';
import { mayProxyTo, parseNamedPort, portNumber, PROXY_METHODS, proxyTo } from '../../../sdk/proxy/proxy-to.ts';
import { SERVICE_NAME_LABEL } from '../service-index.ts';

interface Choice {
  address: string;
  port: number;
  pod: string;
}

export function serviceProxyRoute({ client }: Pick<ModuleContext, 'client'>): Route {
  return {
    kind: Service, subresource: 'proxy', methods: PROXY_METHODS,
    nameOf: (id) => parseNamedPort(id, 'service').name,
    async handle(request) {
      const { scheme, port } = parseNamedPort(request.name!, 'service');
      const { address, port: targetPort } = await choose(client, request.object as Service, port, request.name!);
      return proxyTo(request, { scheme, address, port: targetPort });
    },
  };
}

/** Throws ServiceUnavailable when nobody is behind that port. */
async function choose(client: Client, service: Service, asked: string, id: string): Promise<Choice> {
  const { namespace = '', name = '' } = service.metadata;
  const portName = portNameOf(service, asked);
  const slices = await client.list(EndpointSlice, { namespace, labelSelector: `${SERVICE_NAME_LABEL}=${name}` });
  const choices = slices.items.flatMap((slice) => choicesOf(slice, portName));
  while (choices.length > 0) {
    const [choice] = choices.splice(Math.floor(Math.random() * choices.length), 1);
    if (mayProxyTo(choice!.address) && (await isAddressOf(client, namespace, choice!))) return choice!;
  }
  throw new ApiError('ServiceUnavailable', `no endpoints available for service ${JSON.stringify(id)}`);
}

/** The name of the port that is asked for by number or name; '' is that of a service's only, nameless port. */
function portNameOf(service: Service, asked: string): string {
  const number = portNumber(asked);
  if (number === undefined) return asked;
  const found = service.spec?.ports?.find(({ port }) => port === number);
  if (found === undefined) throw new ApiError('ServiceUnavailable', `no service port ${number} found for service ${JSON.stringify(service.metadata.name)}`);
  return found.name ?? '';
}

/** Only pods: endpoints made by hand may point to what whoever made them may not reach. */
function choicesOf({ endpoints, ports }: EndpointSlice, portName: string): Choice[] {
  const port = ports?.find(({ name, protocol }) => (name ?? '') === portName && (protocol ?? 'TCP') === 'TCP')?.port;
  if (port === undefined) return [];
  return (endpoints ?? []).flatMap(({ addresses, conditions, targetRef }) => (conditions?.ready !== false && targetRef?.kind === 'Pod' && targetRef.name !== undefined ? [{ address: addresses[0] ?? '', port, pod: targetRef.name }] : []));
}

async function isAddressOf(client: Client, namespace: string, { address, pod }: Choice): Promise<boolean> {
  try {
    const { status } = await client.get(Pod, pod, { namespace });
    return status?.podIP === address || (status?.podIPs ?? []).some(({ ip }) => ip === address);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  }
}
