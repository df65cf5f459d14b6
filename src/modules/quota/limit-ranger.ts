/** Admission by LimitRange: defaults for containers that ask for nothing, bounds for all (upstream: admission plugin LimitRanger). */
import { LimitRange } from '../../api/core/limit-range.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Pod } from '../../api/core/pod.ts';
import { ApiError } from '../../api/errors.ts';
import type { Container, LimitRangeItem } from '../../api/generated/core-v1.ts';
import { compareQuantities, formatQuantity, quantityMillis } from '../../api/quantity.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Admission, ModuleContext } from '../../sdk/module.ts';
import { containersTotal, type Usage } from './usage.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

export const limitRanger: Admission = {
  name: 'LimitRanger', kinds: [Pod], operations: ['CREATE', 'UPDATE'],
  async admit({ operation, object, namespace, subresource }, context) {
    if (operation !== 'CREATE' || subresource !== undefined || object === undefined) return;
    for (const range of await rangesOf(namespace, context)) fillIn(object as Pod, range);
  },
  async validate({ operation, object, oldObject, namespace, subresource }, context) {
    // What a pod asks for changes by a resize alone: one that was there before a range can still be labelled.
    if (object === undefined || subresource !== (operation === 'CREATE' ? undefined : 'resize')) return;
    const pod = object as Pod;
    await checkRanges('pods', pod, namespace, context, (item) => faultsOf(pod, item, oldObject as Pod | undefined));
  },
};

/** The same for what claims ask for. */
export const claimLimits: Admission = {
  name: 'LimitRangerOfClaims', kinds: [PersistentVolumeClaim], operations: ['CREATE', 'UPDATE'],
  async validate({ object, oldObject, namespace, subresource }, context) {
    if (object === undefined || subresource !== undefined || object.metadata.deletionTimestamp !== undefined) return;
    const claim = object as PersistentVolumeClaim;
    await checkRanges('persistentvolumeclaims', claim, namespace, context, (item) => claimFaultsOf(claim, item, oldObject as PersistentVolumeClaim | undefined));
  },
};

