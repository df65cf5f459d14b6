/** The types of Kueue's kinds, as kueue.x-k8s.io/v1beta1 has them; what llmos adds is said so. */
import type { Taint, Toleration, PodTemplateSpec } from '../generated/core-v1.ts';
import type { KubeObject, LabelSelector } from '../meta.ts';

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration?: number;
}

export type StopPolicy = 'None' | 'Hold' | 'HoldAndDrain';
export type PreemptionPolicy = 'Never' | 'LowerPriority' | 'LowerOrNewerEqualPriority' | 'Any';
export interface FairSharing { weight?: string | number }

/** Quantities, as they were written. */
export interface ResourceQuota { name: string; nominalQuota: string | number; borrowingLimit?: string | number; lendingLimit?: string | number }
export interface FlavorQuotas { name: string; resources: ResourceQuota[] }
export interface ResourceGroup { coveredResources: string[]; flavors: FlavorQuotas[] }

export interface ResourceFlavor extends KubeObject {
  spec?: { nodeLabels?: Record<string, string>; nodeTaints?: Taint[]; tolerations?: Toleration[]; topologyName?: string };
}

export interface Topology extends KubeObject {
  spec?: { levels: { nodeLabel: string }[] };
}

export interface Cohort extends KubeObject {
  spec?: { parent?: string; resourceGroups?: ResourceGroup[]; fairSharing?: FairSharing };
  status?: { fairSharing?: { weightedShare: number } };
}

export interface ClusterQueue extends KubeObject {
  spec?: {
    resourceGroups?: ResourceGroup[];
    cohort?: string;
    queueingStrategy?: 'StrictFIFO' | 'BestEffortFIFO';
    namespaceSelector?: LabelSelector | null;
    flavorFungibility?: { whenCanBorrow?: string; whenCanPreempt?: string; preference?: string };
    preemption?: {
      reclaimWithinCohort?: PreemptionPolicy;
      withinClusterQueue?: PreemptionPolicy;
      borrowWithinCohort?: { policy?: 'Never' | 'LowerPriority'; maxPriorityThreshold?: number };
    };
    admissionChecks?: string[];
    admissionChecksStrategy?: { admissionChecks?: { name: string; onFlavors?: string[] }[] };
    stopPolicy?: StopPolicy;
    fairSharing?: FairSharing;
    admissionScope?: { admissionMode?: string };
    excludeResourcePrefixes?: string[];
  };
  status?: ClusterQueueStatus;
}

export interface FlavorUsage { name: string; resources: { name: string; total: string; borrowed?: string }[] }

export interface ClusterQueueStatus {
  conditions?: Condition[];
  flavorsReservation?: FlavorUsage[];
  flavorsUsage?: FlavorUsage[];
  pendingWorkloads?: number;
  reservingWorkloads?: number;
  admittedWorkloads?: number;
  fairSharing?: { weightedShare: number };
}

export interface LocalQueue extends KubeObject {
  spec?: { clusterQueue?: string; stopPolicy?: StopPolicy; fairSharing?: FairSharing };
  status?: {
    conditions?: Condition[]; pendingWorkloads?: number; reservingWorkloads?: number; admittedWorkloads?: number;
    fairSharing?: { weightedShare: number; admissionFairSharingStatus?: { consumedResources?: Record<string, string>; lastUpdate: string } };
    flavorsReservation?: FlavorUsage[]; flavorUsage?: FlavorUsage[]; flavors?: { name: string; resources?: string[]; nodeLabels?: Record<string, string>; nodeTaints?: Taint[]; topology?: { name: string; levels: string[] } }[];
  };
}

export interface WorkloadPriorityClass extends KubeObject { value: number; description?: string }

export interface AdmissionCheck extends KubeObject {
  spec?: { controllerName: string; retryDelayMinutes?: number; parameters?: { apiGroup: string; kind: string; name: string } };
  status?: { conditions?: Condition[] };
}

export interface PodSet {
  name: string;
  count: number;
  /** As few will do (partial admission). */
  minCount?: number;
  template: PodTemplateSpec;
  topologyRequest?: TopologyRequest;
}

/** Within one domain of a level, as near as can be from a level on, or anywhere that has room. */
export interface TopologyRequest {
  required?: string;
  preferred?: string;
  unconstrained?: boolean;
  /** The label by which pods are told apart, where they have numbers. */
  podIndexLabel?: string;
  /** The label of the job that a pod is of, where the set is of several jobs, and how many these are. */
  subGroupIndexLabel?: string;
  subGroupCount?: number;
  /** Sets of one group are of one flavor, and near each other as one. */
  podSetGroupName?: string;
  /** So many pods at a time within one domain of the level. */
  podSetSliceRequiredTopology?: string;
  podSetSliceSize?: number;
  /** The same for several levels, from the widest on. */
  podsetSliceRequiredTopologyConstraints?: { topology: string; size: number }[];
}

/** How many pods go to each domain; of levels that end with the node's name that one alone is told. */
export interface TopologyAssignment {
  levels: string[];
  domains: { values: string[]; count: number }[];
}

export interface PodSetAssignment {
  name: string;
  /** Of each resource. */
  flavors?: Record<string, string>;
  resourceUsage?: Record<string, string | number>;
  count?: number;
  topologyAssignment?: TopologyAssignment;
}

export interface AdmissionCheckState {
  name: string;
  state: 'Pending' | 'Ready' | 'Retry' | 'Rejected';
  lastTransitionTime: string;
  message: string;
  retryCount?: number;
  requeueAfterSeconds?: number;
  podSetUpdates?: { name: string; labels?: Record<string, string>; annotations?: Record<string, string>; nodeSelector?: Record<string, string>; tolerations?: Toleration[] }[];
}

export interface Workload extends KubeObject {
  spec: {
    podSets: PodSet[];
    queueName?: string;
    priority?: number;
    priorityClassName?: string;
    priorityClassSource?: string;
    active?: boolean;
    maximumExecutionTimeSeconds?: number;
  };
  status?: WorkloadStatus;
}

export interface WorkloadStatus {
  admission?: { clusterQueue: string; podSetAssignments: PodSetAssignment[] };
  conditions?: Condition[];
  requeueState?: { count?: number; requeueAt?: string };
  reclaimablePods?: { name: string; count: number }[];
  admissionChecks?: AdmissionCheckState[];
  resourceRequests?: { name: string; resources?: Record<string, string> }[];
  /** Of several clusters, where it may go, and where it went. */
  nominatedClusterNames?: string[];
  clusterName?: string;
  accumulatedPastExexcutionTimeSeconds?: number;
  schedulingStats?: { evictions?: { reason: string; underlyingCause: string; count: number }[] };
  /** Of llmos: what is expected of the workload, and why it waits. */
  prediction?: WorkloadPrediction;
}

export interface WorkloadPrediction {
  /** The run time to expect; of a resumable one that was stopped, what is left of it. */
  runSeconds: number;
  /** What a resumable one did before it was stopped, and kept. */
  keptSeconds?: number;
  /** `annotation`, or the predictor that has erred the least so far; `assumed` while nothing has ended that could be learned from. */
  source: string;
  /** The mean factor by which that source was wrong so far, less one, in percent: 100 is twice or half. */
  errorPercent?: number;
  /** Of a workload that waits. */
  startTime?: string;
  /** Of a workload that runs. */
  endTime?: string;
  /** The place in its queue from 1, while it waits. */
  position?: number;
  /** Some of those that go before it, the nearest last. */
  ahead?: string[];
  /** What its queue lacks for it. */
  lacks?: { flavor: string; resource: string; needed: string; available: string }[];
}
