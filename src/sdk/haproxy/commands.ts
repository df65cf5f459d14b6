/** Runtime commands of an HAProxy, by its socket (management guide, section 9.3), and how its answers are read. */
import { connect, type Socket } from 'node:net';

const ANSWER_MS = 10_000;
/** HAProxy takes no more than a buffer (16 KiB) at once. */
const MOST_AT_ONCE = 100;

/** Sends commands that change something; rejects when one is not taken. */
export async function tellHaproxy(socket: string, commands: readonly string[]): Promise<void> {
  for (let at = 0; at < commands.length; at += MOST_AT_ONCE) {
    const answer = await askHaproxy(socket, commands.slice(at, at + MOST_AT_ONCE).join('; '));
    if (/No such|Unknown|Invalid|Require|can't/i.test(answer)) throw new Error(`HAProxy refused a change: ${answer.trim()}`);
  }
}

/** It takes connections and says nothing. */
export class HaproxySilentError extends Error {
  constructor() {
    super('HAProxy does not answer');
    this.name = 'HaproxySilentError';
  }
}

/** The answer to one command. Rejects where nobody is there, and with a {@link HaproxySilentError} where nobody answers within `answerMs`, by default 10 s. */
export function askHaproxy(socket: string, command: string, { answerMs = ANSWER_MS }: { answerMs?: number } = {}): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const call = connect(socket, () => call.end(`${command}\n`));
    call.setTimeout(answerMs).on('timeout', () => {
      // Where this process itself stood still, what came meanwhile is read only after the timers: it begins the time anew.
      const before = heard(call);
      setImmediate(() => {
        if (heard(call) === before) call.destroy(new HaproxySilentError());
      });
    });
    call.on('data', (chunk) => chunks.push(chunk));
    call.once('error', reject);
    call.once('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

function heard({ connecting, bytesRead, readyState }: Socket): string {
  return `${connecting} ${bytesRead} ${readyState}`;
}

/** Follows a ring, line by line, from the oldest that it holds, until the function is called; as long the process does not end. Settles when it was told to. */
export function followRing(socket: string, ring: string, take: (line: string) => void): Promise<() => void> {
  return new Promise((resolve, reject) => {
    let rest = '';
    const call = connect(socket, () => call.write(`show events ${ring} -w\n`, () => resolve(() => void call.destroy()))).unref();
    call.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) take(line);
    });
    call.once('error', reject).on('error', () => {});
  });
}

/** Reads of each row of `show stat` a column by its name. */
export function rowsOf(stat: string): ((column: string) => string)[] {
  const [head = '', ...rows] = stat.split('\n').filter((line) => line !== '');
  const columns = new Map(head.replace(/^# /, '').split(',').map((name, index) => [name, index]));
  return rows.map((row) => {
    // Some columns are texts in quotes, with commas of their own.
    const values = row.replaceAll(/"(?:[^"]|"")*"/g, '').split(',');
    return (column) => values[columns.get(column) ?? -1] ?? '';
  });
}
