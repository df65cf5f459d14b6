/**
 * The name server of the cluster, over UDP and TCP. Answers of the zone are kept as bytes, by the bytes of the question, until anything
 * that they are made of changes; so a repeated question costs one look-up and a copy.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server as TcpServer, type Socket } from 'node:net';
import dnsPacket, { type Packet, type Record as DnsRecord } from 'dns-packet';
import { answerOf, soaOf, type Zone } from './zone.ts';
import type { Upstream } from './upstream.ts';
import { failure, isQuery, question } from './wire.ts';

const { AUTHORITATIVE_ANSWER, RECURSION_AVAILABLE, RECURSION_DESIRED, TRUNCATED_RESPONSE, decode, encode } = dnsPacket;

export interface Resolver {
  resolve(query: Buffer, overTcp: boolean): Buffer | Promise<Buffer | undefined> | undefined;
  /** Forgets all kept answers: something of the zone changed. */
  forget(): void;
}

const MAX_KEPT = 10_000;
const PLAIN_UDP_BYTES = 512;
const MAX_UDP_BYTES = 1_232;
const FORMERR = 1;
const SERVFAIL = 2;
const NOTIMP = 4;

export function createResolver(zone: Zone, upstream: Upstream): Resolver {
  const kept = new Map<string, Buffer>();

  function fromZone(query: Buffer, packet: Packet, key: string, overTcp: boolean): Buffer | Promise<Buffer | undefined> | undefined {
    const asked = packet.questions?.[0];
    if (asked === undefined) return failure(query, FORMERR);
    const answer = answerOf(zone, asked.name, asked.type);
    if (answer === undefined) return undefined;
    if (answer.elsewhere !== undefined) return follow(query, packet, answer.answers, answer.elsewhere, overTcp);
    const authorities = answer.answers.length === 0 ? [soaOf(zone)] : [];
    const bytes = answerBytes(packet, { rcode: answer.rcode, answers: answer.answers, authorities, additionals: answer.additionals }, overTcp);
    // Several addresses are given in another order each time, so they are not kept.
    if (answer.answers.length <= 1 && !overTcp) {
      if (kept.size >= MAX_KEPT) kept.clear();
      kept.set(key, bytes);
    }
    return bytes;
  }

  async function follow(query: Buffer, packet: Packet, answers: DnsRecord[], target: string, overTcp: boolean): Promise<Buffer> {
    const type = packet.questions?.[0]?.type ?? 'A';
    const next = await upstream.ask(encode({ type: 'query', id: 1, flags: RECURSION_DESIRED, questions: [{ name: target, type }] }), false);
    if (next === undefined) return failure(query, SERVFAIL);
    const { answers: more = [], rcode = 'NOERROR' } = decode(next);
    return answerBytes(packet, { rcode: more.length > 0 ? 'NOERROR' : rcode, answers: [...answers, ...more], authorities: [], additionals: [] }, overTcp);
  }

  async function forward(query: Buffer, overTcp: boolean): Promise<Buffer> {
    return (await upstream.ask(query, overTcp)) ?? failure(query, SERVFAIL);
  }

  return {
    forget: () => kept.clear(),
    resolve(query, overTcp) {
      if (!isQuery(query)) return undefined;
      const key = question(query);
      const known = overTcp ? undefined : kept.get(key);
      if (known !== undefined) {
        known.writeUInt16BE(query.readUInt16BE(0), 0);
        return known;
      }
      if ((query.readUInt8(2) & 0x78) !== 0) return failure(query, NOTIMP);
      const packet = parse(query);
      if (packet === undefined || packet.questions?.length !== 1) return failure(query, FORMERR);
      return fromZone(query, packet, key, overTcp) ?? forward(query, overTcp);
    },
  };
}

function parse(query: Buffer): Packet | undefined {
  try {
    return decode(query);
  } catch {
    return undefined;
  }
}

interface Sections {
  rcode: string;
  answers: DnsRecord[];
  authorities: DnsRecord[];
  additionals: DnsRecord[];
}

