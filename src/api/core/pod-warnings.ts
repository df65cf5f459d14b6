/** What is let through, and told in Warning headers, in upstream's words (pkg/api/pod/warnings.go). */
import type { Container, PodAffinityTerm, PodSpec, PodTemplateSpec, Volume } from '../generated/core-v1.ts';
import { ipWarnings } from '../ip-validation.ts';
import type { ObjectMeta } from '../meta.ts';
import { dns1123LabelErrors } from '../names.ts';
import { formatQuantity, isQuantity, parseQuantity } from '../quantity.ts';
import { retiredLabel } from './node-labels.ts';

const RETIRED_VOLUMES: readonly [keyof Volume, string][] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'], ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'], ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'], ['storageos', 'deprecated in v1.22, non-functional in v1.25+'], ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'], ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'], ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];
const SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead';
const SYSCTLS = 'non-functional in v1.11+; use the "sysctls" field instead';
/** Annotations that fields have taken the place of; those that end in `/` are beginnings. */
const RETIRED_ANNOTATIONS: readonly [string, string][] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'], ['seccomp.security.alpha.kubernetes.io/pod', SECCOMP],
  ['container.seccomp.security.alpha.kubernetes.io/', SECCOMP], ['security.alpha.kubernetes.io/sysctls', SYSCTLS], ['security.alpha.kubernetes.io/unsafe-sysctls', SYSCTLS],
];

/** `path` is where the template stands; '' for a pod. */
export function podWarnings(template: Pick<PodTemplateSpec, 'metadata' | 'spec'> | undefined, path: string): string[] {
  const [metadata, spec] = ['metadata', 'spec'].map((part) => (path === '' ? part : `${path}.${part}`)) as [string, string];
  return [...annotationWarnings(template?.metadata?.annotations, `${metadata}.annotations`), ...podSpecWarnings(template?.spec, spec)];
}

/** Of what makes pods by its name. */
export function ownerNameWarnings(metadata: ObjectMeta, old: object | undefined): string[] {
  return nameWarnings(metadata, old, 'this is used in Pod names and hostnames');
}

export function podNameWarnings(metadata: ObjectMeta, old: object | undefined): string[] {
  return nameWarnings(metadata, old, "this is used in the Pod's hostname");
}

/** Once, when the name is given. */
function nameWarnings({ name = '' }: ObjectMeta, old: object | undefined, use: string): string[] {
  const errors = old === undefined ? dns1123LabelErrors(name) : [];
  return errors.length === 0 ? [] : [`metadata.name: ${use}, which can result in surprising behavior; a DNS label is recommended: [${errors.join(' ')}]`];
}

function annotationWarnings(annotations: Record<string, string> = {}, path: string): string[] {
  return Object.keys(annotations).flatMap((key) => RETIRED_ANNOTATIONS.filter(([retired]) => (retired.endsWith('/') ? key.startsWith(retired) : key === retired)).map(([, text]) => `${path}[${key}]: ${text}`));
}

/** `path` is where the pod's spec stands. */
function podSpecWarnings(spec: PodSpec | undefined, path: string): string[] {
  if (spec === undefined) return [];
  const warnings = [...labelWarnings(spec, path), ...nullSelectorWarnings(spec, path), ...repeatedWarnings(spec, path)];
  for (const [index, volume] of (spec.volumes ?? []).entries()) for (const [source, text] of RETIRED_VOLUMES) if (volume[source] !== undefined) warnings.push(`${path}.volumes[${index}].${source}: ${text}`);
  const containers = (['initContainers', 'containers'] as const).flatMap((list) => (spec[list] ?? []).map((container, index) => ({ container, at: `${path}.${list}[${index}]` })));
  for (const { container, at } of containers) warnings.push(...fractionWarnings(container.resources, `${at}.resources`, ['memory', 'ephemeral-storage']), ...variableWarnings(container, at));
  warnings.push(...portWarnings(containers));
  spec.hostAliases?.forEach(({ ip = '' }, index) => warnings.push(...ipWarnings(`${path}.hostAliases[${index}].ip`, ip)));
  spec.dnsConfig?.nameservers?.forEach((server, index) => warnings.push(...ipWarnings(`${path}.dnsConfig.nameservers[${index}]`, server)));
  const grace = spec.terminationGracePeriodSeconds;
  if (grace !== undefined && grace < 0) warnings.push(`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`);
  return warnings;
}

function labelWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  const look = (label: string | undefined, at: string, how = (text: string) => text): void => {
    const text = label === undefined ? undefined : retiredLabel(label);
    if (text !== undefined) warnings.push(`${at}: ${how(text)}`);
  };
  for (const key of Object.keys(spec.nodeSelector ?? {})) look(key, `${path}.nodeSelector[${key}]`);
  const affinity = spec.affinity?.nodeAffinity;
  const at = `${path}.affinity.nodeAffinity`;
  affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms?.forEach(({ matchExpressions }, index) => matchExpressions?.forEach(({ key }, position) => look(key, `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}].matchExpressions[${position}].key`, (text) => `${key} is ${text}`)));
  affinity?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ preference }, index) => preference?.matchExpressions?.forEach(({ key }, position) => look(key, `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference.matchExpressions[${position}].key`, (text) => `${key} is ${text}`)));
  spec.topologySpreadConstraints?.forEach(({ topologyKey }, index) => look(topologyKey, `${path}.topologySpreadConstraints[${index}].topologyKey`, (text) => `${topologyKey} is ${text}`));
  return warnings;
}

function nullSelectorWarnings(spec: PodSpec, path: string): string[] {
  const places: string[] = [];
  const look = (term: { labelSelector?: unknown } | undefined, at: string): void => { if (term !== undefined && (term.labelSelector ?? undefined) === undefined) places.push(`${at}.labelSelector`); };
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    const terms = spec.affinity?.[name];
    terms?.requiredDuringSchedulingIgnoredDuringExecution?.forEach((term: PodAffinityTerm, index) => look(term, `${path}.affinity.${name}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`));
    terms?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ podAffinityTerm }, index) => look(podAffinityTerm, `${path}.affinity.${name}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`));
  }
  spec.topologySpreadConstraints?.forEach((constraint, index) => look(constraint, `${path}.topologySpreadConstraints[${index}]`));
  return places.map((place) => `${place}: a null labelSelector results in matching no pod`);
}

function repeatedWarnings({ hostAliases = [], imagePullSecrets = [] }: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  hostAliases.forEach(({ ip }, index) => { if (hostAliases.findIndex((each) => each.ip === ip) < index) warnings.push(`${path}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`); });
  imagePullSecrets.forEach(({ name = '' }, index) => {
    if (name === '') warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ""`);
    else if (imagePullSecrets.findIndex((each) => each.name === name) < index) warnings.push(`${path}.imagePullSecrets[${index}].name: duplicate name ${JSON.stringify(name)}`);
  });
  return warnings;
}

type Amounts = Readonly<Record<string, string | number>>;
const NANO = 1_000_000_000n;

/** Bytes are whole. */
export function fractionWarnings(resources: { limits?: Amounts; requests?: Amounts } | undefined, path: string, names: readonly string[]): string[] {
  return (['limits', 'requests'] as const).flatMap((list) => names.flatMap((name) => {
    const amount = resources?.[list]?.[name];
    if (amount === undefined || !isQuantity(amount) || parseQuantity(amount).nano % NANO === 0n) return [];
    return [`${path}.${list}[${name}]: fractional byte value ${JSON.stringify(formatQuantity(amount))} is invalid, must be an integer`];
  }));
}

function variableWarnings({ env = [] }: Container, at: string): string[] {
  const seen = new Set<string>();
  return env.flatMap(({ name }, index) => (seen.size === seen.add(name).size ? [`${at}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`] : []));
}

/** Two ports that are one, in a container, and names that two containers have. */
function portWarnings(containers: readonly { container: Container; at: string }[]): string[] {
  const names = new Map<string, string>();
  return containers.flatMap(({ container, at }) => {
    const ports = new Map<string, string>();
    return (container.ports ?? []).flatMap(({ name, containerPort, protocol = 'TCP', hostPort = 0, hostIP = '' }, index) => {
      const place = `${at}.ports[${index}]`;
      const warnings: string[] = [];
      const key = `${protocol}/${containerPort}/${hostPort}/${hostIP}`;
      const first = ports.get(key);
      if (first !== undefined) warnings.push(`${place}: duplicate port definition with ${first}`);
      else ports.set(key, place);
      const named = name ? names.get(name) : undefined;
      if (named !== undefined && !named.startsWith(`${at}.`)) warnings.push(`${place}: duplicate port name ${JSON.stringify(name)} with ${named}, services and probes that select ports by name will use ${named}`);
      else if (name) names.set(name, place);
      return warnings;
    });
  });
}
