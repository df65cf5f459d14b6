/** Recommendations within the LimitRanges of the namespace, so that a pod that gets them is not refused (upstream: pkg/utils/vpa, capping; pkg/utils/limitrange). Pure. */
import type { Amounts, RecommendedContainerResources } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import type { Container, LimitRange } from '../../api/generated/core-v1.ts';
import { numberOf, textOf } from './amounts.ts';

/** By resource, in millis of cpu or bytes. */
type Bounds = Readonly<Record<string, number>>;

export interface LimitBounds {
  readonly container?: { readonly min: Bounds; readonly max: Bounds; readonly default: Bounds };
  readonly pod?: { readonly min: Bounds; readonly max: Bounds };
}

const RESOURCES = ['cpu', 'memory'];
type Part = 'target' | 'lowerBound' | 'upperBound';
const PARTS: readonly Part[] = ['target', 'lowerBound', 'upperBound'];

/** What all of them allow together: of the least the greatest, of the greatest the least, of defaults the last. */
export function boundsOf(ranges: readonly LimitRange[]): LimitBounds {
  const of = (type: string): { min: Bounds; max: Bounds; default: Bounds } | undefined => {
    const items = ranges.flatMap(({ spec }) => spec?.limits ?? []).filter((item) => item.type === type && (item.min ?? item.max ?? item.default) !== undefined);
    if (items.length === 0) return undefined;
    const fold = (key: 'min' | 'max' | 'default', pick: (one: number, other: number) => number): Bounds => Object.fromEntries(RESOURCES.flatMap((resource) => {
      const given = items.flatMap((item) => (item[key]?.[resource] === undefined ? [] : [numberOf(resource, item[key][resource])]));
      return given.length === 0 ? [] : [[resource, given.reduce((one, other) => pick(one, other))]];
    }));
    return { min: fold('min', Math.max), max: fold('max', Math.min), default: fold('default', (_, last) => last) };
  };
  const [container, pod] = [of('Container'), of('Pod')];
  return { ...(container !== undefined && { container }), ...(pod !== undefined && { pod }) };
}

/** As recommended, less where limits, which keep their proportion to requests, would be out of bounds; the pod's bounds first, then each container's. */
export function withinRanges(all: readonly RecommendedContainerResources[], containers: readonly Container[], bounds: LimitBounds): RecommendedContainerResources[] {
  const found = all.flatMap((each) => {
    const container = containers.find(({ name }) => name === each.containerName);
    return container === undefined ? [] : [{ container, recommended: { ...each, target: { ...each.target }, lowerBound: { ...each.lowerBound }, upperBound: { ...each.upperBound } } }];
  });
  for (const part of PARTS) {
    for (const resource of RESOURCES) {
      withinPod(found.map(({ container, recommended }) => ({ container, amounts: recommended[part] })), resource, bounds);
      for (const { container, recommended } of found) withinContainer(recommended[part], container, resource, bounds);
    }
  }
  return found.map(({ recommended }) => recommended);
}

function withinContainer(amounts: Amounts, { resources }: Container, resource: string, { container: bounds }: LimitBounds): void {
  if (bounds === undefined || amounts[resource] === undefined) return;
  const proportion = proportionOf(resources, resource, bounds.default);
  const [min, max] = [bounds.min[resource] ?? 0, bounds.max[resource] ?? 0];
  // Both the request and the limit have to be at least the least; the limit at most the most.
  const least = Math.ceil(Math.max(min, proportion === undefined ? 0 : min / proportion));
  const most = proportion === undefined || max === 0 ? Infinity : Math.floor(max / proportion);
  const wanted = numberOf(resource, amounts[resource]);
  const capped = Math.min(Math.max(wanted, least), most);
  if (capped !== wanted) amounts[resource] = textOf(resource, capped);
}

/** All of them by the same factor. */
function withinPod(parts: readonly { container: Container; amounts: Amounts }[], resource: string, { pod, container }: LimitBounds): void {
  if (pod === undefined) return;
  const requests = parts.map(({ amounts }) => numberOf(resource, amounts[resource] ?? '0'));
  const limits = parts.map((part, index) => requests[index]! * (proportionOf(part.container.resources, resource, container?.default ?? {}) ?? 0));
  const [request, limit] = [requests, limits].map((each) => each.reduce((sum, one) => sum + one, 0)) as [number, number];
  const [min, max] = [pod.min[resource] ?? 0, pod.max[resource] ?? 0];
  const factor = request === 0 ? 1 : request < min ? min / request : limit > 0 && limit < min ? min / limit : max > 0 && limit > max ? max / limit : 1;
  if (factor === 1) return;
  // Rounded to the safe side.
  const whole = factor < 1 ? Math.floor : Math.ceil;
  for (const [index, { amounts }] of parts.entries()) if (amounts[resource] !== undefined) amounts[resource] = textOf(resource, whole(requests[index]! * factor));
}

/** The limit over the request, which is kept; undefined where there is no limit. */
function proportionOf(resources: Container['resources'], resource: string, defaults: Bounds): number | undefined {
  const given = resources?.limits?.[resource];
  const limit = given === undefined ? (defaults[resource] ?? 0) : numberOf(resource, given);
  if (limit === 0) return undefined;
  const request = numberOf(resource, resources?.requests?.[resource] ?? '0');
  return request === 0 ? 1 : limit / request;
}
