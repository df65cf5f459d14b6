/** external: a scaler of the user's own that speaks gRPC (KEDA: External Scalers, externalscaler.proto). It says its metric and target itself. */
import { grpcClient, type GrpcClient } from '../../../sdk/grpc/grpc.ts';
import { decode, encode, type Field, type Message, type MessageType } from '../../../sdk/grpc/message.ts';
import { finite, metricName, parametersOf, READ_TIMEOUT_MS, TriggerError, type Trigger, type TriggerInput } from './trigger.ts';

const text = (number: number): Field => ({ number, type: 'string' });
export const ScaledObjectRef: MessageType = { name: text(1), namespace: text(2), scalerMetadata: { number: 3, type: 'map' } };
export const IsActiveResponse: MessageType = { result: { number: 1, type: 'bool' } };
export const GetMetricSpecResponse: MessageType = { metricSpecs: { number: 1, repeated: true, type: { metricName: text(1), targetSize: { number: 2, type: 'int' }, targetSizeFloat: { number: 3, type: 'double' } } } };
export const GetMetricsRequest: MessageType = { scaledObjectRef: { number: 1, type: ScaledObjectRef }, metricName: text(2) };
export const GetMetricsResponse: MessageType = { metricValues: { number: 1, repeated: true, type: { metricName: text(1), metricValue: { number: 2, type: 'int' }, metricValueFloat: { number: 3, type: 'double' } } } };

interface MetricSpec { metricName: string; targetSize: number; targetSizeFloat: number }
interface MetricValue { metricName: string; metricValue: number; metricValueFloat: number }

/** Where the scaler is, and of whom it is asked. */
export interface Scaler {
  address: string;
  /** A ScaledObjectRef. */
  whose: Buffer;
  connect(): GrpcClient;
}

/** Throws TriggerError. What `...FromEnv` names is told under that key, as upstream does. */
export function scalerOf(input: TriggerInput): Scaler {
  const parameters = parametersOf(input);
  const address = parameters.needed('scalerAddress');
  const [, host, port = '443'] = /^(?:dns:\/\/\/)?(\[[^\]]+\]|[^:/]+)(?::(\d+))?$/.exec(address) ?? [];
  if (host === undefined) throw new TriggerError(`scalerAddress ${JSON.stringify(address)}: write host:port`);
  const certificates = { ca: parameters.text('caCert'), cert: parameters.text('tlsClientCert'), key: parameters.text('tlsClientKey') };
  const secure = parameters.flag('enableTLS') || certificates.ca !== undefined || certificates.cert !== undefined;
  const where = { host: host.replaceAll(/[[\]]/g, ''), port: Number(port), ...(secure ? { tls: { ...certificates, rejectUnauthorized: !parameters.flag('unsafeSsl') && !parameters.flag('insecureSkipVerify') } } : {}) };
  const told = Object.entries(input.metadata).map(([key, value]) => [key, key.endsWith('FromEnv') ? (input.env[value] ?? '') : value] as const).filter(([key, value]) => value !== '' || !key.endsWith('FromEnv'));
  return { address, whose: encode(ScaledObjectRef, { name: input.owner, namespace: input.namespace, scalerMetadata: Object.fromEntries(told) }), connect: () => grpcClient(where) };
}

/** That of the first metric: a trigger has one. */
export interface External extends Trigger {
  /** What the scaler says by itself of its metric and target. */
  respec(specs: Message): void;
}

export async function external(input: TriggerInput): Promise<External> {
  const { address, whose, connect } = scalerOf(input);
  let client = connect();
  let isOver = false;
  const call = async (method: string, sent: Buffer, answer: MessageType): Promise<Message> => {
    if (!isOver && client.isClosed()) client = connect(); // it went, and may be back
    try {
      return decode(answer, await client.call(`/externalscaler.ExternalScaler/${method}`, sent, READ_TIMEOUT_MS));
    } catch (error) {
      throw new Error(`the scaler at ${address}: ${(error as Error).message}`, { cause: error });
    }
  };
  let spec!: MetricSpec;
  const respec = (specs: Message): void => {
    const [first] = specs['metricSpecs'] as MetricSpec[];
    if (first === undefined) throw new Error(`the scaler at ${address} has no metric`);
    spec = first;
  };
  try {
    respec(await call('GetMetricSpec', whose, GetMetricSpecResponse));
  } catch (error) {
    client.close();
    throw error;
  }
  return {
    respec,
    get name() {
      return metricName(spec.metricName);
    },
    get target() {
      return spec.targetSizeFloat > 0 ? spec.targetSizeFloat : spec.targetSize;
    },
    close() {
      isOver = true;
      client.close();
    },
    async read() {
      const { metricName: metric } = spec;
      const [{ result }, { metricValues }] = await Promise.all([call('IsActive', whose, IsActiveResponse), call('GetMetrics', encode(GetMetricsRequest, { scaledObjectRef: decode(ScaledObjectRef, whose), metricName: metric }), GetMetricsResponse)]);
      const value = (metricValues as MetricValue[])[0];
      if (value === undefined) throw new Error(`the scaler at ${address} gave no value for ${metric}`);
      return { value: finite(value.metricValueFloat > 0 ? value.metricValueFloat : value.metricValue, metric), active: result === true };
    },
  };
}
