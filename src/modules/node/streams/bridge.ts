/** Joins a process of ours with the channels of a client: standard streams, terminal size, the end. */
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Status } from '../../../api/errors.ts';
import { createIntake } from './intake.ts';
import { CHANNELS, exitStatus, failureStatus, type Channels } from './web-socket.ts';

/** As clients tell it on their channel. */
export interface TerminalSize { Width: number; Height: number }

export interface BridgeOptions {
  stdin: boolean;
  /** Do not end the standard input of the process although the client sends none. */
  keepStdin?: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Never asked again before it has settled; of sizes that come meanwhile the last one counts. */
  resize?: (size: TerminalSize) => Promise<void>;
  /** What the error channel says at the end; default by the exit code of the process. */
  status?: (code: number) => Partial<Status>;
  /** The client went away before the end. */
  abandoned: () => void;
}

/** Settles when the process has ended and the client was told, or the client is gone. */
export function bridge(child: ChildProcess, channels: Channels, options: BridgeOptions): Promise<void> {
  let ended = false;
  const resize = oneByOne(options.resize);
  const intake = createIntake(channels);
  pipeOut(child.stdout, channels, options.stdout ? CHANNELS.stdout : undefined);
  pipeOut(child.stderr, channels, options.stderr ? CHANNELS.stderr : undefined);
  channels.onDrain(() => {
    child.stdout?.resume();
    child.stderr?.resume();
  });
  child.stdin?.on('error', () => {}); // the process may end without reading
  if (!options.stdin && !options.keepStdin) child.stdin?.end();
  channels.onMessage((channel, data) => {
    if (channel === CHANNELS.stdin && options.stdin && child.stdin !== null) intake.write(child.stdin, data);
    else if (channel === CHANNELS.close && data[0] === CHANNELS.stdin) child.stdin?.end();
    else if (channel === CHANNELS.resize) resize(sizeOf(data));
  });
  return new Promise((resolve) => {
    channels.onClose(() => {
      if (!ended) options.abandoned();
      resolve();
    });
    child.once('error', (error) => {
      ended = true;
      channels.end(failureStatus(error.message));
    });
    child.once('close', (code, signal) => {
      if (ended) return;
      ended = true;
      channels.end((options.status ?? exitStatus)(code ?? (signal === 'SIGKILL' ? 137 : 143)));
    });
  });
}

function pipeOut(stream: Readable | null, channels: Channels, channel: number | undefined): void {
  stream?.on('data', (chunk: Buffer) => {
    if (channel !== undefined) channels.send(channel, chunk);
    if (channels.full) stream.pause();
  });
}

function sizeOf(data: Buffer): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(data.toString('utf8')) as TerminalSize;
    const fits = (value: number): boolean => Number.isInteger(value) && value > 0 && value < 65_536;
    return fits(Width) && fits(Height) ? { Width, Height } : undefined;
  } catch {
    return undefined;
  }
}

/** Clients send two sizes in a row to have the screen drawn anew: the second must not be overtaken by the first. */
function oneByOne(apply: BridgeOptions['resize']): (size: TerminalSize | undefined) => void {
  let next: TerminalSize | undefined;
  let busy = false;
  async function drain(): Promise<void> {
    busy = true;
    for (let size = next; size !== undefined; size = next) {
      next = undefined;
      await apply?.(size).catch(() => {});
    }
    busy = false;
  }
  return (size) => {
    next = size ?? next;
    if (!busy) void drain();
  };
}
