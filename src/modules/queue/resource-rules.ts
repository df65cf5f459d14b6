/** Pods that could never be made: they ask for more than they are limited to, or than their namespace allows. Pure. Source: Kueue, workload/resources.go and util/limitrange. */
import { invalid, type FieldError } from '../../api/field-error.ts';
import type { Container, LimitRange, LimitRangeItem, PodSpec } from '../../api/generated/core-v1.ts';
import { compareQuantities } from '../../api/quantity.ts';
import { quantityFor } from './demand.ts';

type Amounts = Readonly<Record<string, string>>;

/** Whose amounts in the first list are greater than in the second; what only one of them has does not count. */
function greater(one: Amounts = {}, other: Amounts = {}): string[] {
  return Object.keys(one).filter((name) => other[name] !== undefined && compareQuantities(one[name]!, other[name]) > 0).sort();
}

/** Of each resource the least (`sign` -1) or the most (1) that either list says. */
function extreme(sign: 1 | -1, one: Amounts = {}, other: Amounts = {}): Amounts {
  const all = { ...one };
  for (const [name, amount] of Object.entries(other)) if (all[name] === undefined || compareQuantities(amount, all[name]) * sign > 0) all[name] = amount;
  return all;
}

const ABOVE = 'requests must not be above the limitRange max';
const BELOW = 'requests must not be below the limitRange min';

interface Bounds { max: Amounts; min: Amounts }

function boundsOf(ranges: readonly LimitRange[], type: LimitRangeItem['type']): Bounds {
  const items = ranges.flatMap(({ spec }) => spec?.limits ?? []).filter((each) => each.type === type);
  return items.reduce<Bounds>(({ max, min }, each) => ({ max: extreme(-1, max, each.max), min: extreme(1, min, each.min) }), { max: {}, min: {} });
}

function boundErrors(path: string, { max, min }: Bounds, most: Amounts, least: Amounts): FieldError[] {
  const [above, below] = [greater(most, max), greater(min, least)];
  return [...(above.length > 0 ? [invalid(path, above, ABOVE)] : []), ...(below.length > 0 ? [invalid(path, below, BELOW)] : [])];
}

const containersOf = (spec: PodSpec): readonly (readonly [field: string, container: Container])[] => [...(spec.initContainers ?? []).map((each, index) => [`initContainers[${index}]`, each] as const), ...spec.containers.map((each, index) => [`containers[${index}]`, each] as const)];

/** `spec`: with the defaults of its namespace. */
export function limitErrors(spec: PodSpec, path: string): FieldError[] {
  const over = (requests: Amounts | undefined, limits: Amounts | undefined, at: string): FieldError[] => {
    const names = greater(requests, limits);
    return names.length === 0 ? [] : [invalid(at, names, 'requests must not exceed its limits')];
  };
  const errors = containersOf(spec).flatMap(([field, { resources }]) => over(resources?.requests, resources?.limits, `${path}.${field}`));
  return [...errors, ...over(spec.resources?.requests, spec.resources?.limits, `${path}.resources`)];
}

/** `total`: what one pod asks for in all. */
export function rangeErrors(spec: PodSpec, total: ReadonlyMap<string, number>, { ranges, path }: { ranges: readonly LimitRange[]; path: string }): FieldError[] {
  const container = boundsOf(ranges, 'Container');
  const errors = containersOf(spec).flatMap(([field, { resources }]) => boundErrors(`${path}.${field}`, container, extreme(1, resources?.requests, resources?.limits), extreme(-1, resources?.requests, resources?.limits)));
  const whole = Object.fromEntries([...total].map(([name, amount]) => [name, quantityFor(name, amount)]));
  return [...errors, ...boundErrors(path, boundsOf(ranges, 'Pod'), whole, whole)];
}
