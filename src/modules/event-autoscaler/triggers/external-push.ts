/** external-push: as external, and the scaler says itself, by a stream, when it becomes active; so nobody waits for the next poll (KEDA: External Scalers, StreamIsActive). */
import { decode } from '../../../sdk/grpc/message.ts';
import { external, IsActiveResponse, scalerOf } from './external.ts';
import type { Trigger, TriggerInput } from './trigger.ts';

/** Between two attempts to have a stream; twice as long after each that failed. */
const FIRST_RETRY_MS = 2_000;
const MOST_RETRY_MS = 60_000;

export async function externalPush(input: TriggerInput): Promise<Trigger> {
  const polled = await external(input);
  const { whose, connect } = scalerOf(input);
  const { clock, log } = input.context;
  const closed = new AbortController();
  /** Said by the stream, and not read yet. */
  let isPushed = false;

  /** Settles when the stream ended; rejects when it failed. */
  async function listen(news: () => void): Promise<void> {
    const client = connect();
    const stop = (): void => client.close();
    closed.signal.addEventListener('abort', stop, { once: true });
    try {
      await client.stream('/externalscaler.ExternalScaler/StreamIsActive', whose, (message) => {
        if (decode(IsActiveResponse, message)['result'] === true) isPushed = true;
        news();
      });
    } finally {
      closed.signal.removeEventListener('abort', stop);
      client.close();
    }
  }

  return {
    ...polled,
    async read(signal) {
      const { value, active } = await polled.read(signal);
      const reading = { value, active: active || isPushed };
      isPushed = false;
      return reading;
    },
    watch(news) {
      void (async () => {
        for (let retryMs = FIRST_RETRY_MS; !closed.signal.aborted; retryMs = Math.min(MOST_RETRY_MS, 2 * retryMs)) {
          try {
            await listen(news);
            retryMs = FIRST_RETRY_MS;
          } catch (error) {
            if (!closed.signal.aborted) log.warn('an external scaler pushes nothing now; it is polled, and asked again', { scaler: input.metadata['scalerAddress'], error: (error as Error).message });
          }
          await clock.sleep(retryMs, closed.signal);
        }
      })();
    },
    close() {
      closed.abort();
      polled.close?.();
    },
  };
}
