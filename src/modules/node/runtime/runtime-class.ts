/** Pods of a RuntimeClass: what the class adds to them (upstream: admission plugin RuntimeClass), and which handler runs them here. */
import { Pod } from '../../../api/core/pod.ts';
import { ApiError, isApiError } from '../../../api/errors.ts';
import { equalJson } from '../../../api/json.ts';
import { RuntimeClass } from '../../../api/node/runtime-class.ts';
import type { Admission, ModuleContext } from '../../../sdk/module.ts';

export const runtimeClassAdmission: Admission = {
  name: 'RuntimeClass',
  kinds: [Pod],
  operations: ['CREATE'],
  async admit(request, context) {
    const pod = request.object as Pod | undefined;
    if (request.subresource || pod?.spec === undefined) return;
    const runtimeClass = pod.spec.runtimeClassName ? await classOf(pod, context) : undefined;
    giveRuntimeClass(pod, runtimeClass);
  },
};

async function classOf(pod: Pod, { client }: ModuleContext): Promise<RuntimeClass> {
  const name = pod.spec!.runtimeClassName!;
  try {
    return await client.get(RuntimeClass, name);
  } catch (error) {
    throw isApiError(error, 'NotFound') ? rejected(pod, `RuntimeClass "${name}" not found`) : error;
  }
}

/** Sets the overhead, and adds node selector and tolerations. Throws Forbidden where the pod says otherwise. */
export function giveRuntimeClass(pod: Pod, runtimeClass: RuntimeClass | undefined): void {
  const spec = pod.spec!;
  const overhead = runtimeClass?.overhead?.podFixed;
  if (overhead === undefined && Object.keys(spec.overhead ?? {}).length > 0) throw rejected(pod, 'Pod Overhead set without corresponding RuntimeClass defined Overhead');
  if (overhead !== undefined && spec.overhead !== undefined && !equalJson(spec.overhead, overhead)) throw rejected(pod, "Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  if (overhead !== undefined) spec.overhead = { ...overhead };
  const { nodeSelector = {}, tolerations = [] } = runtimeClass?.scheduling ?? {};
  for (const [key, value] of Object.entries(nodeSelector)) {
    const own = spec.nodeSelector?.[key];
    if (own !== undefined && own !== value) throw rejected(pod, `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`);
    spec.nodeSelector = { ...spec.nodeSelector, [key]: value };
  }
  const more = tolerations.filter((each) => !(spec.tolerations ?? []).some((own) => equalJson(own, each)));
  if (more.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...more];
}

function rejected(pod: Pod, why: string): ApiError {
  const name = pod.metadata.name ?? pod.metadata.generateName ?? '';
  return new ApiError('Forbidden', `pods "${name}" is forbidden: pod rejected: ${why}`, { name, kind: 'pods' });
}

/** The handler of a pod; undefined is the default one. Rejects when the class is gone. */
export async function handlerOf(pod: Pod, { client, caches }: ModuleContext): Promise<string | undefined> {
  const name = pod.spec?.runtimeClassName;
  if (!name) return undefined;
  const cached = caches.of(RuntimeClass).get(name);
  try {
    return (cached ?? (await client.get(RuntimeClass, name))).handler;
  } catch (error) {
    throw isApiError(error, 'NotFound') ? new Error(`failed to get runtime handler for runtime class "${name}": RuntimeClass "${name}" not found`) : error;
  }
}
