/** The messages by which a node speaks with drivers of storage: CSI 1.x (csi.proto, the numbers of its fields). */
import type { Field, MessageType } from '../../../sdk/grpc/message.ts';

const text = (number: number): Field => ({ number, type: 'string' });
const texts = (number: number): Field => ({ number, type: 'string', repeated: true });
const flag = (number: number): Field => ({ number, type: 'bool' });
const int = (number: number): Field => ({ number, type: 'int' });
const map = (number: number): Field => ({ number, type: 'map' });
const one = (number: number, type: MessageType): Field => ({ number, type });

export const nodeService = (method: string): string => `/csi.v1.Node/${method}`;

export const NodeInfo: MessageType = { nodeId: text(1), maxVolumes: int(2), topology: one(3, { segments: map(1) }) };
export const NodeCapabilities: MessageType = { capabilities: { number: 1, type: { rpc: one(1, { type: int(1) }) }, repeated: true } };

const VolumeCapability: MessageType = { block: one(1, {}), mount: one(2, { fsType: text(1), mountFlags: texts(2), volumeMountGroup: text(3) }), accessMode: one(3, { mode: int(1) }) };
export const StageRequest: MessageType = { volumeId: text(1), publishContext: map(2), stagingTargetPath: text(3), volumeCapability: one(4, VolumeCapability), secrets: map(5), volumeContext: map(6) };
export const UnstageRequest: MessageType = { volumeId: text(1), stagingTargetPath: text(2) };
export const PublishRequest: MessageType = { volumeId: text(1), publishContext: map(2), stagingTargetPath: text(3), targetPath: text(4), volumeCapability: one(5, VolumeCapability), readonly: flag(6), secrets: map(7), volumeContext: map(8) };
export const UnpublishRequest: MessageType = { volumeId: text(1), targetPath: text(2) };
export const ExpandRequest: MessageType = { volumeId: text(1), volumePath: text(2), capacityRange: one(3, { requiredBytes: int(1), limitBytes: int(2) }), stagingTargetPath: text(4), volumeCapability: one(5, VolumeCapability), secrets: map(6) };
export const StatsRequest: MessageType = { volumeId: text(1), volumePath: text(2), stagingTargetPath: text(3) };
export const StatsResponse: MessageType = { usage: { number: 1, type: { available: int(1), total: int(2), used: int(3), unit: int(4) }, repeated: true } };
export const ExpandResponse: MessageType = { capacityBytes: int(1) };

/** NodeServiceCapability.RPC.Type */
export const CAN = { stage: 1, stats: 2, expand: 3, singleNodeMultiWriter: 5, mountGroup: 6 } as const;
/** VolumeUsage.Unit */
export const UNIT = { bytes: 1, inodes: 2 } as const;
/** VolumeCapability.AccessMode.Mode */
export const MODE = { singleNodeWriter: 1, readerOnly: 3, multiWriter: 5, singleNodeSingleWriter: 6, singleNodeMultiWriter: 7 } as const;

export interface NodeInfoAnswer { nodeId: string; maxVolumes: number; topology?: { segments: Record<string, string> } }
export interface Capability {
  block?: object;
  mount?: { fsType?: string; mountFlags?: readonly string[]; volumeMountGroup?: string };
  accessMode: { mode: number };
}
