/** Drivers of container storage on this node. */
import type { MessageType } from '../../../sdk/grpc/message.ts';
import { callOnce, Nothing } from '../plugins/call.ts';
import type { PluginSort } from '../plugins/registry.ts';
import { NodeCapabilities, NodeInfo, nodeService, type NodeInfoAnswer } from './api.ts';

export interface Driver {
  name: string;
  info: NodeInfoAnswer;
  can(capability: number): boolean;
  /** Rejects with GrpcError. */
  call(path: string, type: MessageType, message: object, answer?: MessageType): Promise<Record<string, unknown>>;
}

export interface Drivers {
  /** Throws in the kubelet's words when it is not registered. */
  get(name: string): Driver;
  list(): readonly Driver[];
  /** Asks a driver again how many volumes the node may have, and tells the cluster when that is another number. Rejects as {@link get} throws, with GrpcError, and with what kept the cluster from hearing it. */
  refresh(name: string): Promise<void>;
  readonly sort: PluginSort;
}

export interface DriversOptions {
  /** Tells the cluster which drivers are here. A rejection is the driver's to know. */
  announce(drivers: readonly Driver[]): Promise<void>;
}

const CALL_MS = 120_000;

export function csiDrivers({ announce }: DriversOptions): Drivers {
  /** By socket. */
  const known = new Map<string, Driver>();
  const list = (): Driver[] => [...known.values()];
  function get(name: string): Driver {
    const found = list().find((each) => each.name === name);
    if (found === undefined) throw new Error(`driver name ${name} not found in the list of registered CSI drivers`);
    return found;
  }
  return {
    list, get,
    async refresh(name) {
      const driver = get(name);
      const { maxVolumes } = await infoOf(driver.call);
      const before = driver.info;
      if (maxVolumes === before.maxVolumes) return;
      driver.info = { ...before, maxVolumes };
      await announce(list()).catch((error: Error) => {
        driver.info = before; // so that it is told when it is asked next
        throw error;
      });
    },
    sort: {
      type: 'CSIPlugin',
      async came({ name, endpoint, socket, supportedVersions }) {
        if (!supportedVersions.some((each) => /^v?1\./.test(each))) throw new Error(`versions of CSI ${supportedVersions.join(', ')} are not spoken here: 1.x is`);
        known.set(socket, await meet(name, endpoint));
        await announce(list()).catch((error: Error) => {
          known.delete(socket);
          throw error;
        });
      },
      async left({ socket }) {
        known.delete(socket);
        await announce(list());
      },
    },
  };
}

async function meet(name: string, endpoint: string): Promise<Driver> {
  const call: Driver['call'] = (path, type, message, answer = Nothing) => callOnce(endpoint, path, { type, message }, answer, CALL_MS);
  const info = await infoOf(call);
  if (info.nodeId === '') throw new Error(`the driver ${name} gives this node no id`);
  const { capabilities } = (await call(nodeService('NodeGetCapabilities'), Nothing, {}, NodeCapabilities)) as { capabilities: { rpc?: { type: number } }[] };
  const types = new Set(capabilities.map(({ rpc }) => rpc?.type));
  return { name, info, can: (capability) => types.has(capability), call };
}

async function infoOf(call: Driver['call']): Promise<NodeInfoAnswer> {
  return (await call(nodeService('NodeGetInfo'), Nothing, {}, NodeInfo)) as unknown as NodeInfoAnswer;
}
