/** The conditions that the node writes (core/v1 PodConditionType); those of others are kept. */
import { rfc3339 } from '../../../base/clock.ts';
import type { Pod, PodCondition } from '../../../api/generated/core-v1.ts';
import type { ContainerView, PodView } from './view.ts';

type Judgement = { type: string; status: 'True' | 'False'; reason?: string; message?: string };
const OWN = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'DisruptionTarget', 'PodResizePending', 'PodResizeInProgress', 'AllContainersRestarting'];

export function podConditions(pod: Pod, view: PodView, phase: string): PodCondition[] {
  const before = pod.status?.conditions ?? [];
  const initialized = initializedJudgement(view, phase);
  const containersReady = containersReadyJudgement(view, phase);
  const ready = readyJudgement(pod, containersReady);
  const judged: Judgement[] = [{ type: 'PodReadyToStartContainers', status: view.sandboxReady ? 'True' : 'False' }, initialized, ready, containersReady, ...resizeJudgements(view), ...restartJudgements(pod, view, phase), ...disruptionJudgements(view)];
  const kept = before.filter((each) => !judged.some(({ type }) => type === each.type) && (!OWN.includes(each.type) || each.type === 'DisruptionTarget'));
  const scheduled: PodCondition[] = kept.some((each) => each.type === 'PodScheduled') ? [] : [stamp({ type: 'PodScheduled', status: 'True' }, before, view.nowMs)];
  return [...judged.map((each) => stamp(each, before, view.nowMs, pod.metadata.generation)), ...scheduled, ...kept];
}

function stamp(judgement: Judgement, before: readonly PodCondition[], nowMs: number, generation?: number): PodCondition {
  const old = before.find((each) => each.type === judgement.type);
  const lastTransitionTime = old?.status === judgement.status && old.lastTransitionTime ? old.lastTransitionTime : rfc3339(nowMs);
  const condition: PodCondition = { type: judgement.type, status: judgement.status, lastTransitionTime };
  if (generation !== undefined) condition.observedGeneration = generation;
  if (judgement.reason !== undefined) condition.reason = judgement.reason;
  if (judgement.message !== undefined) condition.message = judgement.message;
  return condition;
}

/** What has begun stays so, though a sidecar may begin again (upstream: GeneratePodInitializedCondition). */
function initializedJudgement(view: PodView, phase: string): Judgement {
  if (phase === 'Succeeded') return { type: 'Initialized', status: 'True', reason: 'PodCompleted' };
  if (view.containers.some(hasBegun)) return { type: 'Initialized', status: 'True' };
  const missing = view.containers.filter((each) => (each.role === 'init' && each.state.terminated?.exitCode !== 0) || (each.role === 'sidecar' && !each.started));
  return missing.length === 0 ? { type: 'Initialized', status: 'True' }
    : { type: 'Initialized', status: 'False', reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${missing.map((each) => each.name).join(' ')}]` };
}

function hasBegun({ role, state, lastState }: ContainerView): boolean {
  return role === 'app' && (state.running !== undefined || state.terminated !== undefined || (lastState?.terminated !== undefined && state.waiting?.reason !== 'PodInitializing'));
}

function containersReadyJudgement(view: PodView, phase: string): Judgement {
  const type = 'ContainersReady';
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const unready = view.containers.filter((each) => (each.role === 'app' || each.role === 'sidecar') && !each.ready);
  return unready.length === 0 ? { type, status: 'True' }
    : { type, status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${unready.map((each) => each.name).join(' ')}]` };
}

function readyJudgement(pod: Pod, containersReady: Judgement): Judgement {
  if (containersReady.status === 'False') return { ...containersReady, type: 'Ready' };
  const conditions = pod.status?.conditions ?? [];
  const shut = (pod.spec?.readinessGates ?? []).filter((gate) => conditions.find((each) => each.type === gate.conditionType)?.status !== 'True');
  if (shut.length === 0) return { type: 'Ready', status: 'True' };
  const messages = shut.map((gate) => (conditions.some((each) => each.type === gate.conditionType)
    ? `the status of pod readiness gate "${gate.conditionType}" is not "True", but ${conditions.find((each) => each.type === gate.conditionType)!.status}`
    : `corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`));
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
}

/** Of the node's own making; those of others are kept. */
function disruptionJudgements({ failed }: PodView): Judgement[] {
  return failed?.disruption === undefined ? [] : [{ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message: failed.disruption }];
}

/** Of pods that a rule may make begin again as a whole. */
function restartJudgements({ spec }: Pod, { restartingAll }: PodView, phase: string): Judgement[] {
  const may = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ restartPolicyRules = [] }) => restartPolicyRules.some(({ action }) => action === 'RestartAllContainers'));
  if (!may) return [];
  const type = 'AllContainersRestarting';
  if (phase === 'Succeeded' || phase === 'Failed') return [{ type, status: 'False', reason: phase === 'Failed' ? 'PodFailed' : 'PodCompleted' }];
  return [restartingAll === true ? { type, status: 'True', reason: 'RestartAllContainersStarted', message: 'a container ended by whose rule all begin again' } : { type, status: 'False' }];
}

/** They are there only as long as they are true. */
function resizeJudgements({ resize }: PodView): Judgement[] {
  return [
    ...(resize?.pending === undefined ? [] : [{ type: 'PodResizePending', status: 'True' as const, ...resize.pending }]),
    ...(resize?.inProgress === undefined ? [] : [{ type: 'PodResizeInProgress', status: 'True' as const, ...resize.inProgress }]),
  ];
}
