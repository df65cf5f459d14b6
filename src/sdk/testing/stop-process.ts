import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** Sends SIGSTOP; settles when no thread of the process runs any more, which for some is a moment later. */
export async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const states = (): string[] => readdirSync(`/proc/${pid}/task`).map((thread) => /\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1] ?? '');
  await eventually(async () => states().every((state) => state === 'T'), { what: `${pid} is stopped`, everyMs: 1 });
}
