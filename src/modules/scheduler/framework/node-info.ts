/** NodeInfo: a node and what its pods take of it, kept up to date pod by pod. */
import type { Node, Taint } from '../../../api/generated/core-v1.ts';
import { addResources, noResources, resourceAmounts, type ResourceAmounts } from '../../../api/pod-requests.ts';
import { quantityValue } from '../../../api/quantity.ts';
import type { Labels } from '../../../api/selector.ts';
import type { PodInfo } from './pod-info.ts';

export class NodeInfo {
  readonly name: string;
  /** Undefined when pods name a node that is not (or no longer) there. */
  node: Node | undefined;
  labels: Labels = {};
  unschedulable = false;
  /** NoSchedule and NoExecute. */
  hardTaints: readonly Taint[] = [];
  /** PreferNoSchedule. */
  softTaints: readonly Taint[] = [];
  allocatable: ResourceAmounts = noResources();
  allocatablePods = 0;
  imageBytes: ReadonlyMap<string, number> = new Map();

  readonly requested: ResourceAmounts = noResources();
  nonZeroCpuMillis = 0;
  nonZeroMemoryBytes = 0;
  readonly pods = new Map<string, PodInfo>();
  /** Addresses in use by `TCP/80`. */
  readonly hostPorts = new Map<string, string[]>();

  constructor(name: string) {
    this.name = name;
  }

  setNode(node: Node | undefined): void {
    this.node = node;
    this.labels = node?.metadata.labels ?? {};
    this.unschedulable = node?.spec?.unschedulable === true;
    const taints = node?.spec?.taints ?? [];
    this.hardTaints = taints.filter((each) => each.effect !== 'PreferNoSchedule');
    this.softTaints = taints.filter((each) => each.effect === 'PreferNoSchedule');
    const allocatable = node?.status?.allocatable ?? node?.status?.capacity;
    this.allocatable = resourceAmounts(allocatable);
    this.allocatablePods = quantityValue(allocatable?.['pods'] ?? '0');
    this.imageBytes = imagesOf(node);
  }

  addPod(info: PodInfo): void {
    this.pods.set(info.uid, info);
    addResources(this.requested, info.requests);
    this.nonZeroCpuMillis += info.nonZeroCpuMillis;
    this.nonZeroMemoryBytes += info.nonZeroMemoryBytes;
    for (const { port, ip } of info.hostPorts) this.hostPorts.set(port, [...(this.hostPorts.get(port) ?? []), ip]);
  }

  removePod(info: PodInfo): void {
    if (!this.pods.delete(info.uid)) return;
    addResources(this.requested, info.requests, -1);
    this.nonZeroCpuMillis -= info.nonZeroCpuMillis;
    this.nonZeroMemoryBytes -= info.nonZeroMemoryBytes;
    for (const { port, ip } of info.hostPorts) this.#freePort(port, ip);
  }

  #freePort(port: string, ip: string): void {
    const ips = this.hostPorts.get(port) ?? [];
    const index = ips.indexOf(ip);
    const left = index < 0 ? ips : ips.toSpliced(index, 1);
    if (left.length === 0) this.hostPorts.delete(port);
    else this.hostPorts.set(port, left);
  }
}

function imagesOf(node: Node | undefined): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const image of node?.status?.images ?? []) for (const name of image.names ?? []) sizes.set(name, Number(image.sizeBytes ?? 0));
  return sizes;
}
