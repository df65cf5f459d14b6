/** What a pod must be like, in upstream's words (core/v1 validation). */
import { ipErrors } from '../ip-validation.ts';
import type { Affinity, EphemeralContainer, Pod, PodSpec, PodTemplateSpec, Toleration } from '../generated/core-v1.ts';
import { podResourceErrors } from './pod-level-resources.ts';
import { duplicate, forbidden, invalid, notFoundField, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { validateAnnotations, validateLabels, validateLabelSelector } from '../metadata-validation.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors, labelKeyErrors, labelValueErrors } from '../names.ts';
import { containerErrors, hostPortErrors } from './container-validation.ts';
import { labelKeysErrors } from './label-keys.ts';
import { nodeSelectorErrors, nodeTermErrors } from './node-selector-validation.ts';
import { podAnnotationErrors, podAnnotationUpdateErrors } from './pod-annotation-validation.ts';
import { operatingSystemErrors } from './pod-os-validation.ts';
import { podUpdateErrors } from './pod-update-validation.ts';
import { resourceClaimErrors } from './resource-claims-validation.ts';
import { resourceErrors } from './resource-validation.ts';
import { podSecurityErrors } from './security-validation.ts';
import { volumeErrors } from './volume-validation.ts';

export { resourceErrors };

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function podErrors(pod: Pod, old: Pod | undefined): FieldError[] {
  if (pod.spec === undefined) return [required('spec.containers')];
  if (old !== undefined) return [...podAnnotationUpdateErrors(pod, old), ...podUpdateErrors(pod, old), ...changedTolerationErrors(pod.spec, old.spec)];
  const errors = [...podAnnotationErrors(pod.metadata.annotations, pod.spec, 'metadata.annotations'), ...podSpecErrors(pod.spec, 'spec')];
  if ((pod.spec.ephemeralContainers ?? []).length > 0) errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  return errors;
}

/** Tolerations may be added while the pod runs. */
function changedTolerationErrors({ tolerations = [] }: PodSpec, old: PodSpec | undefined): FieldError[] {
  return equalJson(tolerations, old?.tolerations ?? []) ? [] : tolerations.flatMap((toleration, index) => tolerationErrors(toleration, `spec.tolerations[${index}]`));
}

/** A template of pods; `path` is where it stands, for instance `spec.template`. */
export function podTemplateErrors(template: PodTemplateSpec, path: string): FieldError[] {
  const errors = [...validateLabels(template.metadata?.labels, `${path}.labels`), ...validateAnnotations(template.metadata?.annotations, `${path}.annotations`)];
  if (template.spec === undefined) return [...errors, required(`${path}.spec.containers`)];
  errors.push(...podAnnotationErrors(template.metadata?.annotations, template.spec, `${path}.annotations`), ...podSpecErrors(template.spec, `${path}.spec`));
  if ((template.spec.ephemeralContainers ?? []).length > 0) errors.push(forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  return errors;
}

function podSpecErrors(spec: PodSpec, path: string): FieldError[] {
  const errors = volumeErrors(spec.volumes ?? [], `${path}.volumes`);
  errors.push(...containersErrors(spec, path), ...policyErrors(spec, path), ...nameFieldErrors(spec, path));
  errors.push(...validateLabels(spec.nodeSelector, `${path}.nodeSelector`), ...podSecurityErrors(spec, path));
  errors.push(...affinityErrors(spec.affinity, `${path}.affinity`));
  (spec.tolerations ?? []).forEach((toleration, index) => errors.push(...tolerationErrors(toleration, `${path}.tolerations[${index}]`)));
  errors.push(...hostAliasErrors(spec, path), ...spreadErrors(spec, path), ...dnsErrors(spec, path), ...resourceClaimErrors(spec, path), ...gateErrors(spec, path), ...operatingSystemErrors(spec, path));
  (spec.readinessGates ?? []).forEach(({ conditionType = '' }, index) => {
    for (const error of labelKeyErrors(conditionType)) errors.push(invalid(`${path}.readinessGates[${index}].conditionType`, conditionType, error));
  });
  return errors;
}

function containersErrors(spec: PodSpec, path: string): FieldError[] {
  const context = { volumes: new Map((spec.volumes ?? []).map((volume) => [volume.name, volume])), hostNetwork: spec.hostNetwork === true, hostUsers: spec.hostUsers !== false, restartPolicy: spec.restartPolicy, graceSeconds: spec.terminationGracePeriodSeconds, os: spec.os?.name };
  const containers = spec.containers ?? [];
  const errors: FieldError[] = [];
  if (containers.length === 0) errors.push(required(`${path}.containers`));
  const names = new Set<string>();
  for (const [list, init] of [['containers', false], ['initContainers', true]] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      const at = `${path}.${list}[${index}]`;
      errors.push(...containerErrors(container, at, { ...context, init }));
      if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
      names.add(container.name);
    }
  }
  errors.push(...hostPortErrors(containers, `${path}.containers`));
  return errors;
}

/** Ephemeral containers of a pod that runs. */
export function ephemeralContainerErrors(containers: readonly EphemeralContainer[], pod: Pod): FieldError[] {
  const path = 'spec.ephemeralContainers';
  const errors: FieldError[] = [];
  const targets = new Set([...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map(({ name }) => name));
  const names = new Set(targets);
  const volumes = new Map((pod.spec?.volumes ?? []).map((volume) => [volume.name, volume]));
  for (const [index, container] of containers.entries()) {
    const at = `${path}[${index}]`;
    errors.push(...containerErrors(container, at, { volumes, hostNetwork: false, init: false, hostUsers: pod.spec?.hostUsers !== false, restartPolicy: undefined, graceSeconds: undefined, os: pod.spec?.os?.name }));
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    if (container.targetContainerName && !targets.has(container.targetContainerName)) errors.push(notFoundField(`${at}.targetContainerName`, container.targetContainerName));
    for (const field of ['ports', 'resources', 'resizePolicy', 'restartPolicy', 'restartPolicyRules', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const) {
      if (container[field] !== undefined && JSON.stringify(container[field]) !== '{}') errors.push(forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
    }
  }
  return errors;
}

function policyErrors(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  errors.push(...podResourceErrors(spec, `${path}.resources`));
  if (!spec.restartPolicy) errors.push(required(`${path}.restartPolicy`));
  else if (!RESTART_POLICIES.includes(spec.restartPolicy)) errors.push(notSupported(`${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES));
  if (!spec.dnsPolicy) errors.push(required(`${path}.dnsPolicy`));
  else if (!DNS_POLICIES.includes(spec.dnsPolicy)) errors.push(notSupported(`${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES));
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > 2_147_483_647)) errors.push(invalid(`${path}.activeDeadlineSeconds`, deadline, 'must be between 1 and 2147483647, inclusive'));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) errors.push(invalid(`${path}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds, 'must be greater than or equal to 0'));
  return errors;
}

function nameFieldErrors(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'] as const) {
    const name = spec[field];
    if (name) for (const error of dns1123SubdomainErrors(name)) errors.push(invalid(`${path}.${field}`, name, error));
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const name = spec[field];
    if (name) for (const error of dns1123LabelErrors(name)) errors.push(invalid(`${path}.${field}`, name, error));
  }
  return [...errors, ...hostnameOverrideErrors(spec, `${path}.hostnameOverride`)];
}

const MOST_HOSTNAME = 64;

/** A host name that stands alone: no other field may have a say in it. */
function hostnameOverrideErrors({ hostnameOverride: name, setHostnameAsFQDN, hostNetwork }: PodSpec, path: string): FieldError[] {
  if (name === undefined) return [];
  const errors = dns1123SubdomainErrors(name).map((error) => invalid(path, name, error));
  if (name.length > MOST_HOSTNAME) errors.push(invalid(path, name, `must be no more than ${MOST_HOSTNAME} characters`));
  if (setHostnameAsFQDN === true) errors.push(forbidden(path, 'may not be specified when `setHostnameAsFQDN` is true'));
  if (hostNetwork === true) errors.push(forbidden(path, 'may not be specified when `hostNetwork` is true'));
  return errors;
}

export function tolerationErrors(toleration: Toleration, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
  if (key !== '') for (const error of labelKeyErrors(key)) errors.push(invalid(`${path}.key`, key, error));
  if (key === '' && operator !== 'Exists') errors.push(invalid(`${path}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"'));
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') errors.push(invalid(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  if (operator === '' || operator === 'Equal') for (const error of labelValueErrors(value)) errors.push(invalid(`${path}.operator`, value, error));
  else if (operator === 'Exists') {
    if (value !== '') errors.push(invalid(`${path}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
  } else errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '' && !EFFECTS.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, EFFECTS));
  return errors;
}

function affinityErrors(affinity: Affinity | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const node = affinity?.nodeAffinity;
  const nodeRequired = node?.requiredDuringSchedulingIgnoredDuringExecution;
  const nodePath = `${path}.nodeAffinity`;
  if (nodeRequired !== undefined) {
    errors.push(...nodeSelectorErrors(nodeRequired, `${nodePath}.requiredDuringSchedulingIgnoredDuringExecution`));
  }
  node?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ weight, preference }, index) => {
    const at = `${nodePath}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
    if (weight <= 0 || weight > 100) errors.push(invalid(`${at}.weight`, weight, 'must be in the range 1-100'));
    errors.push(...nodeTermErrors(preference ?? {}, `${at}.preference`));
  });
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    const terms = affinity?.[name];
    terms?.requiredDuringSchedulingIgnoredDuringExecution?.forEach((term, index) => errors.push(...podTermErrors(term, `${path}.${name}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`)));
    terms?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ weight, podAffinityTerm }, index) => {
      const at = `${path}.${name}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
      if (weight <= 0 || weight > 100) errors.push(invalid(`${at}.weight`, weight, 'must be in the range 1-100'));
      errors.push(...podTermErrors(podAffinityTerm, `${at}.podAffinityTerm`));
    });
  }
  return errors;
}

interface PodTerm {
  labelSelector?: Parameters<typeof validateLabelSelector>[0];
  namespaceSelector?: Parameters<typeof validateLabelSelector>[0];
  namespaces?: string[];
  matchLabelKeys?: string[];
  mismatchLabelKeys?: string[];
  topologyKey?: string;
}

function podTermErrors(term: PodTerm | undefined, path: string): FieldError[] {
  const errors = [...validateLabelSelector(term?.labelSelector, `${path}.labelSelector`), ...validateLabelSelector(term?.namespaceSelector, `${path}.namespaceSelector`)];
  for (const name of term?.namespaces ?? []) errors.push(...dns1123LabelErrors(name).map((error) => invalid(`${path}.namespace`, name, error)));
  errors.push(...labelKeysErrors(term ?? {}, path));
  if (!term?.topologyKey) errors.push(required(`${path}.topologyKey`, 'can not be empty'));
  else for (const error of labelKeyErrors(term.topologyKey)) errors.push(invalid(`${path}.topologyKey`, term.topologyKey, error));
  return errors;
}

function hostAliasErrors(spec: PodSpec, path: string): FieldError[] {
  return (spec.hostAliases ?? []).flatMap(({ ip = '', hostnames }, index) => [
    ...ipErrors(`${path}.hostAliases[${index}].ip`, ip),
    ...(hostnames ?? []).flatMap((name, at) => dns1123SubdomainErrors(name).map((error) => invalid(`${path}.hostAliases[${index}].hostnames[${at}]`, name, error))),
  ]);
}

const UNSATISFIABLE = ['DoNotSchedule', 'ScheduleAnyway'];
const INCLUSIONS = ['Honor', 'Ignore'];

function spreadErrors(spec: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  return (spec.topologySpreadConstraints ?? []).flatMap((constraint, index) => {
    const at = `${path}.topologySpreadConstraints[${index}]`;
    const errors = validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`);
    if (constraint.maxSkew <= 0) errors.push(invalid(`${at}.maxSkew`, constraint.maxSkew, 'must be greater than zero'));
    if (!constraint.topologyKey) errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    if (!UNSATISFIABLE.includes(constraint.whenUnsatisfiable)) errors.push(notSupported(`${at}.whenUnsatisfiable`, constraint.whenUnsatisfiable, UNSATISFIABLE));
    const { minDomains, whenUnsatisfiable, topologyKey } = constraint;
    errors.push(...labelKeysErrors(constraint, at));
    if (minDomains !== undefined && minDomains <= 0) errors.push(invalid(`${at}.minDomains`, minDomains, 'must be greater than zero'));
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') errors.push(invalid(`${at}.minDomains`, minDomains, `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`));
    const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
    if (seen.has(pair)) errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair));
    seen.add(pair);
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[field];
      if (policy !== undefined && !INCLUSIONS.includes(policy)) errors.push(notSupported(`${at}.${field}`, policy, INCLUSIONS));
    }
    return errors;
  });
}

