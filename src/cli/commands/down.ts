/** `llmos down`: stops llmos, its containers and its network; with --purge also removes its data. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runAny } from '../../base/sys/run.ts';
import type { Folders } from '../../boot/config.ts';
import { mountsUnder } from '../../boot/own-namespace.ts';
import { runningPid } from '../../boot/pid-file.ts';
import type { Command } from '../command.ts';
import { control, kubeconfigFile } from '../control.ts';
import { bootInBackground } from './up.ts';

const DOWN_TIMEOUT_MS = 90_000;

export const down: Command = {
  usage: '[--purge] [--state FOLDER] [--run FOLDER]',
  flags: { purge: { type: 'boolean' } },
  async run({ folders, flags }) {
    if (runningPid(folders.run) === undefined && existsSync(kubeconfigFile(folders)) && mountsUnder([folders.run]).length > 0) {
      // Containers outlive a crash of llmos: only llmos itself knows how to end them well.
      console.log('llmos is not running; booting it to take its containers down');
      await bootInBackground(folders, () => {}).catch((error: unknown) => {
        throw new Error(`its containers may still run, and nothing was removed: they are taken down by llmos itself, which does not boot. Mend this, then run 'llmos down' again. ${(error as Error).message}`, { cause: error });
      });
    }
    await stopInstance(folders);
    await leaveNamespace(folders);
    if (flags['purge'] === true) await purge(folders);
    console.log(flags['purge'] === true ? 'llmos is down and its data is removed' : 'llmos is down');
    return 0;
  },
};

async function stopInstance(folders: Folders): Promise<void> {
  const pid = runningPid(folders.run);
  if (pid === undefined) return;
  try {
    await control(folders, 'POST', '/llmos/v1/down', { body: {} });
  } catch (error) {
    console.error(`llmos: the door does not answer (${(error as Error).message}); sending SIGTERM, containers stay`);
    process.kill(pid, 'SIGTERM');
  }
  const deadlineMs = Date.now() + DOWN_TIMEOUT_MS;
  while (runningPid(folders.run) === pid) {
    if (Date.now() > deadlineMs) throw new Error(`llmos (pid ${pid}) has not stopped after ${DOWN_TIMEOUT_MS / 1_000} s; see its log, and 'kill -9 ${pid}' as a last resort`);
    await sleep(20);
  }
}

/** Takes away the mounts on the host that keep llmos' mount namespace, and with them all that was mounted within. */
async function leaveNamespace(folders: Folders): Promise<void> {
  for (const target of mountsUnder([folders.run, `${folders.state}/images`])) await runAny('umount', ['-l', target]);
}

async function purge(folders: Folders): Promise<void> {
  (await import('../../boot/purge-logs.ts')).purgeLogs(folders);
  for (const folder of [folders.run, folders.state]) remove(folder);
}

/** A file system that is mounted there is emptied, and stays. */
function remove(folder: string): void {
  const isMount = existsSync(folder) && statSync(folder).dev !== statSync(dirname(folder)).dev;
  for (const each of isMount ? readdirSync(folder).map((name) => join(folder, name)) : [folder]) rmSync(each, { recursive: true, force: true, maxRetries: 3 });
}
