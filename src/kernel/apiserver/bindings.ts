/** POST bindings: the older form of pods/NAME/binding, with the pod named in the body (upstream: registry/core/pod, LegacyBindingREST). */
import { isJsonObject } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Door } from './door.ts';
import { badRequest, resourceUnknown } from './errors.ts';
import { runAction, success } from './resources/action.ts';
import type { VirtualResource } from './virtual.ts';

export function legacyBindings(door: Door): VirtualResource {
  return {
    group: '', version: 'v1', kind: 'Binding', plural: 'bindings', namespaced: true,
    async create(body, { namespace, context }) {
      const pods = door.kinds.lookup('', 'v1', 'pods');
      if (pods === undefined || namespace === undefined) throw resourceUnknown();
      const name = isJsonObject(body.metadata) ? body.metadata.name : undefined;
      if (typeof name !== 'string' || name === '') throw badRequest('metadata.name must say which pod is bound');
      await runAction(door, pods, { namespace, name, action: 'binding', verb: 'create', resource: 'bindings', body: () => body }, context);
      return success(undefined, 201) as unknown as KubeObject;
    },
  };
}
