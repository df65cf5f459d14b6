/** The downward API: what a container may learn of its own pod (fieldRef) and of its own limits (resourceFieldRef). */
import { quantityMillis, quantityValue } from '../../../api/quantity.ts';
import type { Container, Pod, ResourceFieldSelector } from '../../../api/generated/core-v1.ts';

export interface PodFacts { podIp?: string; podIps?: readonly string[]; hostIp?: string; hostIps?: readonly string[]; nodeName: string; cpuMillis: number; memoryBytes: number }

/** Throws when the path is none that core/v1 ObjectFieldSelector knows. */
export function fieldValue(pod: Pod, path: string, facts: PodFacts): string {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (subscript !== null) return pod.metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? '';
  switch (path) {
    case 'metadata.name': return pod.metadata.name ?? '';
    case 'metadata.namespace': return pod.metadata.namespace ?? '';
    case 'metadata.uid': return pod.metadata.uid ?? '';
    case 'metadata.labels': return mapText(pod.metadata.labels);
    case 'metadata.annotations': return mapText(pod.metadata.annotations);
    case 'spec.nodeName': return pod.spec?.nodeName ?? facts.nodeName;
    case 'spec.serviceAccountName': return pod.spec?.serviceAccountName ?? '';
    case 'status.hostIP': return facts.hostIp ?? '';
    case 'status.hostIPs': return facts.hostIps?.join(',') ?? facts.hostIp ?? '';
    case 'status.podIP': return facts.podIp ?? '';
    case 'status.podIPs': return (facts.podIps ?? (facts.podIp === undefined ? [] : [facts.podIp])).join(',');
    default: throw new Error(`unsupported fieldPath: ${path}`);
  }
}

/** In units of the divisor, rounded up; the machine's own where the container has no limit. */
export function resourceValue(pod: Pod, container: Container | undefined, selector: ResourceFieldSelector, facts: PodFacts): string {
  const owner = selector.containerName === undefined || selector.containerName === '' ? container
    : [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((each) => each.name === selector.containerName);
  if (owner === undefined) throw new Error(`container ${selector.containerName} not found`);
  const [kind, name = ''] = selector.resource.split('.') as ['limits' | 'requests', string | undefined];
  const limit = owner.resources?.limits?.[name];
  const quantity = kind === 'limits' ? limit : (owner.resources?.requests?.[name] ?? limit);
  const divisor = selector.divisor === undefined || String(selector.divisor) === '0' ? '1' : selector.divisor;
  if (name === 'cpu') {
    const millis = quantity !== undefined ? quantityMillis(quantity) : kind === 'limits' ? facts.cpuMillis : 0;
    return String(Math.ceil(millis / quantityMillis(divisor)));
  }
  const bytes = quantity !== undefined ? quantityValue(quantity) : name === 'memory' && kind === 'limits' ? facts.memoryBytes : 0;
  return String(Math.ceil(bytes / quantityValue(divisor)));
}

/** `key="value"` a line, sorted, as upstream writes maps into files. */
function mapText(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join('\n');
}
