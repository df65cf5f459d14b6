/** What the cluster is told of the storage drivers of a node: its CSINode, an annotation and labels of the Node (kubelet: nodeinfomanager). */
import { isDeepStrictEqual } from 'node:util';
import type { ModuleContext } from '../../../sdk/module.ts';
import { isApiError } from '../../../api/errors.ts';
import type { CSINode } from '../../../api/storage/csi.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import { CSINodeKind, NodeKind } from '../kinds.ts';
import type { Driver } from './drivers.ts';

const NODE_ID = 'csi.volume.kubernetes.io/nodeid';
const TRIES = 5;

export async function announceDrivers({ client, machine }: Pick<ModuleContext, 'client' | 'machine'>, drivers: readonly Driver[]): Promise<void> {
  await again(async () => {
    const node = await client.get(NodeKind, machine.nodeName);
    const ids = drivers.length === 0 ? null : JSON.stringify(Object.fromEntries(drivers.map(({ name, info }) => [name, info.nodeId])));
    const labels = Object.assign({}, ...drivers.map(({ info }) => info.topology?.segments ?? {})) as Record<string, string>;
    const known = node.metadata.annotations?.[NODE_ID] ?? null;
    const missing = Object.entries(labels).some(([key, value]) => node.metadata.labels?.[key] !== value);
    if (known !== ids || missing) await client.patch(NodeKind, machine.nodeName, { type: 'merge', body: { metadata: { annotations: { [NODE_ID]: ids }, labels } } });
    const spec: CSINode['spec'] = { drivers: drivers.map(({ name, info }) => ({ name, nodeID: info.nodeId, topologyKeys: Object.keys(info.topology?.segments ?? {}), ...(info.maxVolumes > 0 ? { allocatable: { count: info.maxVolumes } } : {}) })) };
    const found = await ifThere(client.get(CSINodeKind, machine.nodeName));
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: machine.nodeName, uid: node.metadata.uid ?? '' }];
    if (found === undefined) await client.create(CSINodeKind, { metadata: { name: machine.nodeName, ownerReferences }, spec });
    else if (!isDeepStrictEqual(found.spec, spec)) await client.update(CSINodeKind, { ...found, spec });
  });
}

async function again(work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES || !isApiError(error, 'Conflict', 'AlreadyExists')) throw error;
    }
  }
}
