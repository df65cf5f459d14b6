/** Paths and objects that the behaviours of sig-apps are tried with. */
import { TEST_IMAGE } from '../../fixtures/image.ts';
import { get, patch, put, until, type Body } from '../cluster.ts';

export const apps = (ns: string, plural: string): string => `/apis/apps/v1/namespaces/${ns}/${plural}`;
export const batch = (ns: string, plural: string): string => `/apis/batch/v1/namespaces/${ns}/${plural}`;
export const podsOf = (ns: string, selector = ''): string => `/api/v1/namespaces/${ns}/pods${selector === '' ? '' : `?labelSelector=${encodeURIComponent(selector)}`}`;

/** A template of pods that run a shell command, or sleep. */
export function template(labels: Record<string, string>, more: { script?: string; spec?: object; container?: object } = {}): Body {
  const command = more.script === undefined ? ['sleep', '1000000'] : ['sh', '-c', more.script];
  return {
    metadata: { labels },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command, ...more.container }], ...more.spec },
  };
}

/** A workload with a selector and a template of the same labels. */
export function workload(name: string, spec: object = {}, pod: Parameters<typeof template>[1] = {}): Body {
  const labels = { app: name };
  return { metadata: { name, labels }, spec: { selector: { matchLabels: labels }, template: template(labels, pod), ...spec } };
}

export async function names(path: string): Promise<string[]> {
  return (await get(path)).items.map((each: Body) => each.metadata.name).sort();
}

/** Pods that are not being deleted. */
export async function livePods(ns: string, selector: string): Promise<Body[]> {
  return (await get(podsOf(ns, selector))).items.filter((each: Body) => each.metadata.deletionTimestamp === undefined);
}

export const isReady = (pod: Body): boolean => pod.status?.conditions?.some((each: Body) => each.type === 'Ready' && each.status === 'True') === true;

export const hasCondition = (object: Body, type: string): boolean => object.status?.conditions?.some((each: Body) => each.type === type && each.status === 'True') === true;

/** Reads, updates and patches the scale of a workload. */
export async function tryScale(path: string, { from, to }: { from: number; to: number }): Promise<void> {
  const scale = await get(`${path}/scale`);
  if (scale.kind !== 'Scale' || scale.spec.replicas !== from) throw new Error(`${path}/scale says ${JSON.stringify(scale)}`);
  await put(`${path}/scale`, { ...scale, metadata: { ...scale.metadata, resourceVersion: undefined }, spec: { replicas: to } });
  await until(path, (object) => object.spec.replicas === to);
  await patch(`${path}/scale`, { spec: { replicas: to + 1 } });
  await until(path, (object) => object.spec.replicas === to + 1);
}

/** A condition of one's own is patched and updated into the status, and stays. */
export async function tryStatus(path: string): Promise<void> {
  const own = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from e2e test' };
  const now = await get(`${path}/status`);
  await put(`${path}/status`, { ...now, metadata: { ...now.metadata, resourceVersion: undefined }, status: { ...now.status, conditions: [...(now.status.conditions ?? []), own] } });
  await until(path, (object) => object.status.conditions?.some((each: Body) => each.type === 'StatusUpdate'));
  await patch(`${path}/status`, { status: { conditions: [{ ...own, type: 'StatusPatched' }] } });
  await until(path, (object) => object.status.conditions?.some((each: Body) => each.type === 'StatusPatched'));
}
