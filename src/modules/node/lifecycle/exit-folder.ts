/** Room of its own for what monitors leave: how a container ended is known, however full the disk of the run folder is. */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { runAny } from '../../../base/sys/run.ts';
import type { Log } from '../../../base/log.ts';

/** A page for each container that ended and is not yet removed. */
const MOST_BYTES = 8 * 2 ** 20;

/** There as long as the mount namespace is. Before anybody looks into the folder; where there are ends of an earlier llmos in it, they are not hidden. */
export async function keepRoomForExits(folder: string, log: Log): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  if (statSync(folder).dev !== statSync(dirname(folder)).dev || readdirSync(folder).length > 0) return;
  const { code, stderr } = await runAny('mount', ['-t', 'tmpfs', '-o', `size=${MOST_BYTES},mode=0711,nosuid,nodev,noexec`, 'tmpfs', folder]);
  if (code !== 0) log.warn('codes of ended containers may be lost when the run folder is full', { error: stderr.trim() });
}
