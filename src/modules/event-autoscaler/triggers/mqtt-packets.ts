/** As much of MQTT 3.1.1 as a subscriber with QoS 0 needs (OASIS mqtt-v3.1.1, sections 2 and 3). Pure. */

export const PINGREQ: Buffer = Buffer.from([0xc0, 0]);
const TYPES: Readonly<Record<number, 'connack' | 'publish' | 'suback' | 'pingresp'>> = { 2: 'connack', 3: 'publish', 9: 'suback', 13: 'pingresp' };
const SUBSCRIPTION_ID = 1;

export interface Packet {
  type: 'connack' | 'publish' | 'suback' | 'pingresp' | 'other';
  flags: number;
  body: Buffer;
}

export function connectPacket({ clientId, keepAliveSeconds, username, password }: { clientId: string; keepAliveSeconds: number; username?: string; password?: string }): Buffer {
  const flags = 0x02 | (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40); // a clean session
  const head = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, flags, keepAliveSeconds >> 8, keepAliveSeconds & 0xff]);
  return packet(0x10, [head, string(clientId), ...(username === undefined ? [] : [string(username)]), ...(password === undefined ? [] : [string(password)])]);
}

export function subscribePacket(topic: string): Buffer {
  return packet(0x82, [Buffer.from([0, SUBSCRIPTION_ID]), string(topic), Buffer.from([0])]);
}

/** The whole packets at the front, and what is left of a further one. Throws Error for what is no packet. */
export function packetsIn(bytes: Buffer): { packets: Packet[]; rest: Buffer } {
  const packets: Packet[] = [];
  let at = 0;
  for (;;) {
    const length = lengthAt(bytes, at + 1);
    if (length === undefined || bytes.length < length.next + length.value) return { packets, rest: bytes.subarray(at) };
    packets.push({ type: TYPES[bytes[at]! >> 4] ?? 'other', flags: bytes[at]! & 0x0f, body: bytes.subarray(length.next, length.next + length.value) });
    at = length.next + length.value;
  }
}

/** Throws Error where its topic has no end. */
export function readPublish({ flags, body }: Packet): { topic: string; payload: Buffer } {
  const end = 2 + body.readUInt16BE(0);
  return { topic: body.toString('utf8', 2, end), payload: body.subarray(end + ((flags & 0x06) === 0 ? 0 : 2)) };
}

function packet(first: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  let left = body.length;
  do {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** Seven bits a byte, at most four bytes; undefined when they are not all there. */
function lengthAt(bytes: Buffer, at: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let index = 0; index < 4; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    value |= (byte & 0x7f) << (7 * index);
    if ((byte & 0x80) === 0) return { value, next: at + index + 1 };
  }
  throw new Error('a packet has no length');
}
