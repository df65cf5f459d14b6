/** Pools of devices, as their drivers' slices tell of them: of each the newest generation, once it is there in whole. */
import type { CounterSet, Device, DeviceTaint, ResourceSlice } from '../../../api/generated/resource-v1.ts';
import type { Int64 } from '../../../api/int64.ts';
import { compileTerm, type SelectableNode } from '../../../api/node-selection.ts';
import type { NodeSelector } from '../../../api/generated/core-v1.ts';
import { taintsOf } from '../../../api/resource/device-taints.ts';
import type { DeviceTaintRule } from '../../../api/resource/device-taint-rule.ts';

export interface PooledDevice {
  /** Names it among all devices: {@link deviceKey}. */
  key: string;
  device: Device;
  pool: Pool;
  /** Its own and those of rules. */
  taints: readonly DeviceTaint[];
  reaches(node: SelectableNode): boolean;
  /** What a pod must be bound to, to have it: a node, or nodes by selector; undefined for all. */
  nodeName?: string;
  nodeSelector?: NodeSelector;
}

export interface Pool {
  driver: string;
  name: string;
  /** Whether all slices of the generation are there, and no device twice. */
  isWhole: boolean;
  devices: readonly PooledDevice[];
  counterSets: ReadonlyMap<string, CounterSet>;
}

export function deviceKey({ driver, pool, device }: { driver: string; pool: string; device: string }): string {
  return `${driver} ${pool} ${device}`;
}

export function poolsOf(slices: readonly ResourceSlice[], rules: readonly DeviceTaintRule[] = []): Pool[] {
  const groups = Map.groupBy(slices, ({ spec }) => `${spec.driver} ${spec.pool.name}`);
  return [...groups.entries()].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, group]) => poolOf(group, rules));
}

function poolOf(all: readonly ResourceSlice[], rules: readonly DeviceTaintRule[]): Pool {
  const newest = all.reduce<Int64>((most, { spec: { pool: { generation } } }) => (generation > most ? generation : most), 0);
  const slices = all.filter(({ spec }) => spec.pool.generation === newest).sort((left, right) => ((left.metadata.name ?? '') < (right.metadata.name ?? '') ? -1 : 1));
  const { driver, pool: { name, resourceSliceCount } } = slices[0]!.spec;
  const devices: PooledDevice[] = [];
  const pool: Pool = { driver, name, devices, isWhole: true, counterSets: new Map(slices.flatMap(({ spec }) => (spec.sharedCounters ?? []).map((each) => [each.name, each] as const))) };
  for (const { spec } of slices) for (const device of spec.devices ?? []) devices.push(pooled(device, spec.perDeviceNodeSelection === true ? device : spec, pool, rules));
  pool.isWhole = slices.length === resourceSliceCount && new Set(devices.map(({ key }) => key)).size === devices.length;
  return pool;
}

function pooled(device: Device, { nodeName, nodeSelector, allNodes }: Pick<Device, 'nodeName' | 'nodeSelector' | 'allNodes'>, pool: Pool, rules: readonly DeviceTaintRule[]): PooledDevice {
  const terms = (nodeSelector?.nodeSelectorTerms ?? []).map(compileTerm);
  const reaches = (node: SelectableNode): boolean => allNodes === true || node.name === nodeName || terms.some((term) => term(node));
  const names = { driver: pool.driver, pool: pool.name, device: device.name };
  return { key: deviceKey(names), device, pool, taints: taintsOf(device, names, rules), reaches, ...(nodeName === undefined ? {} : { nodeName }), ...(nodeSelector === undefined ? {} : { nodeSelector }) };
}
