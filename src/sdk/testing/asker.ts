/** Who asks from network namespaces: one process in each, begun with its first question, so that the next ones cost no start of a program. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Asker<A extends readonly unknown[]> {
  /** Calls the function in the namespace; what it settles with. */
  ask(namespace: string, ...question: A): Promise<string>;
  end(): void;
}

/** `request` is sent as text: it uses nothing of the file that it stands in. Its last argument is the `connect` of node:net. */
export function createAsker<A extends readonly unknown[]>(request: (...question: [...A, typeof import('node:net').connect]) => Promise<string>): Asker<A> {
  const script = `const request = ${String(request)}; const { connect } = require('node:net');
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => { const [id, ...question] = JSON.parse(line).map((each) => each ?? undefined);
      request(...question, connect).then((text) => console.log(JSON.stringify([id, text])), (error) => console.log(JSON.stringify([id, String(error)]))); })`;
  const waiting = new Map<number, (text: string) => void>();
  const processes = new Map<string, ChildProcess>();
  let asked = 0;

  function processIn(namespace: string): ChildProcess {
    const known = processes.get(namespace);
    if (known !== undefined) return known;
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const [id, text] = JSON.parse(line) as [number, string];
      waiting.get(id)?.(text);
      waiting.delete(id);
    });
    processes.set(namespace, child);
    return child;
  }

  return {
    ask: (namespace, ...question) => new Promise((resolve) => {
      waiting.set((asked += 1), resolve);
      processIn(namespace).stdin!.write(`${JSON.stringify([asked, ...question])}\n`);
    }),
    end() {
      for (const child of processes.values()) child.kill('SIGKILL');
    },
  };
}
