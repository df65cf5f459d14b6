/** Makes a kind of jobs that others run wait in queues as Jobs do, by what its entry tells of it. */
import type { ForeignObject } from '../../../api/kueue/frameworks.ts';
import type { PodSet } from '../../../api/kueue/types.ts';
import type { Container, PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import { cloneJson } from '../../../api/json.ts';
import type { Integration } from '../framework.ts';
import { topologyRequestOf } from '../pod-sets.ts';
import { merged, unmerged } from '../templates.ts';
import { at, textAt, withAt, type Path } from './fields.ts';
import type { Framework, Place } from './framework.ts';

export function integrationOf(framework: Framework): Integration<ForeignObject> {
  const { kind, suspend, priorityClass, information } = framework;
  return {
    kind, prefix: kind.kind.toLowerCase(),
    reads: framework.reads ?? [],
    isOurs: (job) => framework.isOurs?.(job) !== false,
    podSetsOf: (job, caches) => framework.placesOf(job, caches).map(podSetOf),
    priorityClassOf: (job) => (priorityClass === undefined ? undefined : textAt(job, priorityClass)),
    isSuspended: (job) => at(job, suspend) === true,
    suspended: (job) => withAt(job, suspend, true),
    isActive: framework.isActive,
    endOf: framework.endOf,
    isReady: (job, _workload, caches) => framework.isReady(job, caches),
    reclaimableOf: (job, caches) => framework.reclaimableOf?.(job, caches) ?? [],
    ...(information?.isFirst === true && { prepared: (job, _workload, infoOf, caches) => information.given(job, infoOf, caches) }),
    started(job, _workload, infoOf, caches) {
      const running = withAt(job, suspend, false);
      if (information !== undefined) return information.isFirst === true ? running : information.given(running, infoOf, caches);
      return withTemplates(running, framework.placesOf(job, caches), (template, name) => merged(template, infoOf(name)));
    },
    restored(job, workload, caches) {
      if (information !== undefined) return information.taken(job, workload);
      return withTemplates(job, framework.placesOf(job, caches), (template, name) => {
        const before = workload.spec.podSets.find((each) => each.name === name);
        return before === undefined ? template : unmerged(template, before.template);
      });
    },
  };
}

/** A number that somebody wrote for a quantity, as a custom resource keeps it, is one in words too. */
function worded({ resources, ...container }: Container): Container {
  const words = (list: Record<string, unknown> | undefined): Record<string, string> | undefined => list && Object.fromEntries(Object.entries(list).map(([name, quantity]) => [name, String(quantity)]));
  return { ...container, ...(resources !== undefined && { resources: { ...resources, requests: words(resources.requests), limits: words(resources.limits) } as Container['resources'] }) } as Container;
}

/** Of the metadata, what pods get. */
export function podSetOf({ name, count, template: { metadata, spec }, numbers }: Place): PodSet {
  const { labels, annotations } = metadata ?? {};
  const topologyRequest = topologyRequestOf(annotations, numbers);
  return { name, count, ...(topologyRequest !== undefined && { topologyRequest }), template: cloneJson({ metadata: { ...(labels && { labels }), ...(annotations && { annotations }) }, spec: spec && { ...spec, containers: (spec.containers ?? []).map(worded), initContainers: spec.initContainers?.map(worded) } }) as PodTemplateSpec };
}

function withTemplates(job: ForeignObject, places: readonly Place[], change: (template: PodTemplateSpec, name: string) => PodTemplateSpec): ForeignObject {
  const own = places.filter((each): each is Place & { path: Path } => each.path !== undefined && at(job, each.path) !== undefined);
  return own.reduce((next, { path, name }) => withAt(next, path, change(at(job, path) as PodTemplateSpec, name)), job);
}
