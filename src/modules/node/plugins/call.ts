/** Calls to plugins of the node, by their sockets. */
import { grpcClient } from '../../../sdk/grpc/grpc.ts';
import { decode, encode, type MessageType } from '../../../sdk/grpc/message.ts';

export const Nothing: MessageType = {};

/** A connection a call: there are few, and a plugin may start anew between them. Rejects with GrpcError. */
export async function callOnce(socket: string, path: string, sent: { type: MessageType; message: object }, answer: MessageType, timeoutMs: number): Promise<Record<string, unknown>> {
  const client = grpcClient(socket);
  try {
    return decode(answer, await client.call(path, encode(sent.type, sent.message as Record<string, unknown>), timeoutMs));
  } finally {
    client.close();
  }
}
