/** Labels and annotations of JobSets, their Jobs and pods, and words of their conditions. Source: kubernetes-sigs/jobset, api/jobset/v1alpha2 and pkg/constants. */
export const GROUP = 'jobset.x-k8s.io';
export const VERSION = 'v1alpha2';
/** Who works on a JobSet whose spec.managedBy says nothing else. */
export const CONTROLLER_NAME = 'jobset.sigs.k8s.io/jobset-controller';

export const JOB_SET_NAME = 'jobset.sigs.k8s.io/jobset-name';
export const JOB_SET_UID = 'jobset.sigs.k8s.io/jobset-uid';
export const REPLICATED_JOB_NAME = 'jobset.sigs.k8s.io/replicatedjob-name';
export const REPLICATED_JOB_REPLICAS = 'jobset.sigs.k8s.io/replicatedjob-replicas';
/** How many Jobs the whole set has. */
export const GLOBAL_REPLICAS = 'jobset.sigs.k8s.io/global-replicas';
/** Among the Jobs of its replicatedJob, of the whole set, of its group. */
export const JOB_INDEX = 'jobset.sigs.k8s.io/job-index';
export const JOB_GLOBAL_INDEX = 'jobset.sigs.k8s.io/job-global-index';
export const JOB_GROUP_INDEX = 'jobset.sigs.k8s.io/job-group-index';
export const GROUP_NAME = 'jobset.sigs.k8s.io/group-name';
export const GROUP_REPLICAS = 'jobset.sigs.k8s.io/group-replicas';
/** A hash of the Job's namespace and name. */
export const JOB_KEY = 'jobset.sigs.k8s.io/job-key';
/** How often the whole set, and this Job alone, was begun anew before. */
export const RESTART_ATTEMPT = 'jobset.sigs.k8s.io/restart-attempt';
export const JOB_RESTART_ATTEMPT = 'jobset.sigs.k8s.io/job-restart-attempt';
/** `POD.SUBDOMAIN` of the coordinator. */
export const COORDINATOR = 'jobset.sigs.k8s.io/coordinator';

/** On a JobSet or the template of a replicatedJob: the label of nodes by which each Job has a domain of its own. */
export const EXCLUSIVE = 'alpha.jobset.sigs.k8s.io/exclusive-topology';
/** Beside it: nodes were labelled beforehand with the Job that each is for. */
export const NODE_SELECTOR_STRATEGY = 'alpha.jobset.sigs.k8s.io/node-selector';
export const NAMESPACED_JOB = 'alpha.jobset.sigs.k8s.io/namespaced-job';
export const NO_SCHEDULE = 'alpha.jobset.sigs.k8s.io/no-schedule';
