/**
 * A scheduler plugin that knows the single GPUs of nodes: whole ones must be idle, and a part of one must be left on one device. Of several devices the
 * one with the least left is taken, so that others stay whole.
 */
import { rejection, type Plugin } from '../../modules/scheduler/framework/plugin.ts';
import type { PodInfo } from '../../modules/scheduler/framework/pod-info.ts';
import { quantityValue } from '../../api/quantity.ts';

export interface GpuDevices extends Plugin {
  take(pod: PodInfo, node: string): void;
  give(pod: PodInfo): void;
}

const WHOLE = 1_000;
const SHORT = rejection('GpuDevices', 'node(s) had no GPU with enough left');

export function createGpuDevices(nodes: readonly (readonly [name: string, gpus: number])[]): GpuDevices {
  const left = new Map(nodes.map(([name, gpus]) => [name, Array.from({ length: gpus }, () => WHOLE)]));
  const held = new Map<string, { node: string; device: number; milli: number }[]>();
  const fits = (devices: readonly number[], wish: number): boolean => (wish < WHOLE ? devices.some((each) => each >= wish) : devices.filter((each) => each === WHOLE).length * WHOLE >= wish);
  return {
    name: 'GpuDevices',
    filter(pod) {
      const wish = wishOf(pod);
      return wish === 0 ? undefined : (node) => (fits(left.get(node.name) ?? [], wish) ? undefined : SHORT);
    },
    take(pod, node) {
      const devices = left.get(node)!;
      const parts: { node: string; device: number; milli: number }[] = [];
      for (let wish = wishOf(pod); wish > 0;) {
        const milli = Math.min(wish, WHOLE);
        const device = tightest(devices, milli);
        devices[device]! -= milli;
        parts.push({ node, device, milli });
        wish -= milli;
      }
      held.set(pod.uid, parts);
    },
    give(pod) {
      for (const { node, device, milli } of held.get(pod.uid) ?? []) left.get(node)![device]! += milli;
      held.delete(pod.uid);
    },
  };
}

function tightest(devices: readonly number[], milli: number): number {
  let best = -1;
  for (const [device, left] of devices.entries()) if (left >= milli && (best < 0 || left < devices[best]!)) best = device;
  if (best < 0) throw new RangeError(`no GPU has ${milli} thousandths left`);
  return best;
}

function wishOf({ pod }: PodInfo): number {
  return quantityValue(String(pod.spec?.containers[0]?.resources?.requests?.['simulated/gpu-milli'] ?? 0));
}
