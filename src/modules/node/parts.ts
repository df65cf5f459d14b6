/** What the steps of the node share. */
import type { ModuleContext } from '../../sdk/module.ts';
import type { Bell } from './bell.ts';
import type { NodeCapacity } from './capacity.ts';
import type { CpuAssignment } from './cpus/assignment.ts';
import type { Drivers } from './csi/drivers.ts';
import type { CsiVolumes } from './csi/volumes.ts';
import type { PodClaims } from './claims/claims.ts';
import type { DeviceAllocation } from './devices/allocation.ts';
import type { DevicePlugins } from './devices/plugins.ts';
import type { PluginRegistry } from './plugins/registry.ts';
import type { Admissions } from './lifecycle/admit.ts';
import type { ExitWatch } from './lifecycle/exits.ts';
import type { OutOfService } from './lifecycle/out-of-service.ts';
import type { Images } from './images/ensure.ts';
import type { PullRecords } from './images/pull-records.ts';
import type { ImageStorage } from './images/storage.ts';
import type { NodePaths } from './paths.ts';
import type { PressureWatch } from './pressure/watch.ts';
import type { Handlers } from './runtime/handlers.ts';
import type { HostPorts } from './sandbox/host-ports.ts';
import type { UserNamespaces } from './userns/user-namespaces.ts';
import type { SandboxPool } from './sandbox/pool.ts';
import type { Counts } from './usage/counts.ts';
import type { PodTally } from './usage/tally.ts';

export interface NodeParts {
  context: ModuleContext;
  paths: NodePaths;
  storage: ImageStorage;
  images: Images;
  /** Which images were pulled, and with whose credentials. */
  pulled: PullRecords;
  runtime: Handlers;
  pool: SandboxPool;
  hostPorts: HostPorts;
  exits: ExitWatch;
  outOfService: OutOfService;
  hostIp: string;
  /** With that of the second family, where there is one. */
  hostIps: readonly string[];
  /** Capabilities that this machine can give to a container. */
  capabilities: readonly string[];
  openFilesLimit: number;
  /** Rung when the Node object has something new to say. */
  report: Bell;
  pressure: PressureWatch;
  capacity: NodeCapacity;
  admissions: Admissions;
  cpus: CpuAssignment;
  users: UserNamespaces;
  plugins: DevicePlugins;
  devices: DeviceAllocation;
  /** Volumes of storage drivers. */
  csi: CsiVolumes;
  csiDrivers: Drivers;
  /** Claims of devices, as drivers of dynamic resources prepare them. */
  claims: PodClaims;
  registry: PluginRegistry;
  /** Where seccomp profiles of the administrator lie. */
  seccompFolder: string;
  /** Where CDI specifications lie. */
  cdiFolders: readonly string[];
  tally: PodTally;
  /** Where the node answers by itself, beside the door; undefined: nowhere. */
  kubeletPort?: number;
  /** What the node counts of its own work. */
  counts: Counts;
  /** The longest pause between two runs of a container that fails. */
  mostRestartDelayMs: number;
  /** Threads that a pod may have; undefined: no limit. */
  podPidsLimit?: number;
}
