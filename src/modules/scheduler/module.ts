/** The scheduler: gives every pod a node. */
import { Namespace } from '../../api/core/namespace.ts';
import { Node } from '../../api/core/node.ts';
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Pod } from '../../api/core/pod.ts';
import { Service } from '../../api/core/service.ts';
import { ApiError } from '../../api/errors.ts';
import { PriorityClass } from '../../api/scheduling/priority-class.ts';
import { DeviceClass } from '../../api/resource/device-class.ts';
import { DeviceTaintRule } from '../../api/resource/device-taint-rule.ts';
import { ResourceClaim } from '../../api/resource/resource-claim.ts';
import { ResourceSlice } from '../../api/resource/resource-slice.ts';
import { CSIDriver, CSINode, CSIStorageCapacity } from '../../api/storage/csi.ts';
import { VolumeAttachment } from '../../api/storage/volume-attachment.ts';
import { StorageClass } from '../../api/storage/storage-class.ts';
import { PodDisruptionBudget } from '../../api/policy/pod-disruption-budget.ts';
import { defineModule, type ModuleContext } from '../../sdk/index.ts';
import type { Profile } from './framework/plugin.ts';
import { openDevices } from './devices/view.ts';
import { priorityAdmission, priorityClassAdmission } from './priority-admission.ts';
import { profileOptions } from './profile-config.ts';
import { checkProfile } from './profile-rules.ts';
import { createProfile, type ProfileOptions, type ProfileViews } from './profile.ts';
import type { BudgetsOf } from './plugins/default-preemption.ts';
import { runScheduler } from './run.ts';
import { openStorage } from './storage.ts';

export default defineModule({
  name: 'scheduler',
  eventSource: 'default-scheduler',
  description: "Gives every pod a node: upstream's plugins, preemption, profiles by schedulerName",
  needs: [Namespace, Node, Pod, PriorityClass, Service],
  reads: [Namespace, Node, Service, StorageClass, CSINode, CSIDriver, CSIStorageCapacity, VolumeAttachment, PodDisruptionBudget, DeviceClass, DeviceTaintRule, ResourceSlice] as never,
  writes: [Pod, PersistentVolumeClaim, PersistentVolume, ResourceClaim] as never,
  admissions: [priorityAdmission, priorityClassAdmission],
  portable: true,
  run(context) {
    const storage = openStorage(context);
    // Elsewhere the first pod with claims opens it.
    if (context.kinds.find(StorageClass.group, StorageClass.kind) !== undefined && context.kinds.find('', PersistentVolumeClaim.kind) !== undefined) storage.ready();
    const devices = openDevices(context);
    const { initialBackoffMs, maxBackoffMs } = schedulerTimes(context.config);
    return runScheduler(context, profilesOf(context.config, { storage, devices, budgetsOf: budgetsIn(context) }), { watched: [[storage, 'storage-changed'], [devices, 'devices-changed']], initialBackoffMs, maxBackoffMs });
  },
});

/** Budgets are watched from the start where they are served, since the first preemption must know of them. */
function budgetsIn({ caches, kinds }: ModuleContext): BudgetsOf {
  const isServed = (): boolean => kinds.find(PodDisruptionBudget.group, PodDisruptionBudget.kind) !== undefined;
  if (isServed()) caches.of(PodDisruptionBudget);
  return (namespace) => (isServed() ? caches.of(PodDisruptionBudget).list(namespace) : []);
}

/** Of kube-scheduler's configuration, what is settled here: how many nodes are looked at beside each other, who leads, how it is watched. */
const NOT_NEEDED = ['apiVersion', 'kind', 'parallelism', 'leaderElection', 'clientConnection', 'enableProfiling', 'enableContentionProfiling', 'healthzBindAddress', 'metricsBindAddress', 'delayCacheUntilActive'];

/** The times of `modules.scheduler`, in ms, and the percentage that holds for profiles without one. Throws BadRequest. */
export function schedulerTimes(config: Readonly<Record<string, unknown>>): { initialBackoffMs: number; maxBackoffMs: number; percentageOfNodesToScore: number } {
  const known = ['profiles', 'percentageOfNodesToScore', 'podInitialBackoffSeconds', 'podMaxBackoffSeconds', 'enabled'];
  const unknown = Object.keys(config).find((key) => !known.includes(key) && !NOT_NEEDED.includes(key));
  if (unknown !== undefined) throw new ApiError('BadRequest', `modules.scheduler.${unknown} is not known; there are ${known.join(', ')}`);
  const number = (key: string, otherwise: number, [least, most]: readonly [number, number]): number => {
    const value = config[key] ?? otherwise;
    if (typeof value !== 'number' || !(value >= least && value <= most)) throw new ApiError('BadRequest', `modules.scheduler.${key} must be a number from ${least} to ${most}, not ${JSON.stringify(value)}`);
    return value;
  };
  const initial = number('podInitialBackoffSeconds', 1, [1, 86_400]);
  return {
    initialBackoffMs: 1_000 * initial, maxBackoffMs: 1_000 * number('podMaxBackoffSeconds', Math.max(10, initial), [initial, 86_400]), percentageOfNodesToScore: number('percentageOfNodesToScore', 0, [0, 100]),
  };
}

/** `modules.scheduler.profiles`: a list of {@link ProfileOptions}, or of profiles as kube-scheduler's configuration has them; default one profile, default-scheduler. */
export function profilesOf(config: Readonly<Record<string, unknown>>, views?: ProfileViews): Profile[] {
  const { profiles = [{}] } = config;
  if (!Array.isArray(profiles) || profiles.length === 0 || profiles.some((each) => typeof each !== 'object' || each === null)) {
    throw new ApiError('BadRequest', "modules.scheduler.profiles must be a list of profiles, for instance [{ schedulerName: 'packing', scoring: { type: 'MostAllocated' } }]");
  }
  const { percentageOfNodesToScore } = schedulerTimes(config);
  const made = (profiles as ProfileOptions[]).map((each) => {
    const options = profileOptions({ percentageOfNodesToScore, ...each });
    checkProfile(options);
    return createProfile(options, views);
  });
  const names = new Set(made.map((each) => each.schedulerName));
  if (names.size < made.length) throw new ApiError('BadRequest', 'modules.scheduler.profiles: each schedulerName may stand there once');
  return made;
}
