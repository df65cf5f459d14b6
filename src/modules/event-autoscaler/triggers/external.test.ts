import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { GrpcError, grpcServer } from '../../../sdk/grpc/grpc.ts';
import { decode, encode } from '../../../sdk/grpc/message.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { external, GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, ScaledObjectRef } from './external.ts';
import type { Reading } from './trigger.ts';

test('a scaler of its own is asked for its metric, and what it is', async () => {
  let isActive = false;
  const asked: unknown[] = [];
  const method = (name: string): string => `/externalscaler.ExternalScaler/${name}`;
  const server = grpcServer({
    [method('GetMetricSpec')]: async (message) => {
      asked.push(decode(ScaledObjectRef, message));
      return encode(GetMetricSpecResponse, { metricSpecs: [{ metricName: 'Earth Quakes', targetSizeFloat: 2.5 }] });
    },
    [method('IsActive')]: async () => encode(IsActiveResponse, { result: isActive }),
    [method('GetMetrics')]: async (message) => {
      if (!isActive) throw new GrpcError(14, 'asleep');
      asked.push(decode(GetMetricsRequest, message)['metricName']);
      return encode(GetMetricsResponse, { metricValues: [{ metricName: 'Earth Quakes', metricValue: 7 }] });
    },
  }).listen(0, '127.0.0.1');
  await new Promise((settled) => server.once('listening', settled));
  try {
    const metadata = { scalerAddress: `127.0.0.1:${(server.address() as AddressInfo).port}`, longitude: '1' };
    const trigger = await external({ metadata, auth: {}, env: {}, namespace: 'default', owner: 'web', context: {} as never });
    assert.deepEqual([trigger.name, trigger.target], ['Earth-Quakes', 2.5]);
    await assert.rejects(trigger.read(AbortSignal.timeout(5_000)), /the scaler at 127\.0\.0\.1:\d+: asleep/);
    isActive = true;
    assert.deepEqual(await trigger.read(AbortSignal.timeout(5_000)), { value: 7, active: true });
    assert.deepEqual(asked, [{ name: 'web', namespace: 'default', scalerMetadata: metadata }, 'Earth Quakes']);
    trigger.close?.();
    await assert.rejects(external({ metadata: { scalerAddress: '127.0.0.1:1' }, auth: {}, env: {}, namespace: 'default', owner: 'web', context: {} as never }), /the scaler at 127\.0\.0\.1:1: /);
  } finally {
    server.close();
  }
});

test('one that went and came back is asked at once again', async () => {
  const handlers = {
    '/externalscaler.ExternalScaler/GetMetricSpec': async () => encode(GetMetricSpecResponse, { metricSpecs: [{ metricName: 'jobs', targetSize: 5 }] }),
    '/externalscaler.ExternalScaler/IsActive': async () => encode(IsActiveResponse, { result: true }),
    '/externalscaler.ExternalScaler/GetMetrics': async () => encode(GetMetricsResponse, { metricValues: [{ metricName: 'jobs', metricValue: 7, metricValueFloat: -1 }] }),
  };
  const sessions = new Set<ServerHttp2Session>();
  const serve = async (port: number): Promise<Http2Server> => {
    const server = grpcServer(handlers).on('session', (session) => sessions.add(session)).listen(port, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  const server = await serve(0);
  const { port } = server.address() as AddressInfo;
  const trigger = await external({ metadata: { scalerAddress: `127.0.0.1:${port}` }, auth: {}, env: {}, namespace: 'default', owner: 'web', context: {} as never });
  const read = (): Promise<Reading> => trigger.read(AbortSignal.timeout(5_000));
  // A float that is not above none does not count, as upstream has it.
  assert.deepEqual(await read(), { value: 7, active: true });
  server.close();
  for (const session of sessions) session.destroy();
  await eventually(async () => read().then(() => false, () => true), { what: 'it is away' });
  const again = await serve(port);
  try {
    assert.deepEqual(await read(), { value: 7, active: true });
    const { size } = sessions;
    trigger.close?.();
    await assert.rejects(read(), /the connection is closed/);
    assert.equal(sessions.size, size, 'nobody connects after the end');
  } finally {
    trigger.close?.();
    again.close();
  }
});
