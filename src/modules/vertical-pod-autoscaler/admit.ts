/** New pods begin with what is recommended, and with more cpu while they start where that is asked for (upstream: the admission controller of the VPA). */
import type { VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod } from '../../api/core/pod.ts';
import type { Pod as PodType, ResourceRequirements } from '../../api/generated/core-v1.ts';
import type { Admission } from '../../sdk/index.ts';
import { changesFor, MANAGED } from './apply.ts';
import { controlling, topmostController, type Candidate } from './controlling.ts';
import type { LimitBounds } from './limit-range.ts';
import { OBSERVED_CONTAINERS, observedValue } from './observed-containers.ts';
import { policyFor } from './recommend.ts';
import { BOOSTED, boosted } from './startup-boost.ts';

export interface Initial {
  /** Those that hold now in a namespace. */
  candidatesIn(namespace: string): readonly Candidate[] | Promise<readonly Candidate[]>;
  boundsIn(namespace: string): LimitBounds;
  mostBoostedCpuMillis?: number;
}

export function initialResources({ candidatesIn, boundsIn, mostBoostedCpuMillis }: Initial): Admission {
  return {
    name: 'vertical-pod-autoscaler', kinds: [Pod], operations: ['CREATE'],
    async admit({ object, namespace = '', subresource }, context) {
      if (object === undefined || subresource !== undefined) return;
      const near = (await candidatesIn(namespace)).filter(({ matcher }) => matcher.matches(object.metadata.labels));
      if (near.length === 0) return;
      const pod = object as PodType;
      const top = await topmostController({ ...pod, metadata: { ...pod.metadata, namespace } }, context).catch(() => undefined); // no pod fails for that
      const vpa = top === undefined ? undefined : controlling(pod.metadata.labels, top, near)?.vpa;
      if (vpa === undefined) return;
      const bounds = boundsIn(namespace);
      const isOff = vpa.spec.updatePolicy?.updateMode === 'Off';
      const given = new Map((isOff ? [] : changesFor(pod, vpa, bounds)).map(({ name, resources }) => [name, resources]));
      const { containers: rising, original } = boosted(pod, vpa, given, { bounds, ...(mostBoostedCpuMillis !== undefined && { mostCpuMillis: mostBoostedCpuMillis }) });
      const { containers = [] } = pod.spec ?? {};
      const updates = containers.flatMap((container, index) => {
        const more = rising.find(({ name }) => name === container.name)?.resources;
        const resources = more ?? given.get(container.name);
        if (resources === undefined) return [];
        const changed = new Set([...(given.has(container.name) ? recommendedIn(vpa, container.name) : []), ...(more === undefined ? [] : ['cpu'])]);
        container.resources = resources;
        return [`container ${index}: ${changesIn(resources, changed, vpa, container.name)}`];
      });
      pod.metadata.labels = { ...pod.metadata.labels, [MANAGED]: 'true' };
      pod.metadata.annotations = {
        [OBSERVED_CONTAINERS]: observedValue(pod), ...pod.metadata.annotations,
        ...(rising.length > 0 && { [BOOSTED]: original }), ...(updates.length > 0 && { vpaUpdates: `Pod resources updated by ${vpa.metadata.name}: ${updates.join('; ')}` }),
      };
    },
  };
}

function recommendedIn({ status }: VerticalPodAutoscaler, container: string): string[] {
  return Object.keys(status?.recommendation?.containerRecommendations?.find(({ containerName }) => containerName === container)?.target ?? {});
}

function changesIn({ limits }: ResourceRequirements, changed: ReadonlySet<string>, { spec }: VerticalPodAutoscaler, container: string): string {
  const limited = policyFor(spec.resourcePolicy?.containerPolicies ?? [], container)?.controlledValues === 'RequestsOnly' ? [] : [...changed].filter((resource) => limits?.[resource] !== undefined);
  return [...[...changed].map((resource) => `${resource} request`), ...limited.map((resource) => `${resource} limit`)].join(', ');
}
