/** What an object takes of the quotas of its namespace ("Resource Quotas", resource names). Pure. */
import type { Container, PersistentVolumeClaim, Pod, Service } from '../../api/generated/core-v1.ts';
import type { ResourceClaim } from '../../api/generated/resource-v1.ts';
import type { KindNames } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { addQuantities, compareQuantities, wholeQuantity } from '../../api/quantity.ts';
import { RESOURCE } from '../../api/resource/resource-claim.ts';

/** Amounts by resource name, in canonical form. */
export type Usage = Record<string, string>;

/** After the name of a class. */
const DEVICES = '.deviceclass.resource.k8s.io/devices';
/** The class of old claims (core/v1 BetaStorageClassAnnotation): it goes before the field. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
/** AllocationResultsMaxSize of resource.k8s.io. */
const MOST_DEVICES = 32;

/** Kinds that are also counted by their bare name. */
const BARE = new Set(['services', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps', 'persistentvolumeclaims']);

/** `count/deployments.apps`, `count/pods`. */
export function countName({ group, plural }: Pick<KindNames, 'group' | 'plural'>): string {
  return group === '' ? `count/${plural}` : `count/${plural}.${group}`;
}

/** Whether any amount of `names` can come from objects of a kind. */
export function concerns(kind: Pick<KindNames, 'group' | 'plural'>, names: readonly string[]): boolean {
  const isPods = kind.group === '' && kind.plural === 'pods';
  const isClaims = kind.group === '' && kind.plural === 'persistentvolumeclaims';
  return names.some((name) => {
    if (name === countName(kind)) return true;
    if (kind.group === RESOURCE && kind.plural === 'resourceclaims') return name.endsWith(DEVICES);
    if (kind.group !== '') return false;
    if (name === kind.plural || name.startsWith(`${kind.plural}.`)) return true;
    if (isClaims) return name === 'requests.storage' || name.includes('.storageclass.storage.k8s.io/');
    return isPods && !name.startsWith('count/') && !BARE.has(name.split('.')[0] ?? '') && name !== 'requests.storage' && !name.includes('.storageclass.storage.k8s.io/') && !name.endsWith(DEVICES);
  });
}

/** `nowMs` tells whether the grace period of a deleted pod is over. */
export function usageOf(kind: Pick<KindNames, 'group' | 'plural'>, object: KubeObject, nowMs: number): Usage {
  const usage: Usage = { [countName(kind)]: '1' };
  if (kind.group === RESOURCE && kind.plural === 'resourceclaims') return { ...usage, ...deviceUsage(object as ResourceClaim) };
  if (kind.group !== '') return usage;
  if (kind.plural === 'pods') return { ...usage, ...(isOver(object as Pod, nowMs) ? {} : podUsage(object as Pod)) };
  if (BARE.has(kind.plural)) usage[kind.plural] = '1';
  if (kind.plural === 'services') Object.assign(usage, serviceUsage(object as Service));
  if (kind.plural === 'persistentvolumeclaims') Object.assign(usage, claimUsage(object as PersistentVolumeClaim));
  return usage;
}

function isOver({ metadata, status }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  if (metadata.deletionTimestamp === undefined) return false;
  return nowMs > Date.parse(metadata.deletionTimestamp);
}

function podUsage(pod: Pod): Usage {
  const usage: Usage = { pods: '1' };
  const [requests, limits] = [podTotal(pod, 'requests'), podTotal(pod, 'limits')];
  for (const name in requests) {
    const amount = requests[name] ?? '0';
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || name.startsWith('hugepages-')) usage[name] = amount;
    usage[`requests.${name}`] = amount;
  }
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) if (limits[name] !== undefined) usage[`limits.${name}`] = limits[name];
  return usage;
}

/** With the overhead of its class: of limits where there is one (upstream: PodRequests, PodLimits). */
function podTotal(pod: Pod, what: 'requests' | 'limits'): Usage {
  const sum = containersTotal(pod, what);
  const isBounded = (name: string): boolean => sum[name] !== undefined && compareQuantities(sum[name], 0) !== 0;
  add(sum, Object.fromEntries(Object.entries(pod.spec?.overhead ?? {}).filter(([name]) => what === 'requests' || isBounded(name))));
  return sum;
}

/** Containers and sidecars together, or the largest init container beside the sidecars before it; what the pod says as a whole goes before. */
export function containersTotal({ spec }: Pod, what: 'requests' | 'limits'): Usage {
  const of = (container: Container): Usage => container.resources?.[what] ?? {};
  const sum: Usage = {};
  for (const container of spec?.containers ?? []) add(sum, of(container));
  const [sidecars, peak]: [Usage, Usage] = [{}, {}];
  for (const container of spec?.initContainers ?? []) {
    const own = { ...of(container) };
    add(own, sidecars);
    raise(peak, own);
    if (container.restartPolicy !== 'Always') continue;
    add(sum, of(container));
    add(sidecars, of(container));
  }
  raise(sum, peak);
  for (const [name, amount] of Object.entries(spec?.resources?.[what] ?? {})) sum[name] = amount;
  return sum;
}

function serviceUsage({ spec }: Service): Usage {
  const ports = spec?.ports ?? [];
  if (spec?.type === 'NodePort') return { 'services.nodeports': String(ports.length), 'services.loadbalancers': '0' };
  if (spec?.type !== 'LoadBalancer') return { 'services.nodeports': '0', 'services.loadbalancers': '0' };
  const nodePorts = spec.allocateLoadBalancerNodePorts === false ? ports.filter((each) => (each.nodePort ?? 0) !== 0).length : ports.length;
  return { 'services.nodeports': String(nodePorts), 'services.loadbalancers': '1' };
}

/** While a volume grows, and after it could not, what it was to have counts too. */
function claimUsage({ metadata, spec, status }: PersistentVolumeClaim): Usage {
  const [wanted, allocated] = [spec?.resources?.requests?.['storage'], status?.allocatedResources?.['storage']];
  const most = wanted !== undefined && allocated !== undefined && compareQuantities(allocated, wanted) > 0 ? allocated : wanted;
  const storage = most === undefined ? undefined : wholeQuantity(most);
  const className = metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName;
  const ofClass = className ? `${className}.storageclass.storage.k8s.io/` : undefined;
  return {
    ...(storage === undefined ? {} : { 'requests.storage': storage }),
    ...(ofClass === undefined ? {} : { [`${ofClass}persistentvolumeclaims`]: '1', ...(storage === undefined ? {} : { [`${ofClass}requests.storage`]: storage }) }),
  };
}

/** The most that it may be given of each class: of alternatives one is, and of `All` as many as a claim can have. */
function deviceUsage({ spec }: ResourceClaim): Usage {
  const usage: Usage = {};
  for (const { exactly, firstAvailable = [] } of spec.devices?.requests ?? []) {
    const most: Usage = {};
    for (const { deviceClassName, allocationMode, count = 1 } of exactly === undefined ? firstAvailable : [exactly]) raise(most, { [`${deviceClassName}${DEVICES}`]: String(allocationMode === 'All' ? MOST_DEVICES : count) });
    add(usage, most);
  }
  return usage;
}

/** Changes `sum`. */
export function add(sum: Usage, more: Readonly<Usage>): void {
  for (const name in more) sum[name] = addQuantities(sum[name] ?? '0', more[name] ?? '0');
}

function raise(least: Usage, other: Readonly<Usage>): void {
  for (const name in other) if (compareQuantities(other[name] ?? '0', least[name] ?? '0') > 0) least[name] = other[name] ?? '0';
}
