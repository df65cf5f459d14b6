/**
 * One nft that stays while there is something to write, and is told one transaction after the other. To start a program is to copy the tables of llmos' whole
 * memory and to wait until the copy has its turn: on a busy machine tens of milliseconds for each, while which llmos does nothing else. A transaction of a few
 * lines takes a fifth of a millisecond.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { run } from './run.ts';

export interface NftWriter {
  /** Settles when the kernel has taken the script, as one transaction. Rejects with what nft says; nothing was changed then. Scripts go one after the other. */
  write(script: string): Promise<void>;
}

export interface NftWriterOptions {
  /** How long nft stays when it has nothing to do, in ms; default 3,000. */
  idleMs?: number;
  /** An nft that says nothing for so long is ended, in ms; default 30,000. */
  answerMs?: number;
}

/** What is longer, or has blocks of several lines, is given to an nft of its own. */
const LONGEST = 32_768;
/** It keeps a history of what it was told. */
const MOST_SCRIPTS = 1_000;

interface Talk {
  child: ChildProcess;
  told: number;
  /** Of the script under way. */
  answer: ((error?: Error) => void) | undefined;
  text: string;
}

/** `program` is nft; one that cannot be talked to (built without its command line) is started for each script. */
export function nftWriter(program: string, { idleMs = 3_000, answerMs = 30_000 }: NftWriterOptions = {}): NftWriter {
  let working: Promise<unknown> = Promise.resolve();
  let talk: Talk | undefined;
  let isMute = false;
  let leaving: NodeJS.Timeout | undefined;

  const writeAlone = async (script: string): Promise<void> => void (await run(program, ['-f', '-'], { input: script }));

  async function write(script: string): Promise<void> {
    const lines = script.split('\n').filter((line) => line !== '');
    if (isMute || script.length > LONGEST || lines.some((line) => line.endsWith('{'))) return writeAlone(script);
    clearTimeout(leaving);
    try {
      await tell(lines.join('; '));
    } catch (error) {
      if (!(error instanceof Mute)) throw error;
      isMute = error.isForGood;
      return await writeAlone(script);
    } finally {
      leaving = setTimeout(end, idleMs).unref();
    }
  }

  function tell(line: string): Promise<void> {
    if ((talk?.told ?? 0) >= MOST_SCRIPTS) end();
    const own = (talk ??= begin());
    own.told += 1;
    own.text = '';
    hold(own.child, true);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        own.child.kill('SIGKILL'); // or it might carry out later what was given up, after what came next
        own.answer?.(new Error('nft does not answer'));
      }, answerMs);
      own.answer = (error) => {
        own.answer = undefined;
        clearTimeout(timer);
        hold(own.child, false);
        if (error === undefined) return resolve();
        if (talk === own) end();
        reject(error);
      };
      own.child.stdin?.write(`${line}\n${markOf(own.told)}\n`);
    });
  }

  function begin(): Talk {
    // It would write its history into the home.
    const child = spawn(program, ['-i'], { env: { ...process.env, HOME: '/dev/null' }, stdio: ['pipe', 'ignore', 'pipe'] });
    const own: Talk = { child, told: 0, answer: undefined, text: '' };
    /** One that went by itself will do so again; one that could not be started, or was killed, perhaps not. */
    const ended = ({ isByItself }: { isByItself: boolean }): void => {
      if (talk === own) talk = undefined;
      own.answer?.(own.told <= 1 ? new Mute(isByItself) : new Error('nft ended'));
    };
    child.once('error', () => ended({ isByItself: false })).once('close', (code) => ended({ isByItself: code !== null }));
    child.stdin?.on('error', () => {}); // its end tells
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      own.text += chunk;
      const said = saidBefore(own.text, markOf(own.told));
      if (said !== undefined) own.answer?.(said === '' ? undefined : new Error(said));
    });
    return own;
  }

  /** It ends when nobody can tell it anything any more; with llmos, too. */
  function end(): void {
    talk?.child.stdin?.end();
    talk = undefined;
  }

  return {
    write(script) {
      const done = working.then(() => write(script));
      working = done.catch(() => {});
      return done;
    },
  };
}

/** It was never heard. */
class Mute extends Error {
  readonly isForGood: boolean;

  constructor(isForGood: boolean) {
    super('nft cannot be talked to');
    this.isForGood = isForGood;
  }
}

/** A word that nft does not know: what it says to that comes after what it says to the script. */
function markOf(told: number): string {
  return `llmos-said-${told}`;
}

/** What nft said before the error about the mark; undefined while that is not there. */
function saidBefore(text: string, mark: string): string | undefined {
  const at = text.indexOf(`${mark}\n`);
  if (at < 0) return undefined;
  // What it still had to say to the mark before: where in its line it stands.
  return text.slice(0, Math.max(0, text.lastIndexOf('Error: ', at))).replace(/^[\s^]+/, '').trim();
}

/** Whether this process waits for it. */
function hold(child: ChildProcess, isHeld: boolean): void {
  for (const each of [child, child.stdin, child.stderr] as unknown as ({ ref(): void; unref(): void } | null)[]) {
    if (isHeld) each?.ref();
    else each?.unref();
  }
}
