/** NetworkPolicy (networking.k8s.io/v1). */
import { AGE, column, NAME, showSelector } from '../columns.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { IPBlock, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicy as NetworkPolicyType } from '../generated/networking-v1.ts';
import { cidrErrors, cidrWarnings } from '../ip-validation.ts';
import { isCidr, isStrictSubset } from '../ip.ts';
import { defineKind, type Kind } from '../kind.ts';
import { validateLabelSelector } from '../metadata-validation.ts';
import { portNameErrors, portNumberErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export type NetworkPolicy = NetworkPolicyType;

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const POLICY_TYPES = ['Egress', 'Ingress'];

export const NetworkPolicy: Kind<NetworkPolicy> = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy', plural: 'networkpolicies', namespaced: true,
  shortNames: ['netpol'],
  schema: () => schemaOf('networking.k8s.io', 'v1', 'NetworkPolicy'),
  rules: { defaults: defaultPolicy, validate: policyErrors, warnings: policyWarnings },
  columns: [NAME, column('Pod-Selector', (policy) => showSelector(policy.spec?.podSelector)), AGE],
});

/** A policy isolates incoming traffic, and outgoing where it has egress rules, unless it says itself. */
function defaultPolicy(policy: NetworkPolicy): void {
  const { spec } = policy;
  if (spec === undefined) return;
  spec.podSelector ??= {}; // all pods: in Go it is no pointer
  if ((spec.policyTypes ?? []).length === 0) spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
}

function policyErrors({ spec = {} }: NetworkPolicy, old: NetworkPolicy | undefined): FieldError[] {
  const kept = new Set(blocksOf(old).flatMap(({ block: { cidr, except = [] } }) => [cidr, ...except]));
  const errors = validateLabelSelector(spec.podSelector, 'spec.podSelector');
  (spec.ingress ?? []).forEach(({ ports, from }, index) => errors.push(...ruleErrors({ ports, peers: from, path: `spec.ingress[${index}]`, side: 'from', kept })));
  (spec.egress ?? []).forEach(({ ports, to }, index) => errors.push(...ruleErrors({ ports, peers: to, path: `spec.egress[${index}]`, side: 'to', kept })));
  const types = spec.policyTypes ?? [];
  if (types.length > POLICY_TYPES.length) return [...errors, invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  types.forEach((type, index) => { if (!POLICY_TYPES.includes(type)) errors.push(notSupported(`spec.policyTypes[${index}]`, type, POLICY_TYPES)); });
  return errors;
}

function ruleErrors({ ports = [], peers = [], path, side, kept }: { ports: NetworkPolicyPort[] | undefined; peers: NetworkPolicyPeer[] | undefined; path: string; side: 'from' | 'to'; kept: ReadonlySet<string> }): FieldError[] {
  return [
    ...ports.flatMap((port, index) => portErrors(port, `${path}.ports[${index}]`)),
    ...peers.flatMap((peer, index) => peerErrors(peer, `${path}.${side}[${index}]`, kept)),
  ];
}

function portErrors({ protocol, port, endPort }: NetworkPolicyPort, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS));
  if (typeof port === 'number') {
    for (const error of portNumberErrors(port)) errors.push(invalid(`${path}.port`, port, error));
    if (endPort === undefined) return errors;
    if (endPort < port) errors.push(invalid(`${path}.endPort`, endPort, 'must be greater than or equal to `port`'));
    for (const error of portNumberErrors(endPort)) errors.push(invalid(`${path}.endPort`, endPort, error));
    return errors;
  }
  if (endPort !== undefined) errors.push(invalid(`${path}.endPort`, endPort, `may not be specified when \`port\` is ${port === undefined ? 'not specified' : 'non-numeric'}`));
  if (port !== undefined) for (const error of portNameErrors(port)) errors.push(invalid(`${path}.port`, port, error));
  return errors;
}

function peerErrors({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, path: string, kept: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (podSelector !== undefined) errors.push(...validateLabelSelector(podSelector, `${path}.podSelector`));
  if (namespaceSelector !== undefined) errors.push(...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`));
  if (ipBlock !== undefined) errors.push(...blockErrors(ipBlock, `${path}.ipBlock`, kept));
  if (podSelector === undefined && namespaceSelector === undefined && ipBlock === undefined) errors.push(required(path, 'must specify a peer'));
  else if (ipBlock !== undefined && (podSelector !== undefined || namespaceSelector !== undefined)) errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  return errors;
}

function blockErrors({ cidr, except = [] }: IPBlock, path: string, kept: ReadonlySet<string>): FieldError[] {
  if (!cidr) return [required(`${path}.cidr`)];
  const errors = cidrErrors(`${path}.cidr`, cidr, kept);
  if (!isCidr(cidr)) return errors;
  return [...errors, ...except.flatMap((each, index) => {
    const at = `${path}.except[${index}]`;
    const malformed = cidrErrors(at, each, kept);
    return !isCidr(each) || isStrictSubset(each, cidr) ? malformed : [...malformed, invalid(at, each, 'must be a strict subset of `cidr`')];
  })];
}

function blocksOf(policy: NetworkPolicy | undefined): { block: IPBlock; path: string }[] {
  const of = (peers: readonly NetworkPolicyPeer[] = [], path: string): { block: IPBlock; path: string }[] =>
    peers.flatMap(({ ipBlock }, index) => (ipBlock === undefined ? [] : [{ block: ipBlock, path: `${path}[${index}].ipBlock` }]));
  return [
    ...(policy?.spec?.ingress ?? []).flatMap(({ from }, index) => of(from, `spec.ingress[${index}].from`)),
    ...(policy?.spec?.egress ?? []).flatMap(({ to }, index) => of(to, `spec.egress[${index}].to`)),
  ];
}

function policyWarnings(policy: NetworkPolicy): string[] {
  return blocksOf(policy).flatMap(({ block: { cidr = '', except = [] }, path }) => [...cidrWarnings(`${path}.cidr`, cidr), ...except.flatMap((each, index) => cidrWarnings(`${path}.except[${index}]`, each))]);
}
