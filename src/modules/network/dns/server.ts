/**
 * The name server of the cluster, over UDP and TCP. Answers of the zone are kept as bytes, by the bytes of the question, until anything
 * that they are made of changes; so a repeated question costs one look-up and a copy. Of several addresses another one comes first each
 * time, so that clients that take the first are spread.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server as TcpServer, type Socket } from 'node:net';
import dnsPacket, { type Packet, type Record as DnsRecord } from 'dns-packet';
import { answerOf, soaOf, type Zone } from './zone.ts';
import type { Upstream } from './upstream.ts';
import { encodeMessage, turned, type Encoded } from './message.ts';
import { failure, fitting, isQuery, isTruncated, MAX_UDP_BYTES, OPT_BYTES, question, questionOf, withEdns } from './wire.ts';

const { AUTHORITATIVE_ANSWER, RECURSION_AVAILABLE, RECURSION_DESIRED, decode, encode } = dnsPacket;

export interface Resolver {
  resolve(query: Buffer, overTcp: boolean): Buffer | Promise<Buffer | undefined> | undefined;
  /** Forgets all kept answers: something of the zone changed. */
  forget(): void;
}

const MAX_KEPT = 10_000;
const RESPONSE = 0x8000;
const PLAIN_UDP_BYTES = 512;
const FORMERR = 1;
const SERVFAIL = 2;
const NOTIMP = 4;
const REFUSED = 5;
const BADVERS = 16;
/** The classes that the zone's records are of; ANY is whichever there is. */
const CLASSES = new Set<string | undefined>(['IN', 'ANY']);
/** Transfers of the zone (RFC 5936, RFC 1995): nobody is a secondary of it. */
const TRANSFERS = new Set<string>(['AXFR', 'IXFR']);

