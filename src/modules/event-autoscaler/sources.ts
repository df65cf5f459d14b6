/** The triggers of one object, made from its spec and kept while that stays the same: their readings, failures and fallback. */
import { isDeepStrictEqual } from 'node:util';
import type { PodSpec } from '../../api/generated/core-v1.ts';
import type { TriggerSpec } from '../../api/keda/triggers.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { resolveAuthentication } from './authentication.ts';
import { isResource } from './autoscaler.ts';
import { environmentOf } from './environment.ts';
import type { Settings } from './settings.ts';
import { metricName, READ_TIMEOUT_MS, TriggerError, type Reading, type Trigger } from './triggers/trigger.ts';

export interface Source {
  /** Of the metric: `s0-redis-jobs`. */
  name: string;
  spec: TriggerSpec;
  target: number;
  type: 'AverageValue' | 'Value';
  /** The last that could be had. */
  reading?: Reading;
  readAtMs: number;
  /** How many times in a row it could not be read, and why the last time. */
  failures: number;
  error?: string;
}

export interface Sources {
  all: readonly Source[];
  /** When they have to be made anew, in ms since the epoch, since what authenticates them ends; Infinity where nothing does. */
  staleMs: number;
  /** Reads all of them anew, at the same time. Never rejects. */
  read(signal: AbortSignal): Promise<void>;
  readOne(source: Source, signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface SourcesInput {
  triggers: readonly TriggerSpec[];
  namespace: string;
  owner: string;
  settings: Settings;
  /** Of the target's pods. */
  podSpec: PodSpec | undefined;
  container: string | undefined;
  /** A formula has a target of its own. */
  isMetricSource?: boolean;
  /** More metadata for triggers of a type. */
  more?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  context: Pick<ModuleContext, 'client' | 'caches' | 'clock' | 'log' | 'readPath' | 'may'>;
  /** Called when a trigger has news. */
  wake(): void;
}

/** Of the time that a token is good for. */
const RENEWED = 0.8;

/** Rejects with TriggerError, ApiError or Error that names the trigger. */
export async function openSources(input: SourcesInput): Promise<Sources> {
  const { namespace, owner, context, settings, isMetricSource, more = {} } = input;
  const { TRIGGERS } = await import('./triggers/index.ts');
  const envOf = (container = input.container): Promise<Record<string, string>> => environmentOf(input.podSpec, container, { client: context.client, namespace });
  const env = await envOf();
  const opened: { source: Source; trigger: Trigger; index: number }[] = [];
  const beganMs = context.clock.nowMs();
  let staleMs = Infinity;
  const close = (): void => opened.forEach(({ trigger }) => trigger.close?.());
  for (const [index, spec] of input.triggers.entries()) {
    if (isResource(spec.type)) continue;
    try {
      const make = Object.hasOwn(TRIGGERS, spec.type) ? TRIGGERS[spec.type]! : undefined;
      if (make === undefined) throw new TriggerError(`there is no such type; these are: cpu, memory, ${Object.keys(TRIGGERS).join(', ')}`);
      if (spec.metricType === 'Utilization') throw new TriggerError('metricType Utilization is for cpu and memory only');
      const { parameters: auth, expiresMs } = await resolveAuthentication(spec.authenticationRef, { context, namespace, settings, envOf: (container) => (container === undefined || container === '' ? Promise.resolve(env) : envOf(container)) });
      staleMs = Math.min(staleMs, beganMs + RENEWED * (expiresMs - beganMs));
      const trigger = await make({ metadata: { ...spec.metadata, ...more[spec.type] }, auth, env, namespace, owner, isMetricSource, context });
      opened.push({ trigger, index, source: { name: metricName(`s${index}`, trigger.name), spec, target: trigger.target, type: spec.metricType ?? 'AverageValue', readAtMs: 0, failures: 0 } });
    } catch (error) {
      close();
      throw new TriggerError(`trigger ${index} (${spec.type}): ${(error as Error).message}`, { cause: error });
    }
  }

  for (const { trigger } of opened) trigger.watch?.(input.wake);

  async function readOne(source: Source, signal: AbortSignal): Promise<void> {
    const { trigger, index } = opened.find((each) => each.source === source)!;
    try {
      // A scaler of the user's own may have changed its metric.
      [source.name, source.target] = [metricName(`s${index}`, trigger.name), trigger.target];
      source.reading = await within(trigger.read(signal), signal);
      source.failures = 0;
      source.error = undefined;
    } catch (error) {
      source.failures += 1;
      source.error = (error as Error).message;
    }
    source.readAtMs = context.clock.nowMs();
  }
  return { all: opened.map(({ source }) => source), staleMs, readOne, read: async (signal) => void (await Promise.all(opened.map(({ source }) => readOne(source, signal)))), close };
}

/** A trigger that hangs in spite of its own limits. */
function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${(2 * READ_TIMEOUT_MS) / 1_000} s`)), 2 * READ_TIMEOUT_MS);
    const stop = (): void => reject(new Error('the scaler stops'));
    signal.addEventListener('abort', stop, { once: true });
    void work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    });
  });
}

/** Whether sources made of these are still right. */
export function sameTriggers(left: readonly TriggerSpec[], right: readonly TriggerSpec[]): boolean {
  return isDeepStrictEqual(left, right);
}
