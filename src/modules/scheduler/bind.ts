/** What a decision becomes: a binding, or a condition, an event and, where it helps, victims that make room. */
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import { apiVersionOf, type Json, type KubeObject } from '../../api/meta.ts';
import { rfc3339 } from '../../base/clock.ts';
import { podCondition } from '../../api/pod-readiness.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import type { Decision } from './framework/cycle.ts';
import type { NodeInfo } from './framework/node-info.ts';
import type { PodInfo } from './framework/pod-info.ts';

type Tools = Pick<ModuleContext, 'client' | 'events' | 'clock' | 'log'>;

/** Rejects when the pod could not be bound. */
export async function bind({ client, events }: Tools, info: PodInfo, node: NodeInfo): Promise<void> {
  const { name, namespace } = info;
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid: info.pod.metadata.uid }, target: { apiVersion: apiVersionOf(Node.group, Node.version), kind: Node.kind, name: node.name } };
  await client.createSubresource(Pod, { namespace, name }, 'binding', binding as KubeObject);
  events.event(info.pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node.name}`);
}

/** Says on the pod why it waits; a pod that is gone meanwhile needs to know nothing. */
export async function explain(tools: Tools, info: PodInfo, decision: Decision): Promise<void> {
  const { client, events, log } = tools;
  events.event(info.pod, 'Warning', 'FailedScheduling', decision.message);
  try {
    if (decision.nominated !== undefined) await preempt(tools, info, decision.nominated);
    const status = waitingStatus(tools, info, decision);
    if (status !== undefined) await patchStatus(client, info, status);
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) log.warn('a pod could not be told why it waits', { pod: `${info.namespace}/${info.name}`, error });
  }
}

/** Tells those who look for room, as an autoscaler does, where a pod will be whose volumes or devices are being made ready. Source: upstream, NominatedNodeNameForExpectation. */
export async function expect({ client, log }: Tools, info: PodInfo, nodeName: string): Promise<void> {
  if (info.pod.status?.nominatedNodeName === nodeName) return;
  try {
    await patchStatus(client, info, { nominatedNodeName: nodeName });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) log.warn('where a pod will be could not be told', { pod: `${info.namespace}/${info.name}`, error });
  }
}

/** Says on the pod that it was to be bound, and why it is not. `wasExpected`: it said already where it would be. */
export async function explainError(tools: Tools, info: PodInfo, error: unknown, { wasExpected }: { wasExpected: boolean }): Promise<void> {
  const { client, clock, events, log } = tools;
  const message = error instanceof Error ? error.message : String(error);
  events.event(info.pod, 'Warning', 'FailedScheduling', message);
  const current = podCondition(info.pod, 'PodScheduled');
  const lastTransitionTime = (current?.status === 'False' ? current.lastTransitionTime : undefined) ?? rfc3339(clock.nowMs());
  const losesNode = wasExpected || info.pod.status?.nominatedNodeName !== undefined;
  const status = { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulerError', message, lastTransitionTime }], ...(losesNode && { nominatedNodeName: null }) };
  try {
    await patchStatus(client, info, status);
  } catch (failure) {
    if (!isApiError(failure, 'NotFound', 'Conflict')) log.warn('a pod could not be told why it is not bound', { pod: `${info.namespace}/${info.name}`, error: failure });
  }
}

/** It is nominated to its node no longer. */
export async function takeNomination({ client, log }: Tools, info: PodInfo): Promise<void> {
  try {
    await patchStatus(client, info, { nominatedNodeName: null });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) log.warn('a nomination could not be taken back', { pod: `${info.namespace}/${info.name}`, error });
  }
}

/** Rejects with Conflict where another pod has the name by now, as one of a StatefulSet: what is said is not of that. */
async function patchStatus(client: Tools['client'], { name, namespace, pod }: PodInfo, status: { [field: string]: Json }): Promise<void> {
  await client.patch(Pod, name, { type: 'strategic', body: { metadata: { uid: pod.metadata.uid ?? null }, status } }, { subresource: 'status', namespace });
}

interface WaitingStatus {
  [field: string]: string | null | { [field: string]: string }[];
}

/** Undefined when the pod says so already. */
function waitingStatus({ clock }: Tools, { pod }: PodInfo, { message, nominated, losesNomination }: Decision): WaitingStatus | undefined {
  const current = podCondition(pod, 'PodScheduled');
  const isSaid = current?.status === 'False' && current.reason === 'Unschedulable' && current.message === message;
  const nominee = nominated?.node.name ?? (losesNomination ? undefined : pod.status?.nominatedNodeName);
  if (isSaid && nominee === pod.status?.nominatedNodeName) return undefined;
  const lastTransitionTime = (current?.status === 'False' ? current.lastTransitionTime : undefined) ?? rfc3339(clock.nowMs());
  const status: WaitingStatus = { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime }] };
  if (nominee !== pod.status?.nominatedNodeName) status['nominatedNodeName'] = nominee ?? null;
  return status;
}

async function preempt({ client, events, clock, log }: Tools, info: PodInfo, { node, victims }: NonNullable<Decision['nominated']>): Promise<void> {
  for (const victim of victims) {
    const { name, namespace } = victim;
    const target = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler', message: `${info.pod.spec?.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`, lastTransitionTime: rfc3339(clock.nowMs()) };
    try {
      await patchStatus(client, victim, { conditions: [target] });
      await client.delete(Pod, name, { namespace, preconditions: { uid: victim.pod.metadata.uid } });
      events.event(victim.pod, 'Normal', 'Preempted', `Preempted by pod ${info.uid} on node ${node.name}`);
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) log.warn('a pod of lower priority could not be removed', { pod: `${namespace}/${name}`, error });
    }
  }
}
