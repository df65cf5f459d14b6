/**
 * Programs that an earlier llmos started and did not live to hear of: a container that is still being made, a sandbox that is still joining the network, an image that still comes. They would go
 * on behind the back of the one who cleans up. Each names what it makes, by an id that nothing else bears, in its arguments or its environment.
 */
import { readFileSync } from 'node:fs';
import { namesIn } from '../read-files.ts';

/** Each time there may be children of those that were killed. */
const MOST_LOOKS = 20;

/** Kills them; settles nothing and waits for nothing, since what SIGKILL was sent to does nothing more. Costs a look at every process of the machine. */
export function endStrays(id: string): void {
  if (!/^[0-9a-f]{8,}$/.test(id)) throw new Error(`'${id}' is no id`);
  endNaming(id);
}

/** As {@link endStrays}, by a path that nothing else bears. */
export function endUsersOf(path: string): void {
  if (!/^\/.+\/.{8,}$/.test(path)) throw new Error(`'${path}' may be named by others, too`);
  endNaming(path);
}

function endNaming(id: string): void {
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const found = namesIn('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && names(pid, id));
    if (found.length === 0) return;
    for (const pid of found) kill(Number(pid));
  }
}

function names(pid: string, id: string): boolean {
  return ['cmdline', 'environ'].some((file) => bytesOf(`/proc/${pid}/${file}`)?.includes(id) === true);
}

/** Empty for a process that has ended and waits to be noticed. */
function bytesOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
