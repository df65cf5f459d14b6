/**
 * Static pods and what the API shows of them: a mirror, which may be deleted and made again while the pod runs on. So on the node such a pod goes by the
 * hash of its file, whichever object mirrors it (upstream: kubelet's mirror client; the annotation kubernetes.io/config.mirror).
 */
import type { Pod } from '../../api/generated/core-v1.ts';
import { STATIC_SOURCE } from './pressure/rank.ts';

export const MIRROR = 'kubernetes.io/config.mirror';
const HASH = /^[0-9a-f]{32}$/;
const API_UIDS = new WeakMap<Pod, string | undefined>();

/** The hash of the file that a mirror is of; undefined for other pods. */
export function mirrored({ metadata }: Pod): string | undefined {
  const hash = metadata.annotations?.[MIRROR];
  return hash !== undefined && HASH.test(hash) && metadata.annotations?.[STATIC_SOURCE] === 'file' && metadata.ownerReferences?.[0]?.kind === 'Node' ? hash : undefined;
}

/** The pod under the uid that it has on this node. */
export function onNode(pod: Pod): Pod {
  const uid = mirrored(pod);
  if (uid === undefined || API_UIDS.has(pod)) return pod;
  const own = { ...pod, metadata: { ...pod.metadata, uid } };
  API_UIDS.set(own, pod.metadata.uid);
  return own;
}

/** The uid that the API knows. */
export function apiUid(pod: Pod): string | undefined {
  return API_UIDS.has(pod) ? API_UIDS.get(pod) : pod.metadata.uid;
}
