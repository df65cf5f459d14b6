/** The part of dns-packet that is used here; the package has no types of its own. */
declare module 'dns-packet' {
  export interface Question { name: string; type: string; class?: string }
  export interface Record { name: string; type: string; class?: string; ttl?: number; data?: unknown; flush?: boolean; udpPayloadSize?: number; ednsVersion?: number; extendedRcode?: number; flags?: number; flag_do?: boolean }
  export interface Packet { id?: number; type?: 'query' | 'response'; flags?: number; rcode?: string; questions?: Question[]; answers?: Record[]; authorities?: Record[]; additionals?: Record[] }
  export function encode(packet: Packet): Buffer;
  export function decode(buffer: Buffer, offset?: number): Packet;
  export const AUTHORITATIVE_ANSWER: number;
  export const TRUNCATED_RESPONSE: number;
  export const RECURSION_DESIRED: number;
  export const RECURSION_AVAILABLE: number;
}
