/** The phase of a pod by its containers (pod lifecycle, "Pod phase"). */
import type { PodPhase, RestartPolicy } from '../../../api/generated/core-v1.ts';
import type { ContainerView } from './view.ts';

export function podPhase(restartPolicy: RestartPolicy | undefined, containers: readonly ContainerView[]): PodPhase {
  const init = containers.filter((each) => each.role === 'init');
  const sidecars = containers.filter((each) => each.role === 'sidecar');
  const app = containers.filter((each) => each.role === 'app');
  if (restartPolicy === 'Never' && init.some((each) => (ended(each)?.exitCode ?? 0) !== 0)) return 'Failed';
  if (init.some((each) => ended(each)?.exitCode !== 0) || (sidecars.some((each) => !each.started && ended(each) === undefined) && app.every((each) => each.containerId === undefined))) return 'Pending';
  if (app.some((each) => each.state.waiting !== undefined && each.lastState?.terminated === undefined)) return 'Pending';
  if (app.some((each) => each.state.running !== undefined)) return 'Running';
  if (restartPolicy === undefined || restartPolicy === 'Always') return 'Running';
  const succeeded = app.every((each) => ended(each)?.exitCode === 0);
  if (succeeded) return 'Succeeded';
  return restartPolicy === 'Never' ? 'Failed' : 'Running';
}

function ended(view: ContainerView): { exitCode: number } | undefined {
  return view.state.terminated ?? (view.state.waiting !== undefined ? view.lastState?.terminated : undefined);
}
