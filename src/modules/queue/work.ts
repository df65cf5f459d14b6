/** The module at work, from the first queue on. */
import { StatefulSet } from '../../api/apps/stateful-set.ts';
import { Job } from '../../api/batch/job.ts';
import { Pod } from '../../api/core/pod.ts';
import { JobSet } from '../../api/jobset/job-set.ts';
import { PriorityClass } from '../../api/scheduling/priority-class.ts';
import { ProvisioningRequest } from '../../api/kueue/frameworks.ts';
import { WorkloadPriorityClass } from '../../api/kueue/local-queue.ts';
import { Topology } from '../../api/kueue/topology.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { untilAborted } from '../../base/aborted.ts';
import type { Cache, Controller, ModuleContext } from '../../sdk/index.ts';
import { runController } from '../../sdk/run-controller.ts';
import { admissionCheckStatus } from './check-status.ts';
import { queueConfiguration } from './configuration.ts';
import { elasticPods } from './elastic-pods.ts';
import { createEngine } from './engine.ts';
import { createFrameworks, isServed, type Frameworks } from './frameworks/served.ts';
import { flavorInUse, topologyInUse } from './in-use.ts';
import { jobControllerOf } from './framework.ts';
import { jobSets } from './job-sets.ts';
import { jobs } from './jobs.ts';
import { workloadLife } from './life.ts';
import { createMetrics } from './metrics.ts';
import { createOrder, queueNameOf, type Order } from './owner.ts';
import { isManaged, podController } from './pods.ts';
import { workloadPriorities } from './priority-classes.ts';
import { CONTROLLER as PROVISIONING_CONTROLLER } from './provisioning/requests.ts';
import { clusterQueueStatus, cohortStatus, localQueueStatus } from './queue-status.ts';
import { servedOf } from './reckon.ts';
import { statefulSetPods } from './stateful-sets.ts';
import { workloadRetention } from './retention.ts';
import { topologyPods } from './topology-pods.ts';
import { VIEWED } from './view.ts';
import { visibilityRoutes } from './visibility.ts';

const LATE_MS = 10_000;

const servesJobSets = ({ kinds }: ModuleContext): boolean => kinds.find(JobSet.group, JobSet.kind) !== undefined;

const servesStatefulSets = ({ kinds }: ModuleContext): boolean => kinds.find(StatefulSet.group, StatefulSet.kind) !== undefined;

/** Settles when the signal has aborted and everything has ended. */
export async function work(context: ModuleContext): Promise<void> {
  const { caches, signal, clock } = context;
  const configuration = queueConfiguration(context.config);
  const kinds = [...VIEWED, ...servedOf(context.kinds), ...(servesJobSets(context) ? [JobSet] : []), Job, Pod, PriorityClass, WorkloadPriorityClass] as readonly Kind[];
  // A kind that nobody serves, or that may not be listed, would be waited for in silence for ever.
  const unread = new Set(kinds);
  const late = setTimeout(() => context.log.warn('no queue works until these can be read: are they served, and may they be listed and watched?', { kinds: [...unread].map(({ plural, group }) => `${plural}.${group}`).join(', ') }), LATE_MS);
  await untilAborted(Promise.all(kinds.map((kind) => caches.of(kind).ready().then(() => unread.delete(kind)))), signal);
  clearTimeout(late);
  if (signal.aborted) return;
  const order = createOrder(() => clock.nowMs());
  const stops = [
    follow(caches.of(Job), order),
    caches.of(Pod).subscribe(({ type, object }) => {
      if (type === 'added' && isManaged(object)) order.of(object);
      if (type === 'deleted') order.forget(object);
    }),
  ];
  const metrics = createMetrics(caches);
  stops.push(metrics.stop, context.metrics?.(metrics.text) ?? (() => undefined));
  order.follow();
  const engine = createEngine(context, configuration);
  const hasTopologies = context.kinds.find(Topology.group, Topology.kind) !== undefined;
  const frameworks = createFrameworks(context, order);
  const controllers = [jobControllerOf(jobs, order, frameworks.isPart), podController(order), ...(servesStatefulSets(context) ? [statefulSetPods] : []), topologyPods, elasticPods, workloadPriorities, workloadLife(configuration.waitForPodsReady), clusterQueueStatus(engine.shareOf, { hasTopologies }), cohortStatus(engine.shareOf), localQueueStatus(configuration.useSharing), admissionCheckStatus((name) => name === PROVISIONING_CONTROLLER && isServed(context.kinds, ProvisioningRequest)), flavorInUse, ...(hasTopologies ? [topologyInUse] : []), ...(configuration.retention === undefined ? [] : [workloadRetention(configuration.retention)])] as unknown as readonly Controller[];
  stops.push(...visibilityRoutes(context, engine.pendingIn).map((route) => context.route(route)));
  await Promise.all([engine.run(), ...controllers.map((each) => runController(each, context)), queuedJobSets(context, order, frameworks), frameworks.run()]);
  for (const stop of stops) stop();
}

/** JobSets are read only where they are served, which may be later. */
async function queuedJobSets(context: ModuleContext, order: Order, { isPart }: Frameworks): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = (): void => void ((servesJobSets(context) || context.signal.aborted) && resolve());
  const stop = context.kinds.subscribe(look);
  context.signal.addEventListener('abort', look, { once: true });
  look();
  await promise;
  stop();
  if (context.signal.aborted) return;
  const unfollow = follow(context.caches.of(JobSet), order);
  await runController(jobControllerOf(jobSets, order, isPart), context);
  unfollow();
}

function follow<T extends KubeObject>(cache: Cache<T>, order: Order): () => void {
  return cache.subscribe(({ type, object }) => {
    if (type === 'added' && queueNameOf(object) !== undefined) order.of(object);
    if (type === 'deleted') order.forget(object);
  });
}
