/** grpc.health.v1.Health/Check, as kubelet's grpc probe asks it (gRPC: "Health Checking Protocol"). */
import { grpcClient, GrpcError } from '../../../sdk/grpc/grpc.ts';
import { decode, encode, type MessageType } from '../../../sdk/grpc/message.ts';
import type { HandlerAnswer } from './handlers.ts';

const REQUEST = { service: { number: 1, type: 'string' } } as const satisfies MessageType;
const RESPONSE = { status: { number: 1, type: 'int' } } as const satisfies MessageType;
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const [DEADLINE_EXCEEDED, UNIMPLEMENTED] = [4, 12];

/** Whatever goes wrong is a failure of the probe. */
export async function runGrpc({ host, port, service }: { host: string; port: number; service: string }, timeoutMs: number): Promise<HandlerAnswer> {
  const client = grpcClient({ host, port }, { userAgent: 'kube-probe/1.36' });
  try {
    const { status } = decode(RESPONSE, await client.call('/grpc.health.v1.Health/Check', encode(REQUEST, { service }), timeoutMs));
    const word = STATUSES[Number(status)] ?? String(status);
    return word === 'SERVING' ? { ok: true, message: 'service healthy' } : { ok: false, message: `service unhealthy (responded with "${word}")` };
  } catch (error) {
    return { ok: false, message: wordsOf(error as Error, { address: `${host.includes(':') ? `[${host}]` : host}:${port}`, timeoutMs }) };
  } finally {
    client.close();
  }
}

/** In the kubelet's words (upstream: pkg/probe/grpc). */
function wordsOf(error: Error, { address, timeoutMs }: { address: string; timeoutMs: number }): string {
  if (!(error instanceof GrpcError)) return `error: failed to connect service at "${address}": ${error.message}`;
  if (error.code === DEADLINE_EXCEEDED) return `timeout: health rpc did not complete within ${timeoutMs / 1_000}s`;
  if (error.code === UNIMPLEMENTED) return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.message}`;
  return `error: health rpc probe failed: ${error.message}`;
}
