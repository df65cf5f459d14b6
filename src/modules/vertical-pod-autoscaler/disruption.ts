/** How many pods of one controller may be taken or resized in a round: no more than half of those that there should be (upstream: updater/restriction). Pure. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { KubeObject, OwnerReference } from '../../api/meta.ts';
import { resizeOf } from './priority.ts';

const TOLERATED = 0.5;
/** A node that has put a resize off for so long is taken to be unable. */
const DEFERRED_MS = 5 * 60_000;
/** The same of one that is under way. */
const IN_PROGRESS_MS = 3_600_000;

/** The pods of one controller. */
export interface Group {
  /** Whether one more may be gone for a while. */
  mayDisrupt(): boolean;
  /** One of them was taken, or is being resized such that it restarts. */
  disrupted(): void;
}

/** `configured`: how many there should be. */
export function groupOf(pods: readonly Pod[], configured: number): Group {
  const running = pods.filter(({ status }) => status?.phase !== 'Pending').length;
  const tolerated = Math.trunc(configured * TOLERATED);
  let gone = 0;
  return {
    mayDisrupt: () => running - gone > configured - tolerated || (running === configured && tolerated === 0 && gone === 0),
    disrupted: () => void (gone += 1),
  };
}

interface Replicated extends KubeObject { spec?: { replicas?: number }; status?: { numberReady?: number } }

/** How many pods a controller should have, of which there are so many; undefined where it does not say, or wants none. */
export function configuredReplicas({ kind }: Pick<OwnerReference, 'kind'>, controller: KubeObject | undefined, there: number): number | undefined {
  if (kind === 'Job') return there;
  const { spec, status } = (controller ?? {}) as Partial<Replicated>;
  if (kind === 'DaemonSet') return status?.numberReady === 0 ? undefined : status?.numberReady;
  return spec?.replicas === 0 ? undefined : (spec?.replicas ?? there);
}

/** Whether a resize will not come about, so that the pod has to be made anew. */
export function hasFailed(pod: Pod, sinceMs: number, nowMs: number): boolean {
  const resize = resizeOf(pod);
  if (resize === undefined) return false;
  if (resize.type === 'PodResizePending') return resize.reason === 'Deferred' ? nowMs - sinceMs > DEFERRED_MS : true;
  return (resize.reason ?? '') === '' && (resize.message ?? '') === '' ? nowMs - sinceMs > IN_PROGRESS_MS : true;
}

/** Whether a resize restarts a container. */
export function restarts({ spec }: Pod): boolean {
  return spec?.containers.some(({ resizePolicy }) => resizePolicy?.some(({ restartPolicy }) => restartPolicy === 'RestartContainer')) === true;
}
