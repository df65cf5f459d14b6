/** Many watchers of one collection: how long an update takes to reach each of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { openConnection, versionIn, type Target } from './load.ts';
import { onOneCore } from './one-core.ts';

const SEQUENCE = Buffer.from('"sequence":"');
const END = Buffer.from('}\n\r\n');
const QUOTE = 0x22;

export interface WatchLoad {
  path: string;
  /** The object that is updated; its body bears `"sequence":"N"`. */
  name: string;
  body(n: number, resourceVersion: string | undefined): string;
  watchers: number;
  /** Updates at a steady pace, for the latency. */
  updatesPerSecond: number;
  durationMs: number;
  /** Then so many updates as fast as they are taken, for the rate. */
  burst: number;
}

export interface WatchFigures {
  /** The time from the write of an update to the arrival of each event at the steady pace, in ms. */
  latencies: number[];
  /** The same with the client kept to one core. */
  apartLatencies: number[];
  /** Events a second over all watchers in the burst, by tenths of it. */
  perSecond: number[];
}

/** Rejects when an event did not arrive. */
export async function measureWatches(target: Target, load: WatchLoad): Promise<WatchFigures> {
  const sentMs = new Map<string, number>();
  const latencies: number[] = [];
  const apartLatencies: number[] = [];
  const arrivals: number[] = [];
  let into: number[] | undefined = latencies; // none: a burst
  const onEvent = (sequence: string): void => {
    const fromMs = sentMs.get(sequence);
    if (fromMs === undefined) return;
    if (into === undefined) arrivals.push(performance.now());
    else into.push(performance.now() - fromMs);
  };
  const sockets: TLSSocket[] = [];
  for (let n = 0; n < load.watchers; n += 1) sockets.push(await openWatch(target, load, onEvent));
  await sleep(1_000);
  const writer = await openConnection(target);
  let sequence = 1_000_000;
  const path = `${load.path}/${load.name}`;
  let version = versionIn((await writer.send('GET', path)).text);
  const update = async (): Promise<void> => {
    sequence += 1;
    sentMs.set(String(sequence), performance.now());
    version = versionIn((await writer.send('PUT', path, load.body(sequence, version))).text);
  };
  const updates = Math.round((load.durationMs / 1_000) * load.updatesPerSecond);
  const pace = async (times: number[]): Promise<void> => {
    into = times;
    for (let n = 0; n < updates; n += 1) await Promise.all([update(), sleep(1_000 / load.updatesPerSecond)]);
    await arrived(times, updates * load.watchers);
  };
  await pace(latencies);
  await onOneCore(() => pace(apartLatencies));
  into = undefined;
  const fromMs = performance.now();
  for (let n = 0; n < load.burst; n += 1) await update();
  await arrived(arrivals, load.burst * load.watchers);
  for (const socket of sockets) socket.destroy();
  writer.close();
  return { latencies, apartLatencies, perSecond: ratesOf(arrivals, fromMs) };
}

async function arrived(events: readonly number[], wanted: number): Promise<void> {
  const deadlineMs = Date.now() + 60_000;
  while (events.length < wanted && Date.now() < deadlineMs) await sleep(20);
  if (events.length < wanted) throw new Error(`only ${events.length} of ${wanted} events arrived`);
}

function ratesOf(arrivals: readonly number[], fromMs: number): number[] {
  const lastMs = arrivals.at(-1) ?? fromMs;
  const partMs = (lastMs - fromMs) / 10;
  const parts = new Array<number>(10).fill(0);
  for (const atMs of arrivals) parts[Math.min(9, Math.floor((atMs - fromMs) / partMs))]! += 1;
  return parts.map((count) => (count * 1_000) / partMs);
}

/** What all of them read into: a buffer of its own for each chunk would cost the client more than the server spends on an event. */
const INTO = Buffer.allocUnsafeSlow(64 * 1024);

async function openWatch(target: Target, load: WatchLoad, onEvent: (sequence: string) => void): Promise<TLSSocket> {
  let rest = '';
  const take = (lengthBytes: number, into: Uint8Array): boolean => {
    const chunk = into === INTO ? INTO : Buffer.from(into.buffer, into.byteOffset, into.byteLength);
    // Most often one whole event: the client shares the machine with the server, and must not be the slower one.
    if (rest === '' && lengthBytes > END.length && chunk.compare(END, 0, END.length, lengthBytes - END.length, lengthBytes) === 0) {
      const at = chunk.indexOf(SEQUENCE);
      const until = chunk.indexOf(QUOTE, at + SEQUENCE.length);
      if (at >= 0 && until < lengthBytes && chunk.indexOf(END) === lengthBytes - END.length) {
        onEvent(chunk.toString('latin1', at + SEQUENCE.length, until));
        return true;
      }
    }
    rest += chunk.toString('latin1', 0, lengthBytes);
    for (let line = rest.indexOf('}\n'); line >= 0; line = rest.indexOf('}\n')) {
      const sequence = /"sequence":"(\d+)"/.exec(rest.slice(0, line))?.[1];
      rest = rest.slice(line + 2);
      if (sequence !== undefined) onEvent(sequence);
    }
    return true;
  };
  const socket = connect({ host: target.host, port: target.port, ...target.tls, onread: { buffer: INTO, callback: take } } as ConnectionOptions);
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  socket.write(`GET ${load.path}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3D${load.name} HTTP/1.1\r\nHost: ${target.host}\r\nAccept: application/json\r\n\r\n`);
  return socket;
}
