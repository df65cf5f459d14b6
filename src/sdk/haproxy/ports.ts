/** By what the rules know connections of an HAProxy: where it listens, on the gateway's address, and as whom it connects. */

export interface PortRange { first: number; last: number }

/** Of the one that carries Gateways and Ingresses. */
export const GATEWAY_PORTS: PortRange = { first: 23_000, last: 25_999 };
/** Of the one that carries Services. */
export const SERVICE_PORTS: PortRange = { first: 26_000, last: 28_999 };
/** The group that the latter runs as, so that the rules know its connections to endpoints from others of the machine. A number that systemd leaves unused, and nobody's. */
export const SERVICE_PROXY_GROUP = 61_000;

/** As nftables writes it. */
export const wordsOf = ({ first, last }: PortRange): string => `${first}-${last}`;