/** The answer in whole; over UDP, when it is too long for the asker, without records and with the mark to ask over TCP. */
function answerBytes(query: Packet, { rcode, answers, authorities, additionals }: Sections, overTcp: boolean): Buffer {
  const opt = query.additionals?.find((each) => each.type === 'OPT');
  const most = overTcp ? 65_535 : Math.min(MAX_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, opt?.udpPayloadSize ?? PLAIN_UDP_BYTES));
  const edns: DnsRecord[] = opt === undefined ? [] : [{ name: '.', type: 'OPT', udpPayloadSize: MAX_UDP_BYTES, data: [] }];
  const flags = AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | ((query.flags ?? 0) & RECURSION_DESIRED) | rcodeNumber(rcode);
  const packet: Packet = { type: 'response', id: query.id, flags, questions: query.questions, answers: shuffled(answers), authorities, additionals: [...additionals, ...edns] };
  const whole = encode(packet);
  if (whole.length <= most) return whole;
  const plain = encode({ ...packet, additionals: edns });
  return plain.length <= most ? plain : encode({ ...packet, flags: flags | TRUNCATED_RESPONSE, answers: [], authorities: [], additionals: edns });
}

function rcodeNumber(rcode: string): number {
  return { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 }[rcode] ?? 2;
}

/** Addresses in a random order, so that clients that take the first one are spread; what comes before them (aliases) stays. */
function shuffled(answers: DnsRecord[]): DnsRecord[] {
  if (answers.length < 2 || answers.some((each) => each.type === 'CNAME')) return answers;
  const mixed = [...answers];
  for (let i = mixed.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    [mixed[i], mixed[other]] = [mixed[other] as DnsRecord, mixed[i] as DnsRecord];
  }
  return mixed;
}

export interface NameServer {
  address: string;
  port: number;
  close(): Promise<void>;
}

/** Listens on `address`; on another port when the wanted one is taken. */
export async function listen(resolver: Resolver, address: string, port: number): Promise<NameServer> {
  const tcp = await listenTcp(resolver, address, port).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE' && port !== 0) return undefined;
    throw error;
  });
  if (tcp === undefined) return listen(resolver, address, 0);
  const bound = (tcp.server.address() as { port: number }).port;
  try {
    const udp = await listenUdp(resolver, address, bound);
    return { address, port: bound, close: async () => void (await Promise.all([tcp.close(), new Promise<void>((resolve) => udp.close(() => resolve()))])) };
  } catch (error) {
    await tcp.close();
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE' && port !== 0) return listen(resolver, address, 0);
    throw error;
  }
}

function listenUdp(resolver: Resolver, address: string, port: number): Promise<UdpSocket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1024 * 1024 });
  socket.on('message', (query, from) => {
    const send = (answer: Buffer | undefined): void => {
      if (answer !== undefined) socket.send(answer, from.port, from.address, () => {});
    };
    const answer = resolver.resolve(query, false);
    // A kept answer is shared and its id is written anew for each asker, while a send may still be under way: it gets a copy.
    if (answer instanceof Promise) answer.then(send, () => send(failure(query, SERVFAIL)));
    else send(answer === undefined ? undefined : Buffer.from(answer));
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

const MAX_CONNECTIONS = 256;
const IDLE_MS = 10_000;

function listenTcp(resolver: Resolver, address: string, port: number): Promise<{ server: TcpServer; close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    converse(resolver, socket);
  });
  server.maxConnections = MAX_CONNECTIONS;
  const close = (): Promise<void> => new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of open) socket.destroy();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => resolve({ server, close }));
  });
}

/** Messages over TCP come behind their length in two bytes. */
function converse(resolver: Resolver, socket: Socket): void {
  let received: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const query = received.subarray(2, 2 + received.readUInt16BE(0));
      received = received.subarray(2 + query.length);
      void Promise.resolve(resolver.resolve(query, true)).catch(() => failure(query, SERVFAIL)).then((answer) => {
        if (answer === undefined || socket.destroyed) return;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length, 0);
        socket.write(Buffer.concat([length, answer]));
      });
    }
  });
}
