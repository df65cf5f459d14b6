/** Local storage: claims get folders of this machine, when the first pod wants them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Node } from '../../api/core/node.ts';
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import { CSIDriver, CSINode, CSIStorageCapacity } from '../../api/storage/csi.ts';
import { VolumeAttachment } from '../../api/storage/volume-attachment.ts';
import { IS_DEFAULT_SNAPSHOT_CLASS, VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent } from '../../api/storage/volume-snapshot.ts';
import { VolumeAttributesClass } from '../../api/storage/volume-attributes-class.ts';
import { IS_DEFAULT, StorageClass } from '../../api/storage/storage-class.ts';
import type { Caches } from '../../sdk/cache.ts';
import { defineModule, type MachineFacts, type ModuleContext } from '../../sdk/module.ts';
import { attributesProtection, claimDefaults, volumeProtection } from './admission.ts';
import { attachVolumes } from './attach.ts';
import { attributesInUse } from './attributes.ts';
import { claimController } from './claims.ts';
import { ephemeralVolumes } from './ephemeral.ts';
import { claimGrowth } from './expand.ts';
import { PROVISIONER } from './plan.ts';
import { snapshotController } from './snapshots.ts';
import { volumeController } from './volumes.ts';

const NAME = 'local-path';
/** The machine of each running instance of the module, which controllers are not told. */
const machines = new WeakMap<Caches, MachineFacts>();
const machineOf = ({ caches }: Pick<ModuleContext, 'caches'>): MachineFacts => machines.get(caches)!;

export default defineModule({
  name: NAME,
  description: 'Persistent volumes: binds claims, and makes folders of this machine for them',
  kinds: [PersistentVolume, StorageClass, CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass, VolumeSnapshot, VolumeSnapshotContent, VolumeSnapshotClass],
  needs: [Pod, Node, PersistentVolumeClaim],
  writes: [StorageClass, VolumeSnapshotClass],
  admissions: [claimDefaults, claimGrowth, volumeProtection, attributesProtection],
  controllers: [claimController((context) => ({ folder: folderOf(machineOf(context)), snapshots: snapshotsOf(machineOf(context)), nodeName: machineOf(context).nodeName })), volumeController((context) => folderOf(machineOf(context))), ephemeralVolumes, attachVolumes, attributesInUse, snapshotController((context) => snapshotsOf(machineOf(context)))],
  async start(context) {
    machines.set(context.caches, context.machine);
    for (const folder of [folderOf(context.machine), snapshotsOf(context.machine)]) mkdirSync(folder, { recursive: true, mode: 0o711 });
    await makeClass(context);
  },
});

function folderOf({ stateFolder }: MachineFacts): string {
  return join(stateFolder, 'volumes');
}

function snapshotsOf({ stateFolder }: MachineFacts): string {
  return join(stateFolder, 'snapshots');
}

async function makeClass({ client }: ModuleContext): Promise<void> {
  try {
    await client.create(VolumeSnapshotClass, { metadata: { name: NAME, annotations: { [IS_DEFAULT_SNAPSHOT_CLASS]: 'true' } }, driver: PROVISIONER, deletionPolicy: 'Delete' }).catch((error: unknown) => {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    });
    await client.create(StorageClass, { metadata: { name: NAME, annotations: { [IS_DEFAULT]: 'true' } }, provisioner: PROVISIONER, reclaimPolicy: 'Delete', volumeBindingMode: 'WaitForFirstConsumer', allowVolumeExpansion: true });
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
  }
}