async function checkRanges(plural: string, { metadata }: KubeObject, namespace: string | undefined, context: ModuleContext, faultsIn: (item: LimitRangeItem) => string[]): Promise<void> {
  const faults = (await rangesOf(namespace, context)).flatMap((range) => (range.spec?.limits ?? []).flatMap(faultsIn));
  if (faults.length === 0) return;
  const name = metadata.name ?? metadata.generateName ?? '';
  throw new ApiError('Forbidden', `${plural} "${name}" is forbidden: ${faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`}`, { name, kind: plural });
}

async function rangesOf(namespace: string | undefined, { caches }: ModuleContext): Promise<readonly LimitRange[]> {
  const ranges = caches.of(LimitRange);
  await ranges.ready();
  return ranges.list(namespace ?? '');
}

/** Gives the default requests and limits of a range to the containers of a pod, and says so in an annotation. */
export function fillIn(pod: Pod, range: LimitRange): void {
  const items = (range.spec?.limits ?? []).filter(({ type }) => type === 'Container');
  const notes: string[] = [];
  for (const [list, what] of [[pod.spec?.initContainers ?? [], 'init container'], [pod.spec?.containers ?? [], 'container']] as const) {
    for (const container of list) for (const item of items) notes.push(...fillContainer(container, item, what));
  }
  if (notes.length > 0) (pod.metadata.annotations ??= {})[ANNOTATION] = `LimitRanger plugin set: ${notes.join('; ')}`;
}

function fillContainer(container: Container, item: LimitRangeItem, what: string): string[] {
  const given = { requests: [] as string[], limits: [] as string[] };
  for (const [part, defaults] of [['limits', item.default], ['requests', item.defaultRequest]] as const) {
    for (const [name, amount] of Object.entries(defaults ?? {})) {
      const own = container.resources?.[part];
      if (own?.[name] !== undefined) continue;
      container.resources = { ...container.resources, [part]: { ...own, [name]: amount } };
      given[part].push(name);
    }
  }
  const note = (part: 'requests' | 'limits', one: string): string[] => (given[part].length === 0 ? [] : [`${given[part].sort().join(', ')} ${one} for ${what} ${container.name}`]);
  return [...note('requests', 'request'), ...note('limits', 'limit')];
}

/** What of a pod is outside the bounds of one item, in upstream's words; amounts that are as they were `before` are no faults, though the range came later. */
export function faultsOf(pod: Pod, item: LimitRangeItem, before?: Pod): string[] {
  const whole = (one: Pod): Amounts => ({ requests: containersTotal(one, 'requests'), limits: containersTotal(one, 'limits') });
  if (item.type === 'Pod') return bounded('Pod', item, whole(pod), before && whole(before));
  if (item.type !== 'Container') return [];
  const containersOf = (one: Pod | undefined): Container[] => [...(one?.spec?.initContainers ?? []), ...(one?.spec?.containers ?? [])];
  const amounts = ({ resources }: Container): Amounts => ({ requests: resources?.requests ?? {}, limits: resources?.limits ?? {} });
  const known = new Map(containersOf(before).map((each) => [each.name, amounts(each)]));
  return containersOf(pod).flatMap((each) => bounded('Container', item, amounts(each), known.get(each.name)));
}

interface Amounts {
  requests: Usage;
  limits: Usage;
}

/** Claims have requests alone, and a ratio means nothing to them (upstream: PersistentVolumeClaimValidateLimitFunc). */
export function claimFaultsOf({ spec }: PersistentVolumeClaim, { type, min, max }: LimitRangeItem, before?: PersistentVolumeClaim): string[] {
  if (type !== 'PersistentVolumeClaim') return [];
  const requests = spec?.resources?.requests ?? {};
  const faults: string[] = [];
  for (const [bounds, word, sign] of [[min, 'minimum', -1], [max, 'maximum', 1]] as const) {
    for (const [name, bound] of Object.entries(bounds ?? {})) {
      const text = `${word} ${name} usage per ${type} is ${formatQuantity(bound)}`;
      const amount = requests[name];
      if (amount !== undefined && isSame(amount, before?.spec?.resources?.requests?.[name])) continue;
      if (amount === undefined) faults.push(`${text}. No request is specified`);
      else if (compareQuantities(amount, bound) * sign > 0) faults.push(`${text}, but request is ${formatQuantity(amount)}`);
    }
  }
  return faults;
}

function isSame(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined ? one === other : compareQuantities(one, other) === 0;
}

function bounded(type: string, { min, max, maxLimitRequestRatio }: LimitRangeItem, { requests, limits }: Amounts, before: Amounts | undefined): string[] {
  const changed = (bounds: Readonly<Usage> | undefined): [string, string][] => Object.entries(bounds ?? {}).filter(([name]) => before === undefined || !isSame(requests[name], before.requests[name]) || !isSame(limits[name], before.limits[name]));
  const below = (amount: string | undefined, bound: string): boolean => amount !== undefined && compareQuantities(amount, bound) < 0;
  const faults: string[] = [];
  for (const [name, least] of changed(min)) {
    const text = `minimum ${name} usage per ${type} is ${formatQuantity(least)}`;
    if (requests[name] === undefined) faults.push(`${text}. No request is specified`);
    else if (below(requests[name], least)) faults.push(`${text}, but request is ${formatQuantity(requests[name])}`);
    else if (below(limits[name], least)) faults.push(`${text}, but limit is ${formatQuantity(limits[name] ?? '0')}`);
  }
  for (const [name, most] of changed(max)) {
    const text = `maximum ${name} usage per ${type} is ${formatQuantity(most)}`;
    if (limits[name] === undefined) faults.push(`${text}. No limit is specified`);
    else if (below(most, limits[name])) faults.push(`${text}, but limit is ${formatQuantity(limits[name])}`);
    else if (requests[name] !== undefined && below(most, requests[name])) faults.push(`${text}, but request is ${formatQuantity(requests[name])}`);
  }
  for (const [name, most] of changed(maxLimitRequestRatio)) faults.push(...ratioFault(type, name, most, { request: requests[name], limit: limits[name] }));
  return faults;
}

function ratioFault(type: string, name: string, most: string, { request, limit }: { request: string | undefined; limit: string | undefined }): string[] {
  const text = `${name} max limit to request ratio per ${type} is ${formatQuantity(most)}`;
  if (request === undefined || compareQuantities(request, 0) === 0) return [`${text}, but no request is specified or request is 0`];
  if (limit === undefined || compareQuantities(limit, 0) === 0) return [`${text}, but no limit is specified or limit is 0`];
  const ratio = quantityMillis(limit) / quantityMillis(request);
  return ratio * 1_000 > quantityMillis(most) ? [`${text}, but provided ratio is ${ratio.toFixed(6)}`] : [];
}
