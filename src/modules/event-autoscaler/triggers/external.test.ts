import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { GrpcError, grpcServer } from '../../../sdk/grpc/grpc.ts';
import { decode, encode } from '../../../sdk/grpc/message.ts';
import { external, GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, ScaledObjectRef } from './external.ts';

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
