/** New pods begin with what is recommended (upstream: the admission controller of the VPA). */
import type { VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod } from '../../api/core/pod.ts';
import type { Pod as PodType } from '../../api/generated/core-v1.ts';
import type { LabelMatcher } from '../../api/selector.ts';
import type { Admission } from '../../sdk/index.ts';
import { changesFor } from './apply.ts';
import type { LimitBounds } from './limit-range.ts';

export interface Initial {
  namespace: string;
  matcher: LabelMatcher;
  vpa: VerticalPodAutoscaler;
}

/** `initial` is what holds now; it changes with each round. */
export function initialResources(initial: readonly Initial[], boundsIn: (namespace: string) => LimitBounds): Admission {
  return {
    name: 'vertical-pod-autoscaler', kinds: [Pod], operations: ['CREATE'],
    admit({ object, namespace, subresource }) {
      const found = subresource === undefined && object !== undefined ? initial.find((each) => each.namespace === namespace && each.matcher.matches(object.metadata.labels)) : undefined;
      if (found === undefined) return;
      const pod = object as PodType;
      const changes = changesFor(pod, found.vpa, boundsIn(found.namespace));
      for (const { name, resources } of changes) pod.spec!.containers.find((each) => each.name === name)!.resources = resources;
      if (changes.length > 0) pod.metadata.annotations = { ...pod.metadata.annotations, vpaUpdates: `Pod resources updated by ${found.vpa.metadata.name}: ${changes.map(({ name }) => `container ${name}`).join(', ')}` };
    },
  };
}
