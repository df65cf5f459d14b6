/** What the status of a pod is made from: one view a container, and the facts of the pod. */
import type { ContainerState, ContainerStatus, LinuxContainerUser, ResourceRequirements } from '../../../api/generated/core-v1.ts';

export type ContainerRole = 'init' | 'sidecar' | 'app' | 'ephemeral';

export interface ContainerView {
  name: string;
  role: ContainerRole;
  image: string;
  imageId: string;
  containerId?: string;
  /** Its processes are there, whatever its state says: before its hook has ended, it waits. */
  alive?: boolean;
  restartCount: number;
  state: ContainerState;
  lastState?: ContainerState;
  ready: boolean;
  started: boolean;
  /** Whether it starts again, now that it has ended; by the policy of the pod when absent. */
  restarts?: boolean;
  /** Who its first process began as. */
  user?: LinuxContainerUser;
  /** Where the pod names one. */
  stopSignal?: ContainerStatus['stopSignal'];
  /** Absent for ephemeral containers. */
  resources?: ResourceRequirements;
  allocatedResources?: Record<string, string>;
  /** Of devices that it has of a plugin. */
  allocatedResourcesStatus?: ContainerStatus['allocatedResourcesStatus'];
}

export interface PodView {
  containers: readonly ContainerView[];
  /** Whether the sandbox has its network. */
  sandboxReady: boolean;
  podIps: readonly string[];
  hostIp: string;
  /** With that of the second family; default the former alone. */
  hostIps?: readonly string[];
  startTimeMs: number;
  nowMs: number;
  /** Set when the node ended the pod itself (DeadlineExceeded, Evicted), or never took it: then nothing is said of its containers (upstream: rejectPod). `disruption` is the message of its DisruptionTarget. */
  failed?: { reason: string; message: string; disruption?: string; rejected?: boolean };
  /** It was deleted and nothing of it runs any more: nothing will start again. */
  over?: boolean;
  /** Containers end because all of them begin again. */
  restartingAll?: boolean;
  /** Of the pod as a whole, where its spec says so: in force, and granted. */
  whole?: { allocated: ResourceRequirements; actual: ResourceRequirements };
  /** A resize that waits or goes on. */
  resize?: { pending?: { reason: string; message: string }; inProgress?: { reason?: string; message?: string } };
}
