/** The behaviours of sig-scheduling that upstream names in conformance.yaml. */
const SERIAL = ['SchedulerPredicates [Serial]', 'SchedulerPreemption [Serial]'] as const;

export const SCHEDULING_BEHAVIOURS: readonly string[] = [
  'LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied.',
  'LimitRange should list, patch and delete a LimitRange by collection',
  ...['resource limits of pods that are allowed to run', 'that NodeSelector is respected if matching', 'that NodeSelector is respected if not matching', 'that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP']
    .map((each) => `${SERIAL[0]} validates ${each}`),
  ...['PreemptionExecutionPath runs ReplicaSets to verify preemption running path', 'PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods', 'validates basic preemption works',
    'validates lower priority pod preemption by critical pod', 'validates pod disruption condition is added to the preempted pod'].map((each) => `${SERIAL[1]} ${each}`),
];
