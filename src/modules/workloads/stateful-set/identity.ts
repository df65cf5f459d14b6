/** The names that pods of a StatefulSet and their claims keep (upstream: stateful_set_utils.go). Pure. */
import { StatefulSet } from '../../../api/apps/stateful-set.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import { controllerReference } from '../../../api/owner.ts';
import { REVISION_HASH } from '../history.ts';

const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';

/** The set's name and the ordinal that a pod's name says. */
export function parentOf({ metadata }: Pod): { name: string; ordinal: number } | undefined {
  const match = /^(.*)-(\d+)$/.exec(metadata.name ?? '');
  return match === null ? undefined : { name: match[1]!, ordinal: Number(match[2]) };
}

export function ordinalOf(pod: Pod): number {
  return parentOf(pod)?.ordinal ?? -1;
}

export function startOf({ spec }: StatefulSet): number {
  return spec?.ordinals?.start ?? 0;
}

export function isInRange(pod: Pod, set: StatefulSet): boolean {
  const index = ordinalOf(pod) - startOf(set);
  return index >= 0 && index < (set.spec?.replicas ?? 1);
}

export interface Version {
  /** The name of the ControllerRevision. */
  revision: string;
  template: PodTemplateSpec;
}

export function podOfOrdinal(set: StatefulSet, ordinal: number, { revision, template }: Version): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const name = `${set.metadata.name}-${ordinal}`;
  const claims = claimsOf(set, ordinal);
  const own = (template.spec?.volumes ?? []).filter((volume) => !claims.some((each) => each.volume === volume.name));
  const volumes = [...claims.map((each) => ({ name: each.volume, persistentVolumeClaim: { claimName: each.claim.metadata.name ?? '' } })), ...own];
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: {
      name, namespace: set.metadata.namespace, labels: { ...labels, [POD_NAME]: name, [POD_INDEX]: String(ordinal), [REVISION_HASH]: revision },
      ...(annotations === undefined ? {} : { annotations }), ...(finalizers === undefined ? {} : { finalizers }), ownerReferences: [controllerReference(StatefulSet, set)],
    },
    spec: { containers: [], ...template.spec, hostname: name, ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}), ...(volumes.length > 0 ? { volumes } : {}) },
  };
}

/** Labels that a pod lacks of its identity; undefined when it has them. */
export function missingIdentity(pod: Pod): Record<string, string> | undefined {
  const wanted = { [POD_NAME]: pod.metadata.name ?? '', [POD_INDEX]: String(ordinalOf(pod)) };
  return Object.entries(wanted).every(([key, value]) => pod.metadata.labels?.[key] === value) ? undefined : wanted;
}

/** The claims of one ordinal, by the volume of the pod that each is for. */
export function claimsOf(set: StatefulSet, ordinal: number): { volume: string; claim: PersistentVolumeClaim }[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => {
    const { name = '', labels, annotations } = template.metadata;
    const claim: PersistentVolumeClaim = {
      metadata: {
        name: `${name}-${set.metadata.name}-${ordinal}`, namespace: set.metadata.namespace, labels: { ...labels, ...set.spec?.selector?.matchLabels },
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: template.spec,
    };
    return { volume: name, claim };
  });
}
