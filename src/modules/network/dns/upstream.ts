/**
 * Names outside the cluster: asked of the machine's own name servers, kept as long as their answers allow, at most 30 s and 2,000 of them.
 * A server that cannot be reached is left alone for a few seconds, so that a machine without a network fails at once. One that is silent is asked once more, since
 * packets are lost; where it answers nobody it comes after the others, with less patience: it may be the name that is slow, and not the server.
 */
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { connect, isIP } from 'node:net';
import { randomInt } from 'node:crypto';
import dnsPacket from 'dns-packet';
import { answering, askedOf, fitting, isAnswerTo, isTruncated, MAX_UDP_BYTES, messageTtls } from './wire.ts';

export interface Upstream {
  /** The answer to the query, with its id, as long as the client takes it; undefined when no server answers. */
  ask(query: Buffer, overTcp: boolean): Promise<Buffer | undefined>;
}

export interface UpstreamOptions {
  /** Where the servers are read from; default /etc/resolv.conf. */
  file?: string;
  /** Addresses that are never asked: our own. */
  exclude: readonly string[];
  /** Servers by name instead of the file's, as `address` or `address:port`. */
  servers?: readonly string[];
  timeoutMs?: number;
}

interface Server {
  address: string;
  port: number;
  /** It cannot be reached. */
  downUntilMs: number;
  /** When it answered last. */
  answeredMs: number;
  /** Questions in a row during which it answered nobody. */
  silences: number;
}

const MAX_KEPT = 2_000;
const MAX_KEPT_MS = 30_000;
const DOWN_MS = 5_000;
const MOST_SILENCES = 2;
const SHORT_MS = 500;
const REREAD_MS = 10_000;
const MAX_WAITING = 500;

export function createUpstream(options: UpstreamOptions): Upstream {
  const { timeoutMs = 2_000 } = options;
  const kept = new Map<string, { answer: Buffer; sinceMs: number; untilMs: number }>();
  let servers: Server[] = (options.servers ?? []).map(parseServer);
  let readAtMs = options.servers === undefined ? -Infinity : Infinity;
  let waiting = 0;

  async function current(nowMs: number): Promise<Server[]> {
    if (nowMs - readAtMs > REREAD_MS) {
      readAtMs = nowMs;
      const text = await readFile(options.file ?? '/etc/resolv.conf', 'utf8').catch(() => '');
      const found = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '').filter((address) => isIP(address) !== 0 && !options.exclude.includes(address));
      servers = found.slice(0, 3).map((address) => servers.find((each) => each.address === address) ?? parseServer(address));
    }
    return servers;
  }

  function keep(key: string, answer: Buffer, nowMs: number): void {
    const ttls = messageTtls(answer);
    const leastSeconds = ttls === undefined || ttls.length === 0 ? 0 : Math.min(...ttls.map((at) => answer.readUInt32BE(at)), negativeSeconds(answer));
    const rcode = answer.readUInt8(3) & 15;
    if (leastSeconds === 0 || (rcode !== 0 && rcode !== 3) || isTruncated(answer)) return;
    if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value ?? '');
    kept.set(key, { answer, sinceMs: nowMs, untilMs: nowMs + Math.min(leastSeconds * 1000, MAX_KEPT_MS) });
  }

  async function askOne(server: Server, query: Buffer, overTcp: boolean): Promise<Buffer | undefined> {
    const startMs = performance.now();
    if (server.downUntilMs > startMs) return undefined;
    try {
      const answer = await (overTcp ? askTcp : askUdp)(server, query, isSilent(server) ? Math.min(SHORT_MS, timeoutMs) : timeoutMs);
      server.answeredMs = performance.now();
      server.silences = 0;
      return answer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== undefined) server.downUntilMs = performance.now() + DOWN_MS;
      else if (server.answeredMs < startMs) server.silences++;
      return undefined;
    }
  }

  return {
    async ask(query, overTcp) {
      const nowMs = performance.now();
      const { query: plain, key, udpBytes, edns } = askedOf(query);
      const told = (answer: Buffer): Buffer => (overTcp ? answering(answer, query) : fitting(answering(answer, query), udpBytes, edns ? { edns: MAX_UDP_BYTES } : {}));
      const known = kept.get(key);
      if (known !== undefined && known.untilMs > nowMs) return told(aged(known.answer, Math.floor((nowMs - known.sinceMs) / 1000)));
      if (waiting >= MAX_WAITING) return undefined;
      waiting++;
      try {
        for (const server of inOrder(await current(nowMs))) {
          const answer = await askOne(server, plain, overTcp);
          if (answer === undefined) continue;
          keep(key, answer, performance.now());
          return told(answer);
        }
        return undefined;
      } finally {
        waiting--;
      }
    },
  };
}

const isSilent = ({ silences }: Server): boolean => silences >= MOST_SILENCES;

/** One that is alone is asked twice. */
function inOrder(servers: readonly Server[]): Server[] {
  const well = servers.filter((each) => !isSilent(each));
  return [...well, ...(servers.length === 1 ? well : []), ...servers.filter(isSilent)];
}

/** How long the absence of a name, or of records of that type, may be kept: what the SOA says beside its own time (RFC 2308, section 5). */
function negativeSeconds(answer: Buffer): number {
  if (answer.readUInt16BE(6) > 0) return Infinity;
  try {
    const soa = dnsPacket.decode(answer).authorities?.find(({ type }) => type === 'SOA');
    return soa === undefined ? 0 : Number((soa.data as { minimum?: number }).minimum ?? 0);
  } catch {
    return 0;
  }
}

function parseServer(text: string): Server {
  const [address = '', port] = text.split(':').length === 2 ? text.split(':') : [text];
  return { address, port: Number(port ?? 53), downUntilMs: 0, answeredMs: -Infinity, silences: 0 };
}

/** A kept answer, with what is left of its times. */
function aged(answer: Buffer, ageSeconds: number): Buffer {
  const copy = Buffer.from(answer);
  for (const at of messageTtls(copy) ?? []) copy.writeUInt32BE(Math.max(0, copy.readUInt32BE(at) - ageSeconds), at);
  return copy;
}

/** A fresh port and id for each question, so that answers are hard to forge. */
function askUdp(server: Server, query: Buffer, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
    const sent = Buffer.from(query);
    sent.writeUInt16BE(randomInt(65_536), 0);
    const end = (error: Error | undefined, answer?: Buffer): void => {
      clearTimeout(timer);
      socket.close();
      if (answer === undefined) reject(error ?? new Error('no answer'));
      else resolve(answer);
    };
    const timer = setTimeout(() => end(new Error('timeout')), timeoutMs);
    socket.once('error', (error) => end(error));
    socket.on('message', (message) => {
      if (!isAnswerTo(message, query) || message.readUInt16BE(0) !== sent.readUInt16BE(0)) return;
      query.copy(message, 0, 0, 2);
      end(undefined, message);
    });
    socket.connect(server.port, server.address, (error?: Error) => (error ? end(error) : socket.send(sent)));
  });
}

function askTcp(server: Server, query: Buffer, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server.address, port: server.port });
    let received: Buffer<ArrayBufferLike> = Buffer.alloc(0);
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('timeout')));
    socket.once('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.length, 0);
      socket.write(Buffer.concat([length, query]));
    });
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = received.subarray(2, 2 + received.readUInt16BE(0));
      if (isAnswerTo(answer, query)) resolve(answer);
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}
