/**
 * A closed-loop load generator: each worker has one keep-alive HTTP/1.1 connection over TLS and one request under way. Latency runs
 * from the write of the request to the last byte of the answer.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { parse } from 'yaml';
import { figureOf, type Figure } from '../result.ts';

const TEXT_CHARACTERS = 65_536;

export interface Target {
  host: string;
  port: number;
  tls: ConnectionOptions;
  /** Of a user who is known by it rather than by a certificate. */
  token?: string;
}

export interface Load {
  /** Workers, each with a connection of its own. */
  concurrency: number;
  durationMs: number;
  /** Ends before, when so many requests were answered. */
  most?: number;
  /** The n-th request of the run. */
  request(n: number): { method: string; path: string; body?: string };
  /** Called with the answer to the n-th request, and then its whole text is there. */
  answered?(n: number, text: string): void;
  /** Whether an answer of 429 is no failure but a reason to come again, after 10 ms. */
  comesAgain?: boolean;
}

/** Operations a second, by 10 parts of the run, and the latency in ms. Answers of 400 and above fail the run. */
export interface LoadFigures {
  perSecond: Figure;
  latency: Figure;
}

/** The server and client certificate of a kubeconfig file. */
export function targetOf(kubeconfig: string): Target {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as {
    clusters: [{ cluster: Record<string, string> }];
    users: [{ user: Record<string, string> }];
  };
  const [{ cluster }] = config.clusters;
  const [{ user }] = config.users;
  const url = new URL(cluster['server'] ?? '');
  const decode = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');
  return {
    host: url.hostname,
    port: Number(url.port),
    tls: { ca: decode(cluster['certificate-authority-data']), cert: decode(user['client-certificate-data']), key: decode(user['client-key-data']), ALPNProtocols: ['http/1.1'] },
  };
}

/** The metadata.resourceVersion in the text of an answer; the first, where there are several. */
export function versionIn(text: string): string | undefined {
  return /"resourceVersion":"(\d+)"/.exec(text)?.[1];
}

/** Opens a connection that gives one answer for one request. */
export async function openConnection(target: Target): Promise<Connection> {
  const socket = connect({ host: target.host, port: target.port, ...target.tls });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  socket.setNoDelay(true);
  return new Connection(socket, `${target.host}:${target.port}`, target.token);
}

export async function runLoad(target: Target, { concurrency, durationMs, request, answered, comesAgain = false, most = Infinity }: Load): Promise<LoadFigures> {
  const connections = await Promise.all(Array.from({ length: concurrency }, () => openConnection(target)));
  const latencies: number[] = [];
  const doneAtMs: number[] = [];
  const fromMs = performance.now();
  let next = 0;
  await Promise.all(connections.map(async (connection) => {
    for (let nowMs = performance.now(); nowMs - fromMs < durationMs && next < most; nowMs = performance.now()) {
      const n = (next += 1);
      const { method, path, body } = request(n);
      const { status, text } = await connection.send(method, path, body);
      if (status === 429 && comesAgain) {
        await sleep(10);
        continue;
      }
      if (status >= 400) throw new Error(`${method} ${path} answered ${status}: ${text.slice(0, 300)}`);
      const doneMs = performance.now();
      answered?.(n, text);
      latencies.push(doneMs - nowMs);
      doneAtMs.push(doneMs);
    }
    connection.close();
  }));
  const tookMs = next < most ? durationMs : performance.now() - fromMs;
  const parts = new Array<number>(10).fill(0);
  for (const doneMs of doneAtMs) {
    const part = Math.floor(((doneMs - fromMs) / tookMs) * 10);
    if (part < 10) parts[part] = (parts[part] as number) + 1;
  }
  return { perSecond: figureOf('ops/s', parts.map((count) => (count * 10_000) / tookMs)), latency: figureOf('ms', latencies) };
}

interface Answer {
  status: number;
  /** The head and the body, up to some 64 KiB. */
  text: string;
}

export class Connection {
  readonly #socket: TLSSocket;
  /** With the header of who asks, where there is one. */
  readonly #host: string;
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #head = '';
  #left = -1;
  #status = 0;
  #chunked = false;
  #tail = '';

  constructor(socket: TLSSocket, host: string, token?: string) {
    this.#socket = socket;
    this.#host = host + (token === undefined ? '' : `\r\nAuthorization: Bearer ${token}`);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.once('close', () => this.#waiting?.reject(new Error('the connection was closed')));
    socket.on('error', (error) => this.#waiting?.reject(error));
  }

  send(method: string, path: string, body?: string): Promise<Answer> {
    const length = body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    this.#head = '';
    this.#left = -1;
    this.#tail = '';
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nAccept: application/json\r\n${length}\r\n${body ?? ''}`);
    });
  }

  /** Sends a request whose answer nobody waits for, such as a watch. */
  start(method: string, path: string): void {
    this.#waiting = undefined;
    this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nAccept: application/json\r\n\r\n`);
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let body = chunk;
    if (this.#left < 0 && !this.#chunked) {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#status = Number(this.#head.slice(9, 12));
      this.#left = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head)?.[1] ?? 0);
      this.#chunked = /\r\ntransfer-encoding: *chunked/i.test(this.#head.slice(0, end + 2));
      body = Buffer.from(this.#head.slice(end + 4), 'latin1');
    } else if (this.#head.length < TEXT_CHARACTERS) this.#head += chunk.toString('latin1');
    if (this.#chunked) {
      this.#tail = (this.#tail + body.subarray(Math.max(0, body.length - 7)).toString('latin1')).slice(-7);
      if (this.#tail.endsWith('\r\n0\r\n\r\n') || this.#tail === '0\r\n\r\n') this.#finish();
    } else if ((this.#left -= body.length) <= 0) this.#finish();
  }

  #finish(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#chunked = false;
    this.#left = -1;
    waiting?.resolve({ status: this.#status, text: this.#head });
  }
}
