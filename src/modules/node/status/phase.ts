/** The phase of a pod by its containers (pod lifecycle, "Pod phase"). */
import type { PodPhase, RestartPolicy } from '../../../api/generated/core-v1.ts';
import type { ContainerView } from './view.ts';

export function podPhase(restartPolicy: RestartPolicy | undefined, containers: readonly ContainerView[]): PodPhase {
  const init = containers.filter((each) => each.role === 'init');
  const sidecars = containers.filter((each) => each.role === 'sidecar');
  const app = containers.filter((each) => each.role === 'app');
  if (init.some((each) => (ended(each)?.exitCode ?? 0) !== 0 && !(each.restarts ?? restartPolicy !== 'Never'))) return 'Failed';
  if (init.some((each) => ended(each)?.exitCode !== 0) || (sidecars.some((each) => !each.started && ended(each) === undefined) && app.every((each) => each.containerId === undefined))) return 'Pending';
  if (app.some((each) => each.state.waiting !== undefined && each.lastState?.terminated === undefined)) return 'Pending';
  if (app.some((each) => each.state.running !== undefined)) return 'Running';
  if (app.some((each) => startsAgain(each, restartPolicy))) return 'Running';
  return app.every((each) => ended(each)?.exitCode === 0) ? 'Succeeded' : 'Failed';
}

/** Of a pod that was deleted, when nothing of it runs any more: what never ran has not succeeded (upstream: getPhase and TerminatePod of the kubelet). */
export function lastPhase(containers: readonly ContainerView[]): PodPhase {
  const app = containers.filter(({ role }) => role === 'app');
  return hasInitialized(containers) && app.every((each) => ended(each)?.exitCode === 0) ? 'Succeeded' : 'Failed';
}

/** All that runs before the containers of the application has ended well. */
export function hasInitialized(containers: readonly ContainerView[]): boolean {
  return containers.every((each) => each.role !== 'init' || ended(each)?.exitCode === 0);
}

/** Succeeded and Failed are never left again. */
export function isFinal(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Of a container that has ended. */
function startsAgain(view: ContainerView, restartPolicy: RestartPolicy = 'Always'): boolean {
  if (view.state.waiting !== undefined && view.restarts === undefined && restartPolicy !== 'Never') return true;
  return view.restarts ?? (restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && ended(view)?.exitCode !== 0));
}

function ended(view: ContainerView): { exitCode: number } | undefined {
  return view.state.terminated ?? (view.state.waiting !== undefined ? view.lastState?.terminated : undefined);
}
