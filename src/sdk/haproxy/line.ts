/**
 * A conversation with one process of HAProxy that stays open: its end is heard at once, and one that a reload left behind with its connections can still
 * be told things, though its socket is the next one's by then.
 */
import { connect, type Socket } from 'node:net';

export interface Line {
  /** One command; gives the answer. Rejects when the process is gone, or does not answer in 5 s. */
  ask(command: string): Promise<string>;
  /** An open one keeps a process that was told to end from ending. */
  close(): void;
}

const ANSWER_MS = 5_000;
const PROMPT = '\n> ';

/** `ended` is called when the process closes it, not after {@link Line.close}. */
export function openLine(path: string, ended: () => void): Line {
  let text = '';
  let waiting: { resolve(answer: string): void; reject(error: Error): void } | undefined;
  let asking: Promise<unknown> = Promise.resolve();
  let isOurs = false;
  const socket: Socket = connect(path, () => void socket.write('prompt\n')).unref();
  const hang = (error: Error): void => {
    waiting?.reject(error);
    waiting = undefined;
    socket.destroy();
  };
  socket.setEncoding('utf8').on('error', () => {}).on('close', () => {
    hang(new Error('HAProxy ended the conversation'));
    if (!isOurs) ended();
  });
  socket.on('data', (chunk: string) => {
    text += chunk;
    if (!text.endsWith(PROMPT)) return;
    waiting?.resolve(text.slice(0, -PROMPT.length).trim());
    waiting = undefined;
    text = '';
  });
  const answer = (): Promise<string> => new Promise((resolve, reject) => {
    if (socket.destroyed) return reject(new Error('HAProxy is gone'));
    const timer = setTimeout(() => hang(new Error('HAProxy does not answer')), ANSWER_MS);
    timer.unref();
    waiting = { resolve: (value) => { clearTimeout(timer); resolve(value); }, reject: (error) => { clearTimeout(timer); reject(error); } };
  });
  // What it says first is the prompt.
  asking = answer().catch(() => {});
  return {
    ask(command) {
      const asked = asking.then(() => {
        const told = answer();
        if (!socket.destroyed) socket.write(`${command}\n`);
        return told;
      });
      asking = asked.catch(() => {});
      return asked;
    },
    close() {
      isOurs = true;
      socket.destroy();
    },
  };
}

const GIVE_UP_LOOKS = 2_000;

/**
 * Settles when a process that was told to end listens no more, or is gone. Until then it takes connections as the next one does, those for commands too, and leads
 * them where its own configuration says. Gives up after some seconds.
 */
export async function endOfListening(line: Line): Promise<void> {
  for (let looks = 0; looks < GIVE_UP_LOOKS; looks++) {
    const info = await line.ask('show info').catch(() => '');
    if (!/^Listeners: [1-9]/m.test(info)) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const LOOK_MS = 1_000;
/** More than that are left to themselves. */
const MOST = 16;

/** Processes that reloads left behind, each with what is known of it, for as long as they have connections. */
export interface Formers<T> {
  add(line: Line, known: T): void;
  all(): readonly { line: Line; known: T }[];
  close(): void;
}

export function createFormers<T>(): Formers<T> {
  const all = new Map<Line, { line: Line; known: T }>();
  const forget = (line: Line): void => {
    all.delete(line);
    line.close();
  };
  const look = async (line: Line): Promise<void> => {
    if (!all.has(line)) return;
    const info = await line.ask('show info').catch(() => '');
    if (/^CurrConns: [1-9]/m.test(info)) setTimeout(() => void look(line), LOOK_MS).unref();
    else forget(line);
  };
  return {
    add(line, known) {
      all.set(line, { line, known });
      const [oldest] = all.keys();
      if (all.size > MOST && oldest !== undefined) forget(oldest);
      setTimeout(() => void look(line), LOOK_MS).unref();
    },
    all: () => [...all.values()],
    close() {
      for (const line of all.keys()) forget(line);
    },
  };
}
