/** What is left of devices: who has one alone, how much of a shared one is used, and the counters that devices of a pool share. */
import type { AllocationResult, CapacityRequirements, Device, DeviceCapacity, DeviceRequestAllocationResult } from '../../../api/generated/resource-v1.ts';
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, type QuantityLike } from '../../../api/quantity.ts';
import { deviceKey, type Pool, type PooledDevice } from './pools.ts';

/** By name of the capacity. */
type Amounts = Readonly<Record<string, QuantityLike>>;

export interface Room {
  /** Takes a device, or its share; gives what is consumed of it, or undefined where it has none left. */
  take(device: PooledDevice, asked: CapacityRequirements | undefined): { consumed?: Record<string, string> } | undefined;
  /** Undoes the last take of the device. */
  giveBack(device: PooledDevice): void;
}

/** Devices that claims have, those that administrators look at left out. */
export function takenBy(allocations: Iterable<AllocationResult>): Map<string, DeviceRequestAllocationResult[]> {
  const taken = new Map<string, DeviceRequestAllocationResult[]>();
  for (const { devices } of allocations) {
    for (const result of devices?.results ?? []) {
      if (result.adminAccess === true) continue;
      const key = deviceKey(result);
      const there = taken.get(key);
      if (there === undefined) taken.set(key, [result]);
      else there.push(result);
    }
  }
  return taken;
}

export function roomOf(taken: ReadonlyMap<string, readonly DeviceRequestAllocationResult[]>): Room {
  /** What this attempt takes beside. */
  const own = new Map<string, Record<string, string>[]>();
  const usesOf = (key: string): Amounts[] => [...(taken.get(key) ?? []).map(({ consumedCapacity = {} }) => consumedCapacity), ...(own.get(key) ?? [])];
  const isTaken = (key: string): boolean => taken.has(key) || (own.get(key)?.length ?? 0) > 0;

  function countersFit({ device, pool, key }: PooledDevice): boolean {
    // Who shares a device uses its counters once.
    if ((device.consumesCounters ?? []).length === 0 || isTaken(key)) return true;
    const users = [device, ...pool.devices.filter((each) => isTaken(each.key)).map((each) => each.device)];
    return device.consumesCounters!.every(({ counterSet, counters = {} }) => Object.keys(counters).every((name) => countersLeft(pool, counterSet, name, users)));
  }

  return {
    take(pooled, asked) {
      const { device, key } = pooled;
      const isShared = device.allowMultipleAllocations === true;
      if (!isShared && (isTaken(key) || !holds(device, asked))) return undefined;
      const consumed = isShared ? consumedOf(device, asked) : {};
      if (consumed === undefined || (isShared && !amountsFit(device, [...usesOf(key), consumed])) || !countersFit(pooled)) return undefined;
      own.set(key, [...(own.get(key) ?? []), consumed]);
      return isShared ? { consumed } : {};
    },
    giveBack({ key }) {
      own.get(key)?.pop();
    },
  };
}

function countersLeft(pool: Pool, counterSet: string, name: string, users: readonly Device[]): boolean {
  const most = pool.counterSets.get(counterSet)?.counters?.[name]?.value;
  if (most === undefined) return false;
  const uses = users.flatMap(({ consumesCounters = [] }) => consumesCounters.filter((each) => each.counterSet === counterSet).map(({ counters }) => counters?.[name]?.value ?? 0));
  return compareQuantities(uses.reduce<QuantityLike>((sum, each) => addQuantities(sum, each), 0), most) <= 0;
}

/** Whether a device that is for one alone has at least what is asked. */
function holds({ capacity = {} }: Device, asked: CapacityRequirements | undefined): boolean {
  return Object.entries(asked?.requests ?? {}).every(([name, least]) => capacity[name] !== undefined && compareQuantities(capacity[name].value, least) >= 0);
}

/** Of each capacity: what is asked, rounded up as its policy has it, else the policy's default, else all of it. Undefined where it cannot be had. */
function consumedOf({ capacity = {} }: Device, asked: CapacityRequirements | undefined): Record<string, string> | undefined {
  const consumed: Record<string, string> = {};
  if (Object.keys(asked?.requests ?? {}).some((name) => capacity[name] === undefined)) return undefined;
  for (const [name, each] of Object.entries(capacity)) {
    const amount = rounded(asked?.requests?.[name] ?? each.requestPolicy?.default ?? each.value, each);
    if (amount === undefined) return undefined;
    consumed[name] = formatQuantity(amount);
  }
  return consumed;
}

function rounded(amount: QuantityLike, { requestPolicy }: DeviceCapacity): QuantityLike | undefined {
  const { validValues = [], validRange } = requestPolicy ?? {};
  if (validValues.length > 0) return [...validValues].sort(compareQuantities).find((value) => compareQuantities(value, amount) >= 0);
  if (validRange === undefined) return amount;
  const { min = 0, max, step } = validRange;
  let value: QuantityLike = compareQuantities(amount, min) < 0 ? min : amount;
  if (step !== undefined) {
    const [base, width, wanted] = [parseQuantity(min).nano, parseQuantity(step).nano, parseQuantity(value).nano];
    const steps = width > 0n ? (wanted - base + width - 1n) / width : 0n;
    if (width > 0n) value = { ...parseQuantity(value), nano: base + steps * width };
  }
  return max !== undefined && compareQuantities(value, max) > 0 ? undefined : value;
}

function amountsFit({ capacity = {} }: Device, uses: readonly Amounts[]): boolean {
  return Object.entries(capacity).every(([name, { value }]) => compareQuantities(uses.reduce<QuantityLike>((sum, each) => addQuantities(sum, each[name] ?? 0), 0), value) <= 0);
}
