/** The address behind a Service for callers in this process: a ready endpoint, with no detour by the rules of the network. */
import { Service } from '../api/core/service.ts';
import { EndpointSlice } from '../api/discovery/endpoint-slice.ts';
import { isApiError } from '../api/errors.ts';
import type { Endpoint, EndpointSlice as EndpointSliceType } from '../api/generated/discovery-v1.ts';
import type { Client } from './client.ts';

export interface ServicePort {
  namespace: string;
  name: string;
  port: number;
}

/** One of the ready endpoints, by chance. Rejects with an Error that says what the service lacks. Needs to read services and endpoint slices. */
export async function addressOfService(client: Client, { namespace, name, port }: ServicePort): Promise<{ host: string; port: number }> {
  let service: Service;
  try {
    service = await client.get(Service, name, { namespace });
  } catch (error) {
    if (isApiError(error, 'NotFound')) throw new Error(`service ${JSON.stringify(name)} not found`, { cause: error });
    throw error;
  }
  if (service.spec?.type === 'ExternalName') return { host: service.spec.externalName ?? '', port };
  const found = service.spec?.ports?.find((each) => each.port === port);
  if (found === undefined) throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const slices = await client.list(EndpointSlice, { namespace, labelSelector: `kubernetes.io/service-name=${name}` });
  const choices = slices.items.flatMap((slice) => choicesOf(slice, found.name ?? ''));
  const choice = choices[Math.floor(Math.random() * choices.length)];
  if (choice === undefined) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  return choice;
}

function choicesOf(slice: EndpointSliceType, portName: string): { host: string; port: number }[] {
  const port = slice.ports?.find((each) => (each.name ?? '') === portName)?.port;
  if (port === undefined) return [];
  return (slice.endpoints ?? []).filter((endpoint: Endpoint) => endpoint.conditions?.ready !== false).flatMap((endpoint) => endpoint.addresses.slice(0, 1).map((host) => ({ host, port })));
}
