/** Taints of devices (resource.k8s.io/v1 DeviceTaint): those of their slice and of the rules for them, and how long a claim bears them. Pure. */
import type { Device, DeviceTaint, DeviceToleration } from '../generated/resource-v1.ts';
import { rulesDevice, type DeviceTaintRule, type DeviceTaintSelector } from './device-taint-rule.ts';

export function taintsOf({ taints = [] }: Pick<Device, 'taints'>, names: Required<DeviceTaintSelector>, rules: readonly DeviceTaintRule[]): DeviceTaint[] {
  return [...taints, ...rules.filter((rule) => rulesDevice(rule, names)).map(({ spec }) => spec.taint)];
}

function toleratesDeviceTaint({ key, operator = 'Equal', value = '', effect }: DeviceToleration, taint: DeviceTaint): boolean {
  return (!effect || effect === taint.effect) && (!key || key === taint.key) && (operator === 'Exists' || value === (taint.value ?? ''));
}

/** Whether new claims may have such a device: taints with effect None only tell. */
export function isUsable(taints: readonly DeviceTaint[], tolerations: readonly DeviceToleration[]): boolean {
  return taints.every((taint) => taint.effect === 'None' || tolerations.some((each) => toleratesDeviceTaint(each, taint)));
}

/** When those who have it must leave, in ms since the epoch; undefined when they may stay. */
export function evictionMs(taints: readonly DeviceTaint[], tolerations: readonly DeviceToleration[]): number | undefined {
  const times = taints.filter(({ effect }) => effect === 'NoExecute').map((taint) => {
    const since = Date.parse(taint.timeAdded ?? '') || 0;
    const borne = tolerations.filter((each) => toleratesDeviceTaint(each, taint)).map(({ tolerationSeconds }) => (tolerationSeconds === undefined ? Infinity : Math.max(0, Number(tolerationSeconds)) * 1_000));
    return since + (borne.length === 0 ? 0 : Math.min(...borne));
  });
  const soonest = Math.min(...times, Infinity);
  return soonest === Infinity ? undefined : soonest;
}
