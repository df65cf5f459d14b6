/** `pods/NAME/proxy/...`: a request goes on to a port of the pod, by default the first that its containers name. */
import { Pod } from '../../../api/core/pod.ts';
import { ApiError } from '../../../api/errors.ts';
import type { Route } from '../../../sdk/module.ts';
import { parseNamedPort, portNumber, PROXY_METHODS, proxyTo } from '../../../sdk/proxy/proxy-to.ts';

export const podProxyRoute: Route = {
  kind: Pod, subresource: 'proxy', methods: PROXY_METHODS,
  nameOf: (id) => parseNamedPort(id, 'pod').name,
  async handle(request) {
    const { scheme, port } = parseNamedPort(request.name!, 'pod');
    const pod = request.object as Pod;
    const address = pod.status?.podIP ?? '';
    // Upstream says it of no address, too, and by this code: clients try again what is unavailable (registry/core/pod, ResourceLocation).
    if (address === '') throw new ApiError('BadRequest', `address not allowed: the pod has none yet; its phase is ${pod.status?.phase ?? 'Pending'}`);
    return proxyTo(request, { scheme, address, port: portOf(pod, port) });
  },
};

/** Throws BadRequest when the pod has no such port. */
function portOf(pod: Pod, asked: string): number | undefined {
  const named = pod.spec?.containers.flatMap(({ ports }) => ports ?? []) ?? [];
  if (asked === '') return named[0]?.containerPort;
  const port = portNumber(asked) ?? named.find(({ name }) => name === asked)?.containerPort;
  if (port === undefined) throw new ApiError('BadRequest', `pod ${JSON.stringify(pod.metadata.name)} has no port ${JSON.stringify(asked)}`);
  return port;
}
