/** Labels, annotations, gates and words of Kueue (pkg/controller/constants), and what llmos adds to them. */
export const QUEUE_NAME = 'kueue.x-k8s.io/queue-name';
export const PRIORITY_CLASS = 'kueue.x-k8s.io/priority-class';
/** On a Job: the name of a Workload that was made for it beforehand. */
export const PREBUILT = 'kueue.x-k8s.io/prebuilt-workload-name';
export const JOB_UID = 'kueue.x-k8s.io/job-uid';
export const MAX_EXEC_TIME = 'kueue.x-k8s.io/max-exec-time-seconds';
export const MIN_PARALLELISM = 'kueue.x-k8s.io/job-min-parallelism';
export const COMPLETIONS_EQUAL_PARALLELISM = 'kueue.x-k8s.io/job-completions-equal-parallelism';
/** On pods. */
export const MANAGED = 'kueue.x-k8s.io/managed';
export const ADMISSION_GATE = 'kueue.x-k8s.io/admission';
export const POD_GROUP = 'kueue.x-k8s.io/pod-group-name';
export const POD_GROUP_TOTAL = 'kueue.x-k8s.io/pod-group-total-count';
/** `true`: the first pod of the group speaks for all of it, so that the others may be made later. */
export const FAST_ADMISSION = 'kueue.x-k8s.io/pod-group-fast-admission';
/** `true`: the group serves; that its pods end is no end of it. */
export const SERVING = 'kueue.x-k8s.io/pod-group-serving';
/** On pods whose parent is in a queue as a whole: the kind of that. */
export const SUSPENDING_PARENT = 'kueue.x-k8s.io/pod-suspending-parent';
/** On pods of a group: the name of the set that they are of, where their spec does not tell. */
export const ROLE_HASH = 'kueue.x-k8s.io/role-hash';
export const RETRIABLE_IN_GROUP = 'kueue.x-k8s.io/retriable-in-group';
export const IS_GROUP_WORKLOAD = 'kueue.x-k8s.io/is-group-workload';
/** The LocalQueue of Jobs that name none, where their namespace has one of this name. */
export const DEFAULT_QUEUE = 'default';
/** Of pod templates: the level of a topology within which all pods must be. */
export const REQUIRED_TOPOLOGY = 'kueue.x-k8s.io/podset-required-topology';
/** The level from which on, upwards, they are to be as near as can be. */
export const PREFERRED_TOPOLOGY = 'kueue.x-k8s.io/podset-preferred-topology';
/** `true`: they may be anywhere that has room. */
export const UNCONSTRAINED_TOPOLOGY = 'kueue.x-k8s.io/podset-unconstrained-topology';
/** So many pods of a set at a time (a slice) within one domain of the level. */
export const SLICE_TOPOLOGY = 'kueue.x-k8s.io/podset-slice-required-topology';
export const SLICE_SIZE = 'kueue.x-k8s.io/podset-slice-size';
/** The same for up to three levels, from the widest on, as JSON: `[{"topology": LEVEL, "size": PODS}]`. Each size is a part of the one before. */
export const SLICE_LAYERS = 'kueue.x-k8s.io/podset-slice-required-topology-constraints';
/** Of two templates of a job, of which one is of a single pod: they are of one flavor and near each other as one set. */
export const POD_SET_GROUP = 'kueue.x-k8s.io/podset-group-name';
/** A gate: until it is known to which domain of the topology the pod goes. */
export const TOPOLOGY_GATE = 'kueue.x-k8s.io/topology';
/** A label of pods that go to domains of a topology, so that they are not counted twice. */
export const TOPOLOGY_LABEL = 'kueue.x-k8s.io/tas';
/** On pods that were let go: the queues that did it, the set of pods that they are of, and (an annotation) their Workload. */
export const CLUSTER_QUEUE_LABEL = 'kueue.x-k8s.io/cluster-queue-name';
export const LOCAL_QUEUE_LABEL = 'kueue.x-k8s.io/local-queue-name';
export const POD_SET_LABEL = 'kueue.x-k8s.io/podset';
export const WORKLOAD_ANNOTATION = 'kueue.x-k8s.io/workload';
/** A finalizer: of ClusterQueues and ResourceFlavors that are kept until nobody uses them. */
export const RESOURCE_IN_USE = 'kueue.x-k8s.io/resource-in-use';
/** On a Job (`true`), a gate of its pods, and on its Workloads: it may be scaled while it runs. */
export const ELASTIC = 'kueue.x-k8s.io/elastic-job';
/** On a Workload of an elastic job: the key of the one in whose place it will be, and the name of the first of them. */
export const SLICE_REPLACES = 'kueue.x-k8s.io/workload-slice-replacement-for';
export const SLICE_NAME = 'kueue.x-k8s.io/workload-slice-name';
/** On a job: names, with commas between, of those that must take theirs off before it may be let in. */
export const ADMISSION_GATED_BY = 'kueue.x-k8s.io/admission-gated-by';
/** Annotations of jobs that begin so are parameters of what a cluster autoscaler is asked for. */
export const PARAMETER_PREFIX = 'provreq.kueue.x-k8s.io/';
/** The name of the only pod set where there is but one. */
export const MAIN = 'main';

/** Of llmos, on a ClusterQueue: FIFO, BestEffortFIFO, ShortestJobFirst, Priority, FairShare. Without it spec.queueingStrategy holds. */
export const POLICY = 'queue.llmos.dev/policy';
/** On a ClusterQueue: `EASY`, `None` or `BestEffort`. */
export const BACKFILL = 'queue.llmos.dev/backfill';
/** On a ClusterQueue: how long, for instance `300s`, a workload may take until all of its pods are ready. */
export const PODS_READY_TIMEOUT = 'queue.llmos.dev/pods-ready-timeout';
/** On a ClusterQueue: how often one workload may be preempted; default 3. */
export const MOST_PREEMPTIONS = 'queue.llmos.dev/most-preemptions';
/** On a ClusterQueue under Priority: how long waiting is worth one point, for instance `1h`; `never`. */
export const AGEING = 'queue.llmos.dev/ageing';
/** On a ClusterQueue under FairShare: `namespace`, `localqueue`, or `label:KEY`. */
export const TENANT = 'queue.llmos.dev/tenant';
/** On a ClusterQueue under FairShare: `team-a=2,team-b=1`. */
export const WEIGHTS = 'queue.llmos.dev/weights';
/** On a ClusterQueue under ShortestJobFirst or FairShare: `true` lets it try jobs of unknown length for a minute and begin them anew later. */
export const TRIALS = 'queue.llmos.dev/trials';
/** On a ClusterQueue under ShortestJobFirst: `true` lets running jobs that are resumable give their places to much shorter ones, and to those that have waited for too long; `unbounded`: to shorter ones only. */
export const YIELDING = 'queue.llmos.dev/yielding';
/**
 * On a Job or its template: stopped, it goes on where it was, since it keeps its own checkpoints. `true`: it makes one when it is told to end; a span of time such as
 * `10m`: so often, and what it did since the last one is lost.
 */
export const RESUMABLE = 'queue.llmos.dev/resumable';
/** On a Job, pod or its template: the run time to expect, for instance `90s`, `2h`. */
export const EXPECTED_RUN_TIME = 'queue.llmos.dev/expected-run-time';
/** On a Workload: when it was first seen, RFC 3339 in microseconds, which tells apart what was submitted within one second. */
export const SUBMITTED_AT = 'queue.llmos.dev/submitted-at';

export const POLICY_NAMES = ['FIFO', 'BestEffortFIFO', 'ShortestJobFirst', 'Priority', 'FairShare'] as const;
