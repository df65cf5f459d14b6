/** `nodes/NAME/proxy/...`: the paths of kubelet that tools read through the door; with another port than kubelet's, what listens there on the node. */
import { ApiError } from '../../../api/errors.ts';
import type { Node } from '../../../api/generated/core-v1.ts';
import type { MachineFacts, Route } from '../../../sdk/module.ts';
import { parseNamedPort, portNumber, PROXY_METHODS, proxyTo } from '../../../sdk/proxy/proxy-to.ts';
import { NodeKind } from '../kinds.ts';
import type { KubeletPaths } from './kubelet-paths.ts';

export function nodeProxyRoute(kubelet: KubeletPaths, machine: MachineFacts): Route {
  return {
    kind: NodeKind, subresource: 'proxy',
    async handle({ name, rest, url, http, response }) {
      const nodeName = parseNamedPort(name!, 'node').name;
      if (nodeName !== machine.nodeName) throw new ApiError('ServiceUnavailable', `node ${nodeName} does not run here, so that it cannot be reached; this is ${machine.nodeName}`);
      if (response === undefined) throw new ApiError('BadRequest', 'what the node tells is no stream that a connection could be upgraded for');
      // A folder is told from a file by the slash behind it, which `rest` has lost.
      if (await kubelet.logs(url.pathname.endsWith('/') && !rest.endsWith('/') ? `${rest}/` : rest, http, response)) return;
      const path = rest.replace(/\/+$/, '');
      const answer = await kubelet.answer(path);
      if (answer === undefined) throw new ApiError('NotFound', `the node does not serve /${path}; it serves ${kubelet.paths.join(', ')}`);
      response.writeHead(200, { 'Content-Type': answer.type });
      response.end(answer.body);
    },
  };
}

const KUBELET_PORT = '10250';

/** With a port that is not kubelet's, the request goes on to it; all else is for `kubelet`. */
export function withNodePorts(kubelet: Route): Route {
  return {
    ...kubelet, methods: PROXY_METHODS,
    nameOf: (id) => parseNamedPort(id, 'node').name,
    async handle(request) {
      const { scheme, name, port } = parseNamedPort(request.name!, 'node');
      if (port === '' || port === KUBELET_PORT) {
        if (request.method !== 'GET' && request.method !== 'HEAD') throw new ApiError('MethodNotAllowed', 'what the node tells can only be read: use GET');
        return kubelet.handle(request);
      }
      const address = (request.object as Node).status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
      const number = portNumber(port);
      if (number === undefined) throw new ApiError('BadRequest', `${JSON.stringify(port)} is no number of a port`);
      if (address === undefined) throw new ApiError('ServiceUnavailable', `node ${JSON.stringify(name)} has no address`);
      return proxyTo(request, { scheme, address, port: number });
    },
  };
}
