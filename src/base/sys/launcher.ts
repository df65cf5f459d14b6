/**
 * A small shell that starts programs for llmos. To start one is to copy the tables of the starter's whole memory, while which nothing else is done: some
 * milliseconds for llmos, next to nothing for a shell of one MiB. It is started when it is first needed, ends with llmos, and what it started does not.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Launcher {
  /**
   * Runs a text of the shell whose words are {@link quoted}. Calls back with each line that it writes to descriptor 3 or to standard error, cut to 3,500 bytes, until one
   * begins with `{`, which is an answer; at last with undefined. When the shell is killed that is at once. Gives what ends the listening, for one
   * who waits no longer: what was started may hang for good.
   */
  launch(text: string, heard: (line: string | undefined) => void): () => void;
  /** How many are listened to. */
  readonly waiting: number;
}

const PART = 3_500; // with its number a line is written at once (PIPE_BUF)
/** Forgets the programs that ended: those that say their last at that moment do it soon, or on a busy machine later. */
const REAP = 'jobs > /dev/null 2>&1\n';
const REAP_AFTER_MS = [500, 10_000] as const;

/** `env` gives the environment of all programs, once. */
export function programLauncher(env: () => NodeJS.ProcessEnv): Launcher {
  const waiting = new Map<number, (line: string | undefined) => void>();
  let shell: ChildProcess | undefined;
  let count = 0;
  const reaps: NodeJS.Timeout[] = [];

  function begin(): ChildProcess {
    const child = spawn('/bin/sh', ['-s'], { env: env(), stdio: ['pipe', 'pipe', 'ignore'] });
    child.unref();
    for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref(): void }).unref();
    child.stdin?.on('error', () => {}); // its end tells
    createInterface({ input: child.stdout! }).on('line', told);
    const ended = (): void => {
      if (shell !== child) return;
      shell = undefined;
      for (const number of waiting.keys()) finish(number);
    };
    child.once('error', ended).once('exit', ended); // what it started may hold its output open
    return child;
  }

  function finish(number: number): void {
    const heard = waiting.get(number);
    waiting.delete(number);
    heard?.(undefined);
  }

  function told(text: string): void {
    const space = text.indexOf(' ');
    const number = Number(space < 0 ? text : text.slice(0, space));
    if (space >= 0) return waiting.get(number)?.(text.slice(space + 1));
    finish(number);
    reaps.splice(0).forEach(clearTimeout);
    reaps.push(...REAP_AFTER_MS.map((afterMs) => setTimeout(() => shell?.stdin?.write(REAP), afterMs).unref()));
  }

  return {
    launch(text, heard) {
      const number = (count += 1);
      waiting.set(number, heard);
      shell ??= begin();
      // What is launched may keep its descriptors as long as it lives: who reads them ends before.
      shell.stdin?.write(`${REAP}{ ${text}\n} 3>&1 2>&1 > /dev/null < /dev/null | { while IFS= read -r line; do printf '${number} %.${PART}s\\n' "$line"; case $line in "{"*) break;; esac; done; echo ${number}; } &\n`);
      return () => void waiting.delete(number);
    },
    get waiting() { return waiting.size; },
  };
}

/** A word that the shell takes as it is. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
