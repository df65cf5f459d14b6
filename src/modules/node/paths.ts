/** Where the node keeps what. State outlives a reboot; run-time files do not, nor do the containers they describe. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LOGS_FOLDER, type LogPaths } from './logs/folders.ts';

export interface NodePaths extends LogPaths {
  /** containers/storage: shared with `llmos build`. */
  images: { root: string; runRoot: string };
  /** Bundles: `<id>/` with config.json, record.json and the monitor's sockets. */
  bundles: string;
  /** Exit codes written by the monitor. */
  exits: string;
  runtimeRoot: string;
  sandboxes: string;
  /** Which pods have ports of the machine. */
  hostPorts: string;
  /** `<uid>/`: what pods have in memory only (shared /dev/shm, secrets). */
  podsRun: string;
  /** `<uid>/`: volumes and /etc files of pods. */
  pods: string;
  /** `<id>/{upper,work}`. */
  containers: string;
}

/** Of the run folder: {@link NodePaths.exits}. */
export const EXITS_FOLDER = 'exits';

/** `images` is containers/storage of the instance (MachineFacts.images), `shownLogs` where collectors look for logs. */
export function nodePaths(options: { stateFolder: string; runFolder: string; images: { root: string; runRoot: string }; shownLogs?: string }): NodePaths {
  const { stateFolder, runFolder, images, shownLogs } = options;
  return {
    images,
    bundles: join(runFolder, 'bundles'),
    exits: join(runFolder, EXITS_FOLDER),
    runtimeRoot: join(runFolder, 'runtime'),
    sandboxes: join(runFolder, 'sandboxes'),
    hostPorts: join(runFolder, 'host-ports.json'),
    podsRun: join(runFolder, 'pods'),
    pods: join(stateFolder, 'pods'),
    containers: join(stateFolder, 'containers'),
    logs: join(stateFolder, LOGS_FOLDER),
    ...(shownLogs === undefined ? {} : { shownLogs }),
  };
}

export function makePaths(paths: NodePaths): void {
  for (const folder of [paths.bundles, paths.exits, paths.runtimeRoot, paths.sandboxes, paths.podsRun, paths.pods, paths.containers, paths.logs]) mkdirSync(folder, { recursive: true, mode: 0o711 });
}
