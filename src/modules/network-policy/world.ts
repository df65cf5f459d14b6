/** What policies speak of, as the rules need it: pods with addresses, by namespace. Pure. */
import type { Namespace, Pod } from '../../api/generated/core-v1.ts';
import type { NetworkPolicyPeer } from '../../api/generated/networking-v1.ts';
import { isIP } from '../../api/ip.ts';
import { judgedAddresses } from '../../api/networking/isolation.ts';
import type { LabelSelector } from '../../api/meta.ts';
import { matcherOfSelector, type Labels } from '../../api/selector.ts';

/** As nftables calls the tables of a family. */
export type Family = 'ip' | 'ip6';

export interface PolicyPod {
  namespace: string;
  address: string;
  labels: Labels;
  /** Ports that bear a name: that name, the protocol in small letters, the number. */
  ports: readonly { name: string; protocol: string; port: number }[];
}

export interface World {
  pods(): readonly PolicyPod[];
  podsIn(namespace: string): readonly PolicyPod[];
  namespaces(): readonly { name: string; labels: Labels }[];
}

/** As one family of addresses sees it. */
export function worldOf(pods: readonly Pod[], namespaces: readonly Namespace[], family: Family = 'ip'): World {
  const all = pods.map((pod) => policyPod(pod, family)).filter((pod) => pod !== undefined);
  const byNamespace = Map.groupBy(all, (pod) => pod.namespace);
  const named = namespaces.map(({ metadata }) => ({ name: metadata.name ?? '', labels: metadata.labels ?? {} }));
  return { pods: () => all, podsIn: (namespace) => byNamespace.get(namespace) ?? [], namespaces: () => named };
}

/** Undefined for pods to which no policy applies: without an address of their own, or ended. */
export function policyPod(pod: Pod, family: Family = 'ip'): PolicyPod | undefined {
  const { metadata, spec } = pod;
  const address = judgedAddresses(pod).find((each) => isIP(each) === (family === 'ip' ? 4 : 6));
  if (address === undefined) return undefined;
  const running = [...(spec?.containers ?? []), ...(spec?.initContainers ?? []).filter((each) => each.restartPolicy === 'Always')];
  const ports = running.flatMap((each) => each.ports ?? []).flatMap(({ name, protocol, containerPort }) =>
    (name ? [{ name, protocol: (protocol ?? 'TCP').toLowerCase(), port: containerPort }] : []));
  return { namespace: metadata.namespace ?? '', address, labels: metadata.labels ?? {}, ports };
}

/** The pods of one namespace that a selector chooses; an empty selector chooses all. */
export function selected(world: World, namespace: string, selector: LabelSelector | undefined): PolicyPod[] {
  const matcher = matcherOfSelector(selector ?? {});
  return world.podsIn(namespace).filter((pod) => matcher.matches(pod.labels));
}

/** The pods that a peer of a policy in `namespace` means; none for an ipBlock. */
export function podsOfPeer(world: World, namespace: string, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): PolicyPod[] {
  if (ipBlock !== undefined) return [];
  if (namespaceSelector === undefined) return selected(world, namespace, podSelector);
  const matcher = matcherOfSelector(namespaceSelector);
  return world.namespaces().filter(({ labels }) => matcher.matches(labels)).flatMap(({ name }) => selected(world, name, podSelector));
}
