/** Where device plugins register, and how many devices there are. */
import { join } from 'node:path';
import { CDI_FOLDERS } from './cdi-names.ts';
import type { MachineFacts } from '../../../sdk/module.ts';
import type { DevicePlugins } from './plugins.ts';

/** Where plugins look by default. A machine has it once, so other instances than the first have a folder of their own. */
const USUAL = '/var/lib/kubelet/device-plugins';

export function pluginFolder(config: Readonly<Record<string, unknown>>, machine: MachineFacts): string {
  const given = config['devicePlugins'] ?? (machine.instance === 'llmos' ? USUAL : join(machine.runFolder, 'device-plugins'));
  if (typeof given !== 'string' || !given.startsWith('/')) throw new Error(`modules.node.devicePlugins must be the absolute path of a folder, not ${JSON.stringify(given)}`);
  return given;
}

/** Throws when they are no paths of folders. */
export function cdiFolders(config: Readonly<Record<string, unknown>>): readonly string[] {
  const given = config['cdiFolders'] ?? CDI_FOLDERS;
  if (!Array.isArray(given) || given.some((each) => typeof each !== 'string' || !each.startsWith('/'))) throw new Error(`modules.node.cdiFolders must be a list of absolute paths of folders, not ${JSON.stringify(given)}`);
  return given as string[];
}

export function countDevices(plugins: DevicePlugins): ReadonlyMap<string, { all: number; healthy: number }> {
  return new Map([...plugins.devices()].map(([name, devices]) => [name, { all: devices.size, healthy: [...devices.values()].filter(({ healthy }) => healthy).length }]));
}
