/** Logs of pods lie where collectors look for them, outside of the folders of the instance. */
import { join } from 'node:path';
import { node, removeAllLogs } from '../modules/node/module.ts';
import type { Folders } from './config.ts';

export function purgeLogs({ state }: Pick<Folders, 'state'>): void {
  removeAllLogs(join(state, node.name));
}
