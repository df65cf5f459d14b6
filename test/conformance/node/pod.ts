/** How the behaviours of the node run their pods. */
import assert from 'node:assert/strict';
import { create, kubectl, podOf, until, type Body } from '../cluster.ts';

export const pathOf = (space: string, name: string): string => `/api/v1/namespaces/${space}/pods/${name}`;

/** A pod whose only container runs a script once. */
export function scriptPod(name: string, script: string, container: object = {}, spec: object = {}): Body {
  return podOf(name, { spec: { restartPolicy: 'Never', ...spec }, container: { command: ['sh', '-c', script], ...container } });
}

export async function start(space: string, pod: Body): Promise<Body> {
  await create(`/api/v1/namespaces/${space}/pods`, pod);
  return isReady(space, pod.metadata.name);
}

export function isReady(space: string, name: string): Promise<Body> {
  return until(pathOf(space, name), ({ status }) => status.conditions?.some((each: Body) => each.type === 'Ready' && each.status === 'True'));
}

/** Runs a pod to its end; what it wrote. */
export async function outputOf(space: string, pod: Body, phase = 'Succeeded'): Promise<string> {
  await create(`/api/v1/namespaces/${space}/pods`, pod);
  const { status } = await until(pathOf(space, pod.metadata.name), ({ status: now }) => now.phase === 'Succeeded' || now.phase === 'Failed');
  const text = await kubectl('-n', space, 'logs', pod.metadata.name);
  assert.equal(status.phase, phase, text);
  return text.trim();
}

/** How the first container of a pod ended. */
export async function endOf(space: string, pod: Body): Promise<Body> {
  await create(`/api/v1/namespaces/${space}/pods`, pod);
  const ended = await until(pathOf(space, pod.metadata.name), ({ status }) => status.containerStatuses?.[0]?.state?.terminated !== undefined);
  return ended.status.containerStatuses[0].state.terminated;
}
