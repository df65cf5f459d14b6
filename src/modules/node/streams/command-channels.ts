/**
 * The channels of exec and attach: messages of a WebSocket, or streams of SPDY, one a channel, as client-go's SPDYExecutor and kubectl before
 * 1.31 speak it (kubelet's remotecommand over httpstream).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { RouteRequest } from '../../../sdk/module.ts';
import { ApiError } from '../../../api/errors.ts';
import { spdySession, type SpdyStream } from './spdy.ts';
import { acceptWebSocket, CHANNELS, channelsOf, COMMAND_PROTOCOLS, type Channels } from './web-socket.ts';
import { acceptSpdy, asksForSpdy, type Wire } from './wire.ts';

export interface CommandStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

const SPDY_PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];
/** From here on with a stream for sizes of the terminal, and with the end told as a Status. */
const [WITH_STATUS, WITH_RESIZE] = [SPDY_PROTOCOLS.slice(0, 1), SPDY_PROTOCOLS.slice(0, 2)];
/** How long a client may take to open its streams; ms. */
const STREAMS_MS = 30_000;
const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 256 * 1024;
const LOOK_MS = 5;
const MOST_SIZE_BYTES = 4096;

/** Upgrades to what the client asks for. Throws BadRequest and Forbidden where that cannot be. */
export async function acceptCommand(request: RouteRequest, streams: CommandStreams): Promise<Channels> {
  if (!streams.stdin && !streams.stdout && !streams.stderr) throw new ApiError('BadRequest', 'you must specify at least 1 of stdin, stdout, stderr');
  if (!asksForSpdy(request)) return channelsOf(await acceptWebSocket(request, COMMAND_PROTOCOLS));
  const { wire, protocol } = acceptSpdy(request, SPDY_PROTOCOLS);
  const opened = new Map<string, SpdyStream>();
  const wanted = ['error', ...(['stdin', 'stdout', 'stderr'] as const).filter((name) => streams[name] && !(name === 'stderr' && streams.tty)), ...(streams.tty && WITH_RESIZE.includes(protocol) ? ['resize'] : [])];
  return spdyChannels(wire, protocol, await openedAll(wire, opened, wanted));
}

/** Client-go opens all streams before it sends anything, and waits for the reply to each. What comes early is kept by the stream, as far as it is little. */
async function openedAll(wire: Wire, opened: Map<string, SpdyStream>, wanted: readonly string[]): Promise<Map<string, SpdyStream>> {
  const ended = new AbortController();
  let earlyBytes = 0;
  const all = new Promise<void>((resolve, reject) => {
    const session = spdySession((data) => wire.send(data), (stream) => {
      keepEarly(stream, (bytes) => {
        if ((earlyBytes += bytes) > HIGH_WATER_BYTES) wire.drop();
      });
      opened.set(stream.headers.get('streamtype') ?? '', stream);
      if (wanted.every((name) => opened.has(name))) resolve();
    });
    wire.onData((data) => void session.receive(data).catch(() => wire.drop()));
    wire.onClose(() => reject(new ApiError('BadRequest', 'the client went away before it opened its streams')));
    delay(STREAMS_MS, undefined, { signal: ended.signal, ref: false }).then(() => {
      wire.drop();
      reject(new ApiError('Timeout', `the client opened only ${[...opened.keys()].join(', ') || 'none'} of its streams within ${STREAMS_MS / 1_000} s`));
    }, () => {});
  });
  try {
    await all;
  } finally {
    ended.abort();
  }
  return opened;
}

const early = new WeakMap<SpdyStream, (Buffer | undefined)[]>();

function keepEarly(stream: SpdyStream, took: (bytes: number) => void): void {
  const kept: (Buffer | undefined)[] = [];
  early.set(stream, kept);
  stream.onData = (data) => {
    kept.push(Buffer.from(data));
    took(data.length);
  };
  stream.onEnd = () => void kept.push(undefined);
}

function spdyChannels(wire: Wire, protocol: string, streams: ReadonlyMap<string, SpdyStream>): Channels {
  const outputs = new Map([[CHANNELS.stdout, streams.get('stdout')], [CHANNELS.stderr, streams.get('stderr')]] as const) as Map<number, SpdyStream | undefined>;
  let drained = (): void => {};
  let looking: NodeJS.Timeout | undefined;
  const lookForRoom = (): void => {
    looking ??= setInterval(() => {
      if (wire.bufferedBytes > LOW_WATER_BYTES && wire.open) return;
      clearInterval(looking);
      looking = undefined;
      drained();
    }, LOOK_MS);
  };
  wire.onClose(() => clearInterval(looking));
  return {
    send: (channel, data) => outputs.get(channel)?.send(data),
    get full() {
      const full = wire.bufferedBytes >= HIGH_WATER_BYTES;
      if (full) lookForRoom();
      return full;
    },
    onDrain: (callback) => { drained = callback; },
    onMessage(callback) {
      listen(streams.get('stdin'), (data) => callback(CHANNELS.stdin, data), () => callback(CHANNELS.close, Buffer.from([CHANNELS.stdin])));
      listen(streams.get('resize'), lines((line) => callback(CHANNELS.resize, line)), () => {});
    },
    pause: () => wire.pause(),
    resume: () => wire.resume(),
    onClose: (callback) => wire.onClose(callback),
    end(status) {
      const error = streams.get('error');
      if (WITH_STATUS.includes(protocol)) error?.send(Buffer.from(JSON.stringify(status)));
      else if (status.status !== 'Success') error?.send(Buffer.from(status.message ?? 'the command failed'));
      for (const stream of [...outputs.values(), error]) stream?.end();
      wire.close();
    },
    close: () => wire.close(),
  };
}

function listen(stream: SpdyStream | undefined, data: (data: Buffer) => void, end: () => void): void {
  if (stream === undefined) return;
  stream.onData = data;
  stream.onEnd = end;
  for (const kept of early.get(stream) ?? []) {
    if (kept === undefined) end();
    else data(kept);
  }
  early.delete(stream);
}

/** Sizes come as lines of JSON, in any pieces. */
function lines(line: (line: Buffer) => void): (data: Buffer) => void {
  let rest = '';
  return (data) => {
    const all = (rest + data.toString('utf8')).split('\n');
    rest = all.pop()!.slice(0, MOST_SIZE_BYTES);
    for (const each of all) line(Buffer.from(each));
  };
}
