/** Where device plugins register, and how many devices there are. */
import { join } from 'node:path';
import { CDI_FOLDERS } from './cdi-names.ts';
import type { MachineFacts } from '../../../sdk/module.ts';
import type { DevicePlugins } from './plugins.ts';

/** What drivers and plugins know as the folder of the kubelet. A machine has it once, so other instances than the first have a folder of their own. */
const USUAL = '/var/lib/kubelet';

export function pluginFolder(config: Readonly<Record<string, unknown>>, machine: MachineFacts): string {
  const given = config['devicePlugins'] ?? join(machine.instance === 'llmos' ? USUAL : machine.runFolder, 'device-plugins');
  if (typeof given !== 'string' || !given.startsWith('/')) throw new Error(`modules.node.devicePlugins must be the absolute path of a folder, not ${JSON.stringify(given)}`);
  return given;
}

/** Where storage drivers register and publish. */
export function kubeletFolder(config: Readonly<Record<string, unknown>>, machine: MachineFacts): string {
  const given = config['kubeletFolder'] ?? (machine.instance === 'llmos' && machine.further === undefined ? USUAL : join(machine.runFolder, 'kubelet'));
  if (typeof given !== 'string' || !given.startsWith('/')) throw new Error(`modules.node.kubeletFolder must be the absolute path of a folder, not ${JSON.stringify(given)}`);
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
