/** What the devices of a claim must have in common, or not (resource.k8s.io/v1 DeviceConstraint). */
import type { Device, DeviceAttribute, DeviceConstraint } from '../../../api/generated/resource-v1.ts';
import { qualified } from '../../../api/resource/device-selector.ts';

export interface Picked {
  /** `request`, or `request/subrequest`. */
  request: string;
  device: Device;
  driver: string;
}

/** Whether the last of the picked may be beside the others. */
export function isAllowed(constraints: readonly DeviceConstraint[] | undefined, picked: readonly Picked[]): boolean {
  return (constraints ?? []).every((constraint) => {
    const concerned = picked.filter(({ request }) => speaksOf(constraint, request));
    if (concerned.at(-1) !== picked.at(-1)) return true;
    const name = constraint.matchAttribute ?? constraint.distinctAttribute;
    if (name === undefined) return true;
    const values = concerned.map(({ device, driver }) => valuesOf(device, driver, name));
    if (values.some((each) => each === undefined)) return false;
    return constraint.matchAttribute === undefined ? areDistinct(values as Set<string>[]) : haveCommon(values as Set<string>[]);
  });
}

function speaksOf({ requests = [] }: DeviceConstraint, request: string): boolean {
  return requests.length === 0 || requests.includes(request) || requests.includes(request.split('/')[0]!);
}

/** With their types, so that `1` and `"1"` differ; undefined where the device does not have it. */
function valuesOf(device: Device, driver: string, name: string): Set<string> | undefined {
  const { domain, id } = qualified(name, driver);
  const attribute = device.attributes?.[name] ?? (domain === driver ? device.attributes?.[id] : undefined);
  return attribute === undefined ? undefined : new Set(listOf(attribute));
}

function listOf({ int, bool, string, version, ints, bools, strings, versions }: DeviceAttribute): string[] {
  const tagged = (type: string, values: readonly unknown[]): string[] => values.map((value) => `${type} ${String(value)}`);
  return [...tagged('int', ints ?? (int === undefined ? [] : [int])), ...tagged('bool', bools ?? (bool === undefined ? [] : [bool])), ...tagged('string', strings ?? (string === undefined ? [] : [string])), ...tagged('version', versions ?? (version === undefined ? [] : [version]))];
}

function haveCommon(sets: readonly Set<string>[]): boolean {
  return sets.length === 0 || [...sets[0]!].some((value) => sets.every((set) => set.has(value)));
}

function areDistinct(sets: readonly Set<string>[]): boolean {
  const seen = new Set<string>();
  for (const value of sets.flatMap((set) => [...set])) {
    if (seen.has(value)) return false;
    seen.add(value);
  }
  return true;
}
