/** Annotations of pods and of their templates that mean something, in upstream's words (core/v1 validation, ValidatePodSpecificAnnotations and ValidatePodSpecificAnnotationUpdates). */
import type { Pod, PodSpec } from '../generated/core-v1.ts';
import { forbidden, invalid, type FieldError } from '../field-error.ts';

const MIRROR = 'kubernetes.io/config.mirror';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/';
const SECCOMP = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_OF_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';

type Annotations = Readonly<Record<string, string>>;

export function podAnnotationErrors(annotations: Annotations | undefined, spec: PodSpec, path: string, { anyCost = false } = {}): FieldError[] {
  const errors: FieldError[] = [];
  const { [MIRROR]: mirror, [DELETION_COST]: cost } = annotations ?? {};
  if (mirror !== undefined && !spec.nodeName) errors.push(invalid(`${path}[${MIRROR}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set'));
  if (cost !== undefined && !anyCost && !isInt32(cost)) errors.push(invalid(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer'));
  for (const [key, profile] of Object.entries(annotations ?? {})) {
    if (key === SECCOMP || key.startsWith(SECCOMP_OF_CONTAINER)) errors.push(...seccompErrors(profile, `${path}.${key}`));
    if (key.startsWith(APP_ARMOR)) errors.push(...appArmorErrors(key.slice(APP_ARMOR.length), profile, spec, `${path}[${key}]`));
  }
  return errors;
}

export function podAnnotationUpdateErrors({ metadata: { annotations = {} }, spec }: Pod, { metadata: { annotations: before = {} } }: Pod): FieldError[] {
  const path = 'metadata.annotations';
  const errors: FieldError[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(annotations)])) {
    if (annotations[key] === before[key]) continue;
    const verb = before[key] === undefined ? 'add' : 'remove or update';
    if (key.startsWith(APP_ARMOR)) errors.push(forbidden(`${path}[${key}]`, `may not ${verb} AppArmor annotations`));
    if (key === MIRROR) errors.push(forbidden(`${path}[${key}]`, `may not ${verb} mirror pod annotation`));
  }
  const cost = before[DELETION_COST];
  return [...errors, ...podAnnotationErrors(annotations, spec ?? { containers: [] }, path, { anyCost: cost !== undefined && !isInt32(cost) })];
}

/** No plus sign and no zeros in front (helper.GetDeletionCostFromPodAnnotations). */
function isInt32(text: string): boolean {
  return /^(0|[1-9]\d*|-\d+)$/.test(text) && Math.abs(Number(text)) <= 2 ** 31 && Number(text) !== 2 ** 31;
}

function seccompErrors(profile: string, path: string): FieldError[] {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return [];
  if (!profile.startsWith('localhost/')) return [invalid(path, profile, 'must be a valid seccomp profile')];
  const file = profile.slice('localhost/'.length);
  const errors = file.startsWith('/') ? [invalid(path, file, 'must be a relative path')] : [];
  return file.split('/').includes('..') ? [...errors, invalid(path, file, "must not contain '..'")] : errors;
}

function appArmorErrors(container: string, profile: string, { containers = [], initContainers = [], ephemeralContainers = [] }: PodSpec, path: string): FieldError[] {
  const errors = [...containers, ...initContainers, ...ephemeralContainers].some(({ name }) => name === container) ? [] : [invalid(path, container, 'container not found')];
  if (['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith('localhost/')) return errors;
  return [...errors, invalid(path, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`)];
}
