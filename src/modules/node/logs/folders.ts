/**
 * Where the logs of containers lie. Collectors of every kind read a node's `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<attempt>.log` (KubeletConfiguration
 * podLogsDir), and `/var/log/containers/<pod>_<namespace>_<container>-<id>.log`, links to those (upstream: legacyLogSymlink of kuberuntime). A machine has these folders
 * once, and others may write there too: which logs are ours is told by links to them in the state folder.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Log } from '../../../base/log.ts';
import type { MachineFacts } from '../../../sdk/module.ts';
import type { ContainerRecord } from '../lifecycle/record.ts';
import { namesIn } from '../read-files.ts';

const USUAL = '/var/log/pods';
/** Of the state folder. */
export const LOGS_FOLDER = 'logs';
/** Beside the folder of pods' logs. */
const LINKS_FOLDER = 'containers';
const EXTENSION = '.log';
/** NAME_MAX of ext4, which upstream cuts at as well. */
const MOST_NAME = 255;

export interface LogPaths {
  /** `<namespace>_<pod>_<uid>/<container>/<attempt>.log`; the folders of pods are links where {@link shownLogs} is set. */
  logs: string;
  /** Where collectors look for them; absent in instances of which the machine has several. */
  shownLogs?: string;
}

/** `modules.node.podLogsDir`; undefined where logs stay in the state folder. Throws when it is no path. */
export function shownLogsFolder(config: Readonly<Record<string, unknown>>, machine: Pick<MachineFacts, 'instance' | 'further'>): string | undefined {
  const given = config['podLogsDir'] ?? (machine.instance === 'llmos' && machine.further === undefined ? USUAL : undefined);
  if (given !== undefined && (typeof given !== 'string' || !given.startsWith('/'))) throw new Error(`modules.node.podLogsDir must be the absolute path of a folder, not ${JSON.stringify(given)}`);
  return given;
}

/** Gives undefined, and says so, where nothing can be written. */
export function openShownLogs(folder: string | undefined, log: Log): string | undefined {
  if (folder === undefined) return undefined;
  try {
    for (const each of [folder, linksFolder(folder)]) mkdirSync(each, { recursive: true, mode: 0o755 });
    return folder;
  } catch (error) {
    log.warn(`logs stay in the state folder, where collectors do not find them: ${folder} cannot be written (modules.node.podLogsDir names another)`, { error });
    return undefined;
  }
}

/** The folder of all logs of a container, made. */
export function makeLogFolder({ logs, shownLogs }: LogPaths, { namespace, name, uid }: { namespace: string; name: string; uid: string }, container: string): string {
  const pod = `${namespace}_${name}_${uid}`;
  const kept = join(logs, pod);
  if (shownLogs !== undefined) {
    mkdirSync(join(shownLogs, pod, container), { recursive: true, mode: 0o755 });
    if (lstatSync(kept, { throwIfNoEntry: false }) === undefined) symlinkSync(join(shownLogs, pod), kept);
  }
  const folder = join(kept, container);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** The link to the log of a container that is about to start; those to logs that are no more go. */
export function linkLog({ shownLogs }: LogPaths, record: Pick<ContainerRecord, 'id' | 'name' | 'pod' | 'logPath'>): void {
  if (shownLogs === undefined) return;
  const { pod: { namespace, name, uid } } = record;
  const label = `${name}_${namespace}_${record.name}-`;
  const target = join(shownLogs, `${namespace}_${name}_${uid}`, record.name, basename(record.logPath));
  dropLinks(shownLogs, label, (to, rest) => /^[0-9a-f]*\.log$/.test(rest) && !existsSync(to)); // another container's name may begin like this one's
  symlinkSync(target, join(linksFolder(shownLogs), `${`${label}${record.id}`.slice(0, MOST_NAME - EXTENSION.length)}${EXTENSION}`));
}

/** Takes away all logs of a pod, by the name of their folder. */
export function removeLogs(logs: string, podFolder: string): void {
  const kept = join(logs, podFolder);
  if (lstatSync(kept, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
    const shown = readlinkSync(kept);
    const [namespace = '', name = ''] = podFolder.split('_');
    rmSync(shown, { recursive: true, force: true });
    dropLinks(dirname(shown), `${name}_${namespace}_`, (to) => to.startsWith(`${shown}/`));
  }
  rmSync(kept, { recursive: true, force: true });
}

/** Of all pods, which are no more. */
export function removeAllLogs(stateFolder: string): void {
  const logs = join(stateFolder, LOGS_FOLDER);
  for (const pod of namesIn(logs)) removeLogs(logs, pod);
}

function dropLinks(shownLogs: string, label: string, isStale: (to: string, rest: string) => boolean): void {
  const folder = linksFolder(shownLogs);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const link = join(folder, name);
    if (name.startsWith(label) && lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true && isStale(readlinkSync(link), name.slice(label.length))) rmSync(link, { force: true });
  }
}

function linksFolder(shownLogs: string): string {
  return join(dirname(shownLogs), LINKS_FOLDER);
}