function dnsErrors(spec: PodSpec, path: string): FieldError[] {
  const at = `${path}.dnsConfig`;
  const config = spec.dnsConfig;
  const errors: FieldError[] = [];
  if (spec.dnsPolicy === 'None') {
    if (config === undefined) return [required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if ((config.nameservers ?? []).length === 0) return [required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
  }
  if ((config?.nameservers ?? []).length > 3) errors.push(invalid(`${at}.nameservers`, config!.nameservers, 'must not have more than 3 nameservers'));
  config?.nameservers?.forEach((server, index) => errors.push(...ipErrors(`${at}.nameservers[${index}]`, server)));
  if ((config?.searches ?? []).length > 32) errors.push(invalid(`${at}.searches`, config!.searches, 'must not have more than 32 search paths'));
  config?.searches?.forEach((search, index) => errors.push(...searchErrors(search, `${at}.searches[${index}]`)));
  config?.options?.forEach(({ name }, index) => { if (!name) errors.push(required(`${at}.options[${index}]`, 'must not be empty')); });
  return errors;
}

/** Search paths may have underscores, as names of services in the DNS have. */
function searchErrors(search: string, path: string): FieldError[] {
  const name = search.replace(/\.$/, '');
  return name === '' && search === '.' ? [] : dns1123SubdomainErrors(name.replaceAll('_', 'a')).map((error) => invalid(path, name, error));
}

function gateErrors(spec: PodSpec, path: string): FieldError[] {
  const gates = (spec.schedulingGates ?? []).map(({ name = '' }) => name);
  const errors = gates.flatMap((name, index) => [
    ...labelKeyErrors(name).map((error) => invalid(`${path}.schedulingGates[${index}]`, name, error)),
    ...(gates.indexOf(name) < index ? [duplicate(`${path}.schedulingGates[${index}]`, name)] : []),
  ]);
  if (gates.length > 0 && spec.nodeName) errors.push(forbidden(`${path}.nodeName`, 'cannot be set until all schedulingGates have been cleared'));
  return errors;
}
