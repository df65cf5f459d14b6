/** Which pods and claims a quota with scopes takes in (core/v1 ResourceQuotaScope). Pure. */
import type { PersistentVolumeClaim, Pod, ResourceQuota, ScopedResourceSelectorRequirement } from '../../api/generated/core-v1.ts';
import type { KindNames } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { qosClassOf } from '../../api/core/pod-qos.ts';

/** Every object when the quota has no scopes, else the pods, or the claims, that all of its scopes take in. */
export function isInScope({ spec }: ResourceQuota, kind: Pick<KindNames, 'group' | 'plural'>, object: KubeObject): boolean {
  const terms: ScopedResourceSelectorRequirement[] = [...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' as const })), ...(spec?.scopeSelector?.matchExpressions ?? [])];
  if (terms.length === 0) return true;
  if (kind.group === '' && kind.plural === 'persistentvolumeclaims') return terms.every((term) => term.scopeName === 'VolumeAttributesClass' && isOfClass(object as PersistentVolumeClaim, term));
  if (kind.group !== '' || kind.plural !== 'pods') return false;
  return terms.every((term) => takesIn(term, object as Pod));
}

function takesIn({ scopeName, operator, values = [] }: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  switch (scopeName) {
    case 'Terminating': return isBounded(pod);
    case 'NotTerminating': return !isBounded(pod);
    case 'BestEffort': return qosClassOf(pod) === 'BestEffort';
    case 'NotBestEffort': return qosClassOf(pod) !== 'BestEffort';
    case 'CrossNamespacePodAffinity': return reachesOut(pod);
    case 'PriorityClass': return hasClass(pod.spec?.priorityClassName ?? '', operator, values);
    default: return false;
  }
}

/** By the class that a claim wants, has, or is about to have. */
function isOfClass({ spec, status }: PersistentVolumeClaim, { operator, values = [] }: ScopedResourceSelectorRequirement): boolean {
  const names = [spec?.volumeAttributesClassName, status?.currentVolumeAttributesClassName, status?.modifyVolumeStatus?.targetVolumeAttributesClassName].filter((name) => name !== undefined && name !== '') as string[];
  return (names.length === 0 ? [''] : names).some((name) => hasClass(name, operator, values));
}

function isBounded({ spec }: Pod): boolean {
  return spec?.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds >= 0;
}

function hasClass(name: string, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case 'In': return values.includes(name);
    case 'NotIn': return !values.includes(name);
    case 'DoesNotExist': return name === '';
    default: return name !== '';
  }
}

/** Whether an affinity term speaks of pods of other namespaces. */
function reachesOut({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  return [podAffinity, podAntiAffinity].some((each) => {
    const terms = [...(each?.requiredDuringSchedulingIgnoredDuringExecution ?? []), ...(each?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm)];
    return terms.some((term) => (term.namespaces?.length ?? 0) > 0 || (term.namespaceSelector !== undefined && term.namespaceSelector !== null));
  });
}
