/**
 * Who set the replicas of a target to none: an autoscaler wakes only what it sent to sleep itself, so that who scales by hand to none pauses it, whatever its least is
 * (upstream: KEP-2021, the condition ScaledToZero). Pure.
 */
import type { HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus } from '../../api/generated/autoscaling-v2.ts';
import type { Conditions } from './conditions.ts';

const CONDITION = 'ScaledToZero';

/** A metric that tells something while there are no pods. */
function isSeenFromZero({ metrics = [] }: HorizontalPodAutoscalerSpec): boolean {
  return metrics.some(({ type }) => type === 'Object' || type === 'External');
}

/** Whether a target without replicas may be looked at: it was sent to sleep, and there is something to wake it by, or a least that was raised since. */
export function mayWake(spec: HorizontalPodAutoscalerSpec, status: HorizontalPodAutoscalerStatus | undefined): boolean {
  return wasSentToSleep(status) && ((spec.minReplicas ?? 1) !== 0 || isSeenFromZero(spec));
}

function wasSentToSleep({ conditions = [], desiredReplicas, lastScaleTime }: Partial<HorizontalPodAutoscalerStatus> = {}): boolean {
  const said = conditions.find(({ type }) => type === CONDITION);
  if (said !== undefined) return said.status === 'True';
  // One that was sent to sleep before there was the condition.
  return desiredReplicas === 0 && lastScaleTime !== undefined && !conditions.some(({ reason }) => reason === 'ScalingDisabled');
}

/** Whether this change of the scale is one that is undone when a metric says so. */
export function fallsAsleep(spec: HorizontalPodAutoscalerSpec, { from, to }: { from: number; to: number }): boolean {
  return from > 0 && to === 0 && spec.minReplicas === 0 && isSeenFromZero(spec);
}

/** With each change of the scale. */
export function noteScaled(spec: HorizontalPodAutoscalerSpec, change: { from: number; to: number }, conditions: Conditions): void {
  if (fallsAsleep(spec, change)) conditions.set(CONDITION, 'True', 'ScaledToZero', 'the HPA controller scaled the workload to zero');
  else notAsleep(conditions);
}

/** Of a target that has replicas: whoever woke it, what sent it to sleep is over, and the next one to set it to none may be a person. */
export function noteAwake(status: HorizontalPodAutoscalerStatus | undefined, conditions: Conditions): void {
  if (wasSentToSleep(status)) notAsleep(conditions);
}

const notAsleep = (conditions: Conditions): void => conditions.set(CONDITION, 'False', 'NotScaledToZero', 'the HPA controller did not scale the workload to zero');
