/** New pods begin with what is recommended (upstream: the admission controller of the VPA). */
import { Pod } from '../../api/core/pod.ts';
import type { Pod as PodType } from '../../api/generated/core-v1.ts';
import type { Admission } from '../../sdk/index.ts';
import { changesFor } from './apply.ts';
import { controlling, topmostController, type Candidate } from './controlling.ts';
import type { LimitBounds } from './limit-range.ts';
import { OBSERVED_CONTAINERS, observedValue } from './observed-containers.ts';
import { policyFor } from './recommend.ts';

/** `candidatesIn` gives what holds now in a namespace; it changes with each round. */
export function initialResources(candidatesIn: (namespace: string) => readonly Candidate[], boundsIn: (namespace: string) => LimitBounds): Admission {
  return {
    name: 'vertical-pod-autoscaler', kinds: [Pod], operations: ['CREATE'],
    async admit({ object, namespace = '', subresource }, context) {
      const near = subresource === undefined && object !== undefined ? candidatesIn(namespace).filter(({ matcher }) => matcher.matches(object.metadata.labels)) : [];
      if (object === undefined || near.length === 0) return;
      const pod = object as PodType;
      const top = await topmostController({ ...pod, metadata: { ...pod.metadata, namespace } }, context);
      const vpa = top === undefined ? undefined : controlling(pod.metadata.labels, top, near)?.vpa;
      if (vpa === undefined) return;
      const { containers = [] } = pod.spec ?? {};
      const updates = changesFor(pod, vpa, boundsIn(namespace)).flatMap(({ name, resources }) => {
        const index = containers.findIndex((each) => each.name === name);
        const asked = Object.keys(vpa.status?.recommendation?.containerRecommendations?.find(({ containerName }) => containerName === name)?.target ?? {});
        const limited = policyFor(vpa.spec.resourcePolicy?.containerPolicies ?? [], name)?.controlledValues === 'RequestsOnly' ? [] : asked.filter((resource) => resources.limits?.[resource] !== undefined);
        containers[index]!.resources = resources;
        return [`container ${index}: ${[...asked.map((resource) => `${resource} request`), ...limited.map((resource) => `${resource} limit`)].join(', ')}`];
      });
      pod.metadata.annotations = {
        [OBSERVED_CONTAINERS]: observedValue(pod), ...pod.metadata.annotations, ...(updates.length > 0 && { vpaUpdates: `Pod resources updated by ${vpa.metadata.name}: ${updates.join('; ')}` }),
      };
    },
  };
}
