/** Pods of this node look again when an object changes that their volumes show: ConfigMaps, Secrets, trust bundles, and claims that got more room. */
import type { ClusterTrustBundle } from '../../api/certificates/cluster-trust-bundle.ts';
import type { PersistentVolumeClaim, Pod, Volume, VolumeProjection } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/meta.ts';
import { claimUses } from '../../api/storage/claim-matching.ts';
import type { CacheEvent } from '../../sdk/cache.ts';
import { ClusterTrustBundleKind, ConfigMapKind, PersistentVolumeClaimKind, PodKind, SecretKind } from './kinds.ts';
import type { PodWorker } from './lifecycle/worker.ts';
import { onNode } from './mirror.ts';
import type { NodeParts } from './parts.ts';

export interface ShownObjects {
  /** Follows ConfigMaps and Secrets. */
  start(): void;
  /** A pod begins here: what few pods show is followed from the first one on. */
  begin(pod: Pod): void;
  stop(): void;
}

/** What is newer than a second is news; before that, the pod has seen it itself. */
const SECOND_MS = 1_000;

/** `workers`: those of the pods that are here, by uid; the cache of pods has the index `spec.nodeName` when the first object changes. */
export function shownObjects({ caches, clock, machine }: NodeParts['context'], workers: ReadonlyMap<string, PodWorker>): ShownObjects {
  const stops: (() => void)[] = [];
  let leaveTrustBundles: (() => void) | undefined;
  let leaveClaims: (() => void) | undefined;

  /** What appears or goes counts as well, for volumes that may do without it; what was there before is not news. */
  function refresh<T extends KubeObject>(shows: (pod: Pod, object: T) => boolean) {
    const beganMs = clock.nowMs();
    return (event: CacheEvent<T>): void => {
      if (event.type === 'added' && Date.parse(event.object.metadata.creationTimestamp ?? '') < beganMs - SECOND_MS) return;
      for (const pod of caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName)) {
        if (shows(pod, event.object)) workers.get(onNode(pod).metadata.uid ?? '')?.refresh();
      }
    };
  }

  /** What a driver gave more room to is made larger on the node while its pods run on. */
  function growing({ type, object: { metadata, status } }: CacheEvent<PersistentVolumeClaim>): void {
    if (type === 'deleted' || status?.conditions?.some((each) => each.type === 'FileSystemResizePending' && each.status === 'True') !== true) return;
    for (const worker of workers.values()) {
      const pod = worker.pod();
      const use = pod.metadata.namespace === metadata.namespace ? claimUses(pod).find(({ claimName }) => claimName === metadata.name) : undefined;
      if (use !== undefined && worker.volumes()?.claimed.get(use.volume)?.spec?.csi !== undefined) worker.refresh();
    }
  }

  return {
    start() {
      stops.push(caches.of(ConfigMapKind).subscribe(refresh(showsConfigMap)), caches.of(SecretKind).subscribe(refresh(showsSecret)));
    },
    begin(pod) {
      if (showsAnyTrustBundle(pod)) leaveTrustBundles ??= caches.of(ClusterTrustBundleKind).subscribe(refresh(showsTrustBundle));
      if (claimUses(pod).length > 0) leaveClaims ??= caches.of(PersistentVolumeClaimKind).subscribe(growing);
    },
    stop() {
      for (const stop of stops) stop();
      leaveTrustBundles?.();
      leaveClaims?.();
    },
  };
}

function showsConfigMap({ metadata, spec }: Pod, { metadata: { name, namespace } }: KubeObject): boolean {
  return metadata.namespace === namespace && (spec?.volumes ?? []).some((volume) => volume.configMap?.name === name || sourcesOf(volume).some((source) => source.configMap?.name === name));
}

function showsSecret({ metadata, spec }: Pod, { metadata: { name, namespace } }: KubeObject): boolean {
  return metadata.namespace === namespace && (spec?.volumes ?? []).some((volume) => volume.secret?.secretName === name || sourcesOf(volume).some((source) => source.secret?.name === name));
}

function showsTrustBundle({ spec: podSpec }: Pod, { metadata, spec }: ClusterTrustBundle): boolean {
  return (podSpec?.volumes ?? []).flatMap(sourcesOf).some(({ clusterTrustBundle: wanted }) => wanted !== undefined && (wanted.name === metadata.name || (wanted.signerName !== undefined && wanted.signerName === spec.signerName)));
}

function showsAnyTrustBundle({ spec }: Pod): boolean {
  return (spec?.volumes ?? []).flatMap(sourcesOf).some(({ clusterTrustBundle }) => clusterTrustBundle !== undefined);
}

function sourcesOf({ projected }: Volume): VolumeProjection[] {
  return projected?.sources ?? [];
}
