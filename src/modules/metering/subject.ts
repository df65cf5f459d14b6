/** What an amount is charged to, and what is asked of it: by names, labels and annotations, as OpenCost has them. Pure. */
import type { MeteredPod } from '../../api/metering/usage-record.ts';

type Texts = Readonly<Record<string, string>>;

/** `pod` is undefined for claims and routes. */
export interface Subject {
  namespace: string;
  namespaceLabels?: Texts;
  pod?: MeteredPod;
  /** Where the amount is the part of one container. */
  container?: string;
}

export type Read = (subject: Subject) => string | undefined;

/** What a cluster is called that has no name. */
export const CLUSTER = 'cluster';

/** Of all of a subject that is text. */
export const TEXTS: Readonly<Record<'namespace' | 'node' | 'pod' | 'container' | 'controllerName' | 'controllerKind', Read>> = {
  namespace: ({ namespace }) => namespace, node: ({ pod }) => pod?.node, pod: ({ pod }) => pod?.name, container: ({ container }) => container,
  controllerName: ({ pod }) => pod?.owner?.slice(pod.owner.indexOf('/') + 1), controllerKind: ({ pod }) => pod?.owner?.slice(0, pod.owner.indexOf('/')).toLowerCase(),
};

/** Labels by which organisations tell who pays; of annotations where there is no such label. Source: OpenCost, LabelConfig. */
export const ALIASES: Readonly<Record<string, string>> = { department: 'department', environment: 'env', owner: 'owner', product: 'app', team: 'team' };

/** Those of the namespace too, where the pod says nothing else. */
export function labelsOf({ pod, namespaceLabels }: Subject): Texts {
  if (namespaceLabels === undefined) return pod?.labels ?? NONE;
  return pod?.labels === undefined ? namespaceLabels : { ...namespaceLabels, ...pod.labels };
}

export function annotationsOf({ pod }: Subject): Texts {
  return pod?.annotations ?? NONE;
}

export function namespaceLabelsOf({ namespaceLabels }: Subject): Texts {
  return namespaceLabels ?? NONE;
}

const NONE: Texts = {};

/** As Prometheus writes the name, and with it OpenCost: `app_kubernetes_io_name`. */
export const prometheusName = (name: string): string => name.replace(/[^a-zA-Z0-9_]/g, '_');

/** Reads by the key itself, else by the name that OpenCost has for it. */
export function keyReader(textsOf: (subject: Subject) => Texts, name: string): Read {
  const wanted = prometheusName(name);
  return (subject) => {
    const texts = textsOf(subject);
    return Object.hasOwn(texts, name) ? texts[name] : Object.entries(texts).find(([key]) => prometheusName(key) === wanted)?.[1];
  };
}

export function aliasReader(alias: string): Read {
  const [label, annotation] = [keyReader(labelsOf, ALIASES[alias]!), keyReader(annotationsOf, ALIASES[alias]!)];
  return (subject) => label(subject) ?? annotation(subject);
}
