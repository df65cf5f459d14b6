/** grpc.health.v1.Health/Check over plain HTTP/2, as kubelet's grpc probe: the request and answer are a few bytes, written by hand. */
import { connect } from 'node:http2';
import type { HandlerAnswer } from './handlers.ts';

const SERVING = 1;

export function runGrpc(target: { host: string; port: number; service: string }, timeoutMs: number): Promise<HandlerAnswer> {
  return new Promise((resolve) => {
    const session = connect(`http://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`);
    const finish = (ok: boolean, message: string): void => {
      clearTimeout(timer);
      session.destroy();
      resolve({ ok, message });
    };
    const timer = setTimeout(() => finish(false, `timeout: failed to connect service "${target.host}:${target.port}" within ${timeoutMs / 1_000}s`), timeoutMs);
    session.once('error', (error) => finish(false, `failed to connect service at "${target.host}:${target.port}": ${error.message}`));
    const stream = session.request({ ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc', te: 'trailers', 'user-agent': 'kube-probe' });
    let body = Buffer.alloc(0);
    let status = '';
    stream.on('response', (headers) => { if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status']); });
    stream.on('trailers', (headers) => { status = String(headers['grpc-status'] ?? status); });
    stream.on('data', (chunk: Buffer) => { if (body.length < 1_024) body = Buffer.concat([body, chunk]); });
    stream.once('error', (error) => finish(false, error.message));
    stream.once('end', () => {
      const serving = body[5] === 0x08 ? body[6] : 0; // field 1 of HealthCheckResponse
      finish(status === '0' && serving === SERVING, status === '0' ? `service unhealthy (responded with ${serving})` : `rpc failed with status ${status || 'unknown'}`);
    });
    stream.end(request(target.service));
  });
}

function request(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
