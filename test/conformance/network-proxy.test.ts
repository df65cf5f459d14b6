/** The behaviours of sig-network: the proxy subresources, ports of the host. */
import { conformance } from './cluster.ts';
import { hostPorts, proxies } from './network/proxy.ts';

conformance('sig-network: proxies, ports of the host', [proxies, hostPorts]);
