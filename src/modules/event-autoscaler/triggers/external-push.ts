/**
 * external-push: as external, and the scaler says itself, by streams, when it becomes active and when its metric or target changes; so nobody waits for the next poll
 * (KEDA: External Scalers, StreamIsActive and StreamMetricSpec).
 */
import { GrpcError } from '../../../sdk/grpc/grpc.ts';
import { decode } from '../../../sdk/grpc/message.ts';
import { external, GetMetricSpecResponse, IsActiveResponse, scalerOf } from './external.ts';
import type { Trigger, TriggerInput } from './trigger.ts';

/** Between two attempts to have a stream; twice as long after each that failed. */
const FIRST_RETRY_MS = 2_000;
const MOST_RETRY_MS = 60_000;
/** Of gRPC. */
const UNIMPLEMENTED = 12;

export async function externalPush(input: TriggerInput): Promise<Trigger> {
  const polled = await external(input);
  const { whose, connect } = scalerOf(input);
  const { clock, log } = input.context;
  const closed = new AbortController();
  /** Said by the stream, and not read yet. */
  let isPushed = false;

  /** Settles when the stream ended; rejects when it failed. */
  async function listen(method: string, received: (message: Buffer) => void): Promise<void> {
    const client = connect();
    const stop = (): void => client.close();
    closed.signal.addEventListener('abort', stop, { once: true });
    try {
      await client.stream(`/externalscaler.ExternalScaler/${method}`, whose, received);
    } finally {
      closed.signal.removeEventListener('abort', stop);
      client.close();
    }
  }

  /** Again and again; never rejects. One that says something before it fails is asked again soon. Settles when closed, or where the scaler has no such stream. */
  async function follow(method: string, received: (message: Buffer) => void): Promise<void> {
    for (let retryMs = FIRST_RETRY_MS; !closed.signal.aborted; retryMs = Math.min(MOST_RETRY_MS, 2 * retryMs)) {
      try {
        await listen(method, (message) => {
          retryMs = FIRST_RETRY_MS;
          received(message);
        });
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (error instanceof GrpcError && error.code === UNIMPLEMENTED && method === 'StreamMetricSpec') return; // it need not have that one
        if (!closed.signal.aborted) log.warn('an external scaler pushes nothing now; it is polled, and asked again', { scaler: input.metadata['scalerAddress'], method, error: (error as Error).message });
      }
      await clock.sleep(retryMs, closed.signal);
    }
  }

  return {
    get name() {
      return polled.name;
    },
    get target() {
      return polled.target;
    },
    async read(signal) {
      const { value, active } = await polled.read(signal);
      const reading = { value, active: active || isPushed };
      isPushed = false;
      return reading;
    },
    watch(news) {
      void follow('StreamIsActive', (message) => {
        if (decode(IsActiveResponse, message)['result'] === true) isPushed = true;
        news();
      });
      void follow('StreamMetricSpec', (message) => {
        polled.respec(decode(GetMetricSpecResponse, message));
        news();
      });
    },
    close() {
      closed.abort();
      polled.close?.();
    },
  };
}