export function createResolver(zone: Zone, upstream: Upstream): Resolver {
  const kept = new Map<string, Encoded>();
  let turns = Math.floor(Math.random() * 1_000);

  function fromZone(query: Buffer, packet: Packet, key: string, overTcp: boolean): Buffer | Promise<Buffer | undefined> | undefined {
    const asked = packet.questions?.[0];
    if (asked === undefined) return failure(query, FORMERR);
    const answer = answerOf(zone, asked.name, asked.type);
    if (answer === undefined) return undefined;
    if (!CLASSES.has(asked.class) || TRANSFERS.has(asked.type)) return failing(query, packet, REFUSED);
    if (answer.elsewhere !== undefined) return follow(query, packet, answer.answers, answer.elsewhere, overTcp);
    // Aliases that lead to nothing are an absence too, which may be kept (RFC 2308, section 2.2).
    const isAbsent = answer.answers.length === 0 || (!['CNAME', 'ANY'].includes(asked.type) && answer.answers.every(({ type }) => type === 'CNAME'));
    const authorities = isAbsent ? [soaOf(zone, asked.name)] : [];
    const encoded = answerBytes(query, packet, { rcode: answer.rcode, answers: answer.answers, authorities, additionals: answer.additionals }, { overTcp, from: turns });
    if (!overTcp && encoded.isCut !== true) {
      if (kept.size >= MAX_KEPT) kept.clear();
      kept.set(key, encoded);
    }
    return turned(encoded, packet.id ?? 0, turns++);
  }

  async function follow(query: Buffer, packet: Packet, answers: DnsRecord[], target: string, overTcp: boolean): Promise<Buffer> {
    const type = packet.questions?.[0]?.type ?? 'A';
    const asked = encode({ type: 'query', id: 1, flags: RECURSION_DESIRED, questions: [{ name: target, type }] });
    const brief = await upstream.ask(asked, false);
    const next = brief !== undefined && isTruncated(brief) ? await upstream.ask(asked, true) : brief;
    if (next === undefined) return failing(query, packet, SERVFAIL);
    const { answers: more = [], authorities: others = [], rcode = 'NOERROR' } = decode(next);
    const authorities = more.length > 0 ? [] : others.filter((each) => each.type === 'SOA');
    const { flags, most, edns } = shapeOf(packet, more.length > 0 ? 'NOERROR' : rcode, overTcp);
    // What others say may be of any type, so it is encoded by who decoded it.
    const whole = encode({ type: 'response', id: packet.id, flags, questions: packet.questions, answers: [...answers, ...more], authorities });
    return edns ? withEdns(fitting(whole, most - OPT_BYTES), MAX_UDP_BYTES) : fitting(whole, most);
  }

  async function forward(query: Buffer, packet: Packet, overTcp: boolean): Promise<Buffer> {
    return (await upstream.ask(query, overTcp)) ?? failing(query, packet, SERVFAIL);
  }

  return {
    forget: () => kept.clear(),
    resolve(query, overTcp) {
      if (!isQuery(query)) return undefined;
      const key = question(query);
      const known = overTcp ? undefined : kept.get(key);
      if (known !== undefined) return turned(known, query.readUInt16BE(0), turns++);
      if ((query.readUInt8(2) & 0x78) !== 0) return failure(query, NOTIMP);
      const packet = parse(query);
      if (packet === undefined || packet.questions?.length !== 1) return failure(query, FORMERR);
      if ((optOf(packet)?.ednsVersion ?? 0) > 0) return failing(query, packet, BADVERS);
      return fromZone(query, packet, key, overTcp) ?? forward(query, packet, overTcp);
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

const optOf = ({ additionals }: Packet): DnsRecord | undefined => additionals?.find(({ type }) => type === 'OPT');

/** With OPT for who sent one. */
const failing = (query: Buffer, packet: Packet, rcode: number): Buffer => (optOf(packet) === undefined ? failure(query, rcode) : withEdns(failure(query, rcode & 15), MAX_UDP_BYTES, rcode));

interface Sections {
  rcode: string;
  answers: DnsRecord[];
  authorities: DnsRecord[];
  additionals: DnsRecord[];
}

/** What every answer to a query has, and how long it may be. */
function shapeOf(packet: Packet, rcode: string, overTcp: boolean): { flags: number; most: number; edns: boolean } {
  const opt = optOf(packet);
  const most = overTcp ? 65_535 : Math.min(MAX_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, opt?.udpPayloadSize ?? PLAIN_UDP_BYTES));
  const flags = RESPONSE | AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | ((packet.flags ?? 0) & RECURSION_DESIRED) | rcodeNumber(rcode);
  return { flags, most, edns: opt !== undefined };
}

/** The answer in whole; over UDP, when it is too long for the asker, as many of the answers as he takes, another one of them first each time, with the mark to ask over TCP. */
function answerBytes(query: Buffer, packet: Packet, { rcode, answers, authorities, additionals }: Sections, { overTcp, from }: { overTcp: boolean; from: number }): Encoded {
  const { flags, most, edns } = shapeOf(packet, rcode, overTcp);
  const base = { id: packet.id ?? 0, question: questionOf(query), name: packet.questions?.[0]?.name ?? '', ...(edns ? { ednsBytes: MAX_UDP_BYTES, dnssecOk: optOf(packet)?.flag_do === true } : {}) };
  const whole = { ...base, flags, answers, authorities, additionals };
  const first = from % Math.max(1, answers.length);
  return encodeMessage(whole, most) ?? encodeMessage({ ...whole, additionals: [] }, most)
    ?? encodeMessage({ ...whole, answers: [...answers.slice(first), ...answers.slice(0, first)], authorities: [], additionals: [] }, most, { cut: true }) ?? { bytes: failure(query, SERVFAIL) };
}

function rcodeNumber(rcode: string): number {
  return { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 }[rcode] ?? 2;
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
    if (answer instanceof Promise) answer.then(send, () => send(failure(query, SERVFAIL)));
    else send(answer);
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
