/** The messages of the device plugin API, v1beta1 (kubelet: pkg/apis/deviceplugin/v1beta1/api.proto, the numbers of its fields). */
import type { Field, MessageType } from '../../../sdk/grpc/message.ts';

const text = (number: number): Field => ({ number, type: 'string' });
const flag = (number: number): Field => ({ number, type: 'bool' });
const texts = (number: number): Field => ({ number, type: 'string', repeated: true });
const map = (number: number): Field => ({ number, type: 'map' });
const list = (number: number, type: MessageType): Field => ({ number, type, repeated: true });

export const VERSION = 'v1beta1';
export const REGISTER = '/v1beta1.Registration/Register';
export const plugin = (method: string): string => `/v1beta1.DevicePlugin/${method}`;

export const Empty: MessageType = {};
export const Options: MessageType = { preStartRequired: flag(1), preferredAllocation: flag(2) };
export const RegisterRequest: MessageType = { version: text(1), endpoint: text(2), resourceName: text(3), options: { number: 4, type: Options } };
export const ListAndWatchResponse: MessageType = { devices: list(1, { id: text(1), health: text(2) }) };
export const PreferredAllocationRequest: MessageType = { containers: list(1, { available: texts(1), mustInclude: texts(2), size: { number: 3, type: 'int' } }) };
export const PreferredAllocationResponse: MessageType = { containers: list(1, { ids: texts(1) }) };
export const AllocateRequest: MessageType = { containers: list(1, { ids: texts(1) }) };
export const AllocateResponse: MessageType = {
  containers: list(1, {
    envs: map(1), mounts: list(2, { containerPath: text(1), hostPath: text(2), readOnly: flag(3) }), devices: list(3, { containerPath: text(1), hostPath: text(2), permissions: text(3) }), annotations: map(4), cdiDevices: list(5, { name: text(1) }),
  }),
};
export const PreStartRequest: MessageType = { ids: texts(1) };

export interface Registration { version: string; endpoint: string; resourceName: string; options?: PluginOptions }
export interface PluginOptions { preStartRequired: boolean; preferredAllocation: boolean }
/** What a container gets with its devices. */
export interface DeviceGift {
  envs: Record<string, string>;
  mounts: { containerPath: string; hostPath: string; readOnly: boolean }[];
  devices: { containerPath: string; hostPath: string; permissions: string }[];
  annotations: Record<string, string>;
  cdiDevices: { name: string }[];
}
