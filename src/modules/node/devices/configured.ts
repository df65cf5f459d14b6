/** Where device plugins register, and how many devices there are. */
import { join } from 'node:path';
import type { MachineFacts } from '../../../sdk/module.ts';
import type { DevicePlugins } from './plugins.ts';

/** Where plugins look by default. A machine has it once, so other instances than the first have a folder of their own. */
const USUAL = '/var/lib/kubelet/device-plugins';

export function pluginFolder(config: Readonly<Record<string, unknown>>, machine: MachineFacts): string {
  const given = config['devicePlugins'] ?? (machine.instance === 'llmos' ? USUAL : join(machine.runFolder, 'device-plugins'));
  if (typeof given !== 'string' || !given.startsWith('/')) throw new Error(`modules.node.devicePlugins must be the absolute path of a folder, not ${JSON.stringify(given)}`);
  return given;
}

export function countDevices(plugins: DevicePlugins): ReadonlyMap<string, { all: number; healthy: number }> {
  return new Map([...plugins.devices()].map(([name, devices]) => [name, { all: devices.size, healthy: [...devices.values()].filter(({ healthy }) => healthy).length }]));
}
