/** The messages by which a node speaks with drivers of dynamic resources (kubelet: pkg/apis/dra v1 and v1beta1, api.proto, whose messages are the same). */
import type { Field, MessageType } from '../../../sdk/grpc/message.ts';

const text = (number: number): Field => ({ number, type: 'string' });
const texts = (number: number): Field => ({ number, type: 'string', repeated: true });
/** A map whose values are messages. */
const byUid = (number: number, type: MessageType): Field => ({ number, repeated: true, type: { key: text(1), value: { number: 2, type } } });

/** What plugins call the versions, newest first, and the services that they mean. */
export const SERVICES: Readonly<Record<string, string>> = { 'v1.DRAPlugin': '/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin', 'v1beta1.DRAPlugin': '/k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin' };

export const ClaimsRequest: MessageType = { claims: { number: 1, repeated: true, type: { namespace: text(1), uid: text(2), name: text(3) } } };
export const PrepareResponse: MessageType = { claims: byUid(1, { devices: { number: 1, repeated: true, type: { requestNames: texts(1), poolName: text(2), deviceName: text(3), cdiDeviceIds: texts(4) } }, error: text(2) }) };
export const UnprepareResponse: MessageType = { claims: byUid(1, { error: text(1) }) };

export interface ClaimName { namespace: string; uid: string; name: string }
export interface PreparedDevice { requestNames: string[]; poolName: string; deviceName: string; cdiDeviceIds: string[] }
/** `value` is missing where the plugin left it empty. */
export interface Answers { claims: { key: string; value?: { devices?: PreparedDevice[]; error: string } }[] }
