/**
 * Source ports of connections that a further node forwards to its pods (hostPort), under its own address: none that a program of the node is given by
 * itself (net.ipv4.ip_local_port_range ends at 60999), so that the rules of policies do not take them for the node's. As nftables writes it.
 */
export const FORWARDED_PORTS = '61000-65535';
