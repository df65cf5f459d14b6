/** Which container a log, exec, attach or port-forward request means, and whether it runs. */
import { ApiError } from '../../../api/errors.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { RouteRequest } from '../../../sdk/module.ts';
import type { Agent } from '../agent.ts';
import type { ContainerRecord } from '../lifecycle/record.ts';

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** The named one, the annotated one, or the only one. Throws BadRequest with the choices. */
export function containerOf(pod: Pod, asked: string | undefined): string {
  const names = (list: readonly { name: string }[] | undefined): string[] => (list ?? []).map((each) => each.name);
  const app = names(pod.spec?.containers);
  const init = names(pod.spec?.initContainers);
  const all = [...app, ...init, ...names(pod.spec?.ephemeralContainers)];
  const podName = pod.metadata.name ?? '';
  if (asked !== undefined && asked !== '') {
    if (!all.includes(asked)) throw new ApiError('BadRequest', `container ${asked} is not valid for pod ${podName}`);
    return asked;
  }
  const annotated = pod.metadata.annotations?.[DEFAULT_CONTAINER];
  if (annotated !== undefined && all.includes(annotated)) return annotated;
  if (app.length === 1) return app[0]!;
  const more = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : '';
  throw new ApiError('BadRequest', `a container name must be specified for pod ${podName}, choose one of: [${app.join(' ')}]${more}`);
}

/** Throws BadRequest for a pod that no node has yet (upstream: registry/core/pod, streamLocation). */
export function checkAssigned(pod: Pod): void {
  if (!pod.spec?.nodeName) throw new ApiError('BadRequest', `pod ${pod.metadata.name} does not have a host assigned`);
}

/** Throws BadRequest when it does not run. */
export function runningContainer(agent: Agent, request: RouteRequest): ContainerRecord {
  const pod = request.object as Pod;
  const container = containerOf(pod, request.url.searchParams.get('container') ?? undefined);
  checkAssigned(pod);
  const record = agent.worker(`${pod.metadata.namespace}/${pod.metadata.name}`)?.record(container);
  if (record === undefined || record.exit !== undefined || record.startedMs === undefined) throw new ApiError('BadRequest', `container ${container} of pod ${pod.metadata.name} is not running`);
  return record;
}
