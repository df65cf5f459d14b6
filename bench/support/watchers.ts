/** Many watchers of one collection: how long an update takes to reach each of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { openConnection, type Target } from './load.ts';

export interface WatchLoad {
  path: string;
  /** The object that is updated; its body bears `"sequence":"N"`. */
  name: string;
  body(n: number): string;
  watchers: number;
  updatesPerSecond: number;
  durationMs: number;
}

/** The latency of each event at each watcher, in ms. Rejects when an event did not arrive. */
export async function watchLatencies(target: Target, load: WatchLoad): Promise<number[]> {
  const sentMs = new Map<string, number>();
  const latencies: number[] = [];
  const onEvent = (sequence: string): void => {
    const fromMs = sentMs.get(sequence);
    if (fromMs !== undefined) latencies.push(performance.now() - fromMs);
  };
  const sockets: TLSSocket[] = [];
  for (let n = 0; n < load.watchers; n += 1) sockets.push(await openWatch(target, load, onEvent));
  await sleep(1_000);
  const writer = await openConnection(target);
  const updates = Math.round((load.durationMs / 1_000) * load.updatesPerSecond);
  for (let n = 1; n <= updates; n += 1) {
    const sequence = 1_000_000 + n;
    sentMs.set(String(sequence), performance.now());
    await Promise.all([writer.send('PUT', `${load.path}/${load.name}`, load.body(sequence)), sleep(1_000 / load.updatesPerSecond)]);
  }
  const deadlineMs = Date.now() + 10_000;
  while (latencies.length < updates * load.watchers && Date.now() < deadlineMs) await sleep(20);
  for (const socket of sockets) socket.destroy();
  writer.close();
  if (latencies.length < updates * load.watchers) throw new Error(`only ${latencies.length} of ${updates * load.watchers} events arrived`);
  console.error(`watch: ${latencies.length} events`);
  return latencies;
}

async function openWatch(target: Target, load: WatchLoad, onEvent: (sequence: string) => void): Promise<TLSSocket> {
  const socket = connect({ host: target.host, port: target.port, ...target.tls });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  let rest = '';
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    rest += chunk.toString('latin1');
    for (let line = rest.indexOf('}\n'); line >= 0; line = rest.indexOf('}\n')) {
      const sequence = /"sequence":"(\d+)"/.exec(rest.slice(0, line))?.[1];
      rest = rest.slice(line + 2);
      if (sequence !== undefined) onEvent(sequence);
    }
  });
  socket.write(`GET ${load.path}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3D${load.name} HTTP/1.1\r\nHost: ${target.host}\r\nAccept: application/json\r\n\r\n`);
  return socket;
}
