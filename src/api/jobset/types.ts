/** The types of jobset.x-k8s.io/v1alpha2. */
import type { JobTemplateSpec } from '../generated/batch-v1.ts';
import type { PersistentVolumeClaim } from '../generated/core-v1.ts';
import type { KubeObject } from '../meta.ts';

export interface ReplicatedJob {
  name: string;
  /** Default `default`. */
  groupName?: string;
  template: JobTemplateSpec;
  /** How many Jobs; default 1. */
  replicas?: number;
  /** It is made when these are as far. */
  dependsOn?: { name: string; status: 'Ready' | 'Complete' }[];
}

export type FailurePolicyAction = 'FailJobSet' | 'RestartJobSet' | 'RestartJobSetAndIgnoreMaxRestarts' | 'RestartJob' | 'RestartJobAndIgnoreMaxRestarts';

export interface FailurePolicyRule {
  name: string;
  action: FailurePolicyAction;
  /** Of the condition Failed of a Job; none: any. */
  onJobFailureReasons?: string[];
  /** Regular expressions (RE2), any part of the message; none: any message. */
  onJobFailureMessagePatterns?: string[];
  targetReplicatedJobs?: string[];
}

export interface FailurePolicy {
  /** Default 0. */
  maxRestarts?: number;
  /** BlockingRecreate: no Job is made anew before all of the old ones are gone. Default Recreate. */
  restartStrategy?: 'Recreate' | 'BlockingRecreate';
  /** The first that holds for a failed Job decides; without one RestartJobSet. */
  rules?: FailurePolicyRule[];
}

export interface VolumeClaimPolicy {
  templates?: PersistentVolumeClaim[];
  retentionPolicy?: { whenDeleted?: 'Delete' | 'Retain' };
}

export interface JobSetSpec {
  replicatedJobs?: ReplicatedJob[];
  network?: { enableDNSHostnames?: boolean; subdomain?: string; publishNotReadyAddresses?: boolean };
  successPolicy?: { operator: 'All' | 'Any'; targetReplicatedJobs?: string[] };
  failurePolicy?: FailurePolicy;
  startupPolicy?: { startupPolicyOrder: 'AnyOrder' | 'InOrder' };
  suspend?: boolean;
  coordinator?: { replicatedJob: string; jobIndex?: number; podIndex?: number };
  managedBy?: string;
  ttlSecondsAfterFinished?: number;
  volumeClaimPolicies?: VolumeClaimPolicy[];
}

export interface JobSetCondition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime: string;
}

/** How many Jobs are ready, and so on; and how often each was begun anew by itself, by its index. */
export interface ReplicatedJobStatus {
  name: string;
  ready: number;
  succeeded: number;
  failed: number;
  active: number;
  suspended: number;
  jobRestarts?: number[];
  jobRestartsCountTowardsMax?: number[];
}

export interface JobSetStatus {
  conditions?: JobSetCondition[];
  /** How often all of it was begun anew. */
  restarts?: number;
  restartsCountTowardsMax?: number;
  terminalState?: string;
  replicatedJobsStatus?: ReplicatedJobStatus[];
}

export interface JobSet extends KubeObject {
  spec?: JobSetSpec;
  status?: JobSetStatus;
}
