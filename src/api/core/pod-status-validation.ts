/** What a write to the status of a pod may say, in upstream's words (core/v1 validation, ValidatePodStatusUpdate). */
import type { Container, ContainerStatus, Pod, PodSpec } from '../generated/core-v1.ts';
import { duplicate, forbidden, invalid, type FieldError } from '../field-error.ts';
import { ipErrors } from '../ip-validation.ts';
import { isIP } from '../ip.ts';
import { dns1123SubdomainErrors, labelKeyErrors } from '../names.ts';

/** Conditions of the system; those of others have qualified names. */
const CONDITIONS = ['PodScheduled', 'Ready', 'Initialized'];

export function podStatusErrors(pod: Pod, old: Pod): FieldError[] {
  const [status, before] = [pod.status ?? {}, old.status ?? {}];
  const errors = (status.conditions ?? []).flatMap(({ type }, index) => (CONDITIONS.includes(type) ? [] : labelKeyErrors(type).map((error) => invalid(`metadata.conditions[${index}].Type`, type, error))));
  const nominated = status.nominatedNodeName;
  if (nominated && nominated !== before.nominatedNodeName) errors.push(...dns1123SubdomainErrors(nominated).map((error) => invalid('status.nominatedNodeName', nominated, error)));
  if (before.qosClass !== undefined && status.qosClass !== before.qosClass) errors.push(invalid('status.qosClass', status.qosClass, 'field is immutable'));
  const spec = old.spec ?? { containers: [] };
  for (const field of ['containerStatuses', 'initContainerStatuses'] as const) errors.push(...transitionErrors(status[field] ?? [], before[field] ?? [], spec, `status.${field}`));
  errors.push(...ephemeralErrors(status.ephemeralContainerStatuses ?? [], before.ephemeralContainerStatuses ?? []));
  for (const field of ['podIPs', 'hostIPs'] as const) errors.push(...addressErrors((status[field] ?? []).map(({ ip = '' }) => ip), (before[field] ?? []).map(({ ip = '' }) => ip), `status.${field}`));
  return [...errors, ...claimErrors(pod, spec)];
}

/** A container that has ended for good stays so. */
function transitionErrors(now: readonly ContainerStatus[], before: readonly ContainerStatus[], spec: PodSpec, path: string): FieldError[] {
  const running = new Set(now.filter(({ state }) => state?.terminated === undefined).map(({ name }) => name));
  return before.flatMap((status, index) => (running.has(status.name) && hasEndedForGood(status, spec) ? [forbidden(`${path}[${index}].state`, 'may not be transitioned to non-terminated state')] : []));
}

/** Whether a container of `spec.containers` or `spec.initContainers` has ended, and may not be said to do anything else from then on. */
export function hasEndedForGood({ name, state }: ContainerStatus, spec: PodSpec): boolean {
  if (state?.terminated === undefined || spec.restartPolicy === 'Always' || mayAllRestart(spec)) return false;
  return !mayRestart(containersOf(spec).find((each) => each.name === name), state.terminated.exitCode, spec);
}

function mayRestart(container: Container | undefined, exitCode: number, spec: PodSpec): boolean {
  if ((container?.restartPolicyRules ?? []).length > 0) return true;
  const policy = container?.restartPolicy ?? spec.restartPolicy;
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function mayAllRestart(spec: PodSpec): boolean {
  return containersOf(spec).some(({ restartPolicyRules = [] }) => restartPolicyRules.some(({ action }) => action === 'RestartAllContainers'));
}

function containersOf({ initContainers = [], containers = [] }: PodSpec): Container[] {
  return [...initContainers, ...containers];
}

/** These never begin again. */
function ephemeralErrors(now: readonly ContainerStatus[], before: readonly ContainerStatus[]): FieldError[] {
  const running = new Set(now.filter(({ state }) => state?.terminated === undefined).map(({ name }) => name));
  return before.flatMap(({ name, state }, index) => (state?.terminated !== undefined && running.has(name) ? [forbidden(`status.ephemeralContainerStatuses[${index}].state`, 'may not be transitioned to non-terminated state')] : []));
}

/** One of each family at most; what was there may stay. */
function addressErrors(now: readonly string[], before: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const kept = new Set(before);
  now.forEach((ip, index) => { if (!kept.has(ip)) errors.push(...ipErrors(`${path}[${index}]`, ip)); });
  if (now.length > new Set(now.map(isIP)).size) errors.push(invalid(path, now.map((ip) => ({ ip })), 'may specify no more than one IP for each IP family'));
  now.forEach((ip, index) => { if (now.indexOf(ip) < index) errors.push(duplicate(`${path}[${index}]`, { ip })); });
  return errors;
}

function claimErrors({ status }: Pod, { resourceClaims = [] }: PodSpec): FieldError[] {
  return (status?.resourceClaimStatuses ?? []).flatMap(({ name, resourceClaimName }, index) => {
    const at = `status.resourceClaimStatuses[${index}]`;
    const errors = resourceClaimName === undefined ? [] : dns1123SubdomainErrors(resourceClaimName).map((error) => invalid(`${at}.name`, resourceClaimName, error));
    return resourceClaims.some((each) => each.name === name) ? errors : [...errors, invalid(`${at}.name`, name, 'must match the name of an entry in `spec.resourceClaims`')];
  });
}

/** What old writers leave out: the quality of service is told at creation, once. */
export function keepQualityOfService(pod: Pod, old: Pod): void {
  const kept = old.status?.qosClass;
  if (kept !== undefined && !pod.status?.qosClass) pod.status = { ...pod.status, qosClass: kept };
}

/**
 * Old clients write `podIP` alone: where it differs from the list it is the list, and where only the list is written it is its first (upstream:
 * Convert_v1_PodStatus_To_core_PodStatus and back).
 */
export function agreeOnAddresses(pod: Pod): void {
  const { podIP, podIPs } = pod.status ?? {};
  const first = podIPs?.[0]?.ip;
  if (podIP && podIP !== first) pod.status = { ...pod.status, podIPs: [{ ip: podIP }] };
  else if (first && !podIP) pod.status = { ...pod.status, podIP: first };
}
