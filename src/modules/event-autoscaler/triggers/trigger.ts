/** A trigger: something outside that says how much work there is. One file a type; what they have in common is here. */
import type { ModuleContext } from '../../../sdk/index.ts';

export interface Reading {
  /** How much there is. */
  value: number;
  /** Whether that is reason enough to have a replica at all. */
  active: boolean;
}

export interface Trigger {
  /** Part of the name of the metric, for instance `redis-jobs`. Like the target, a scaler of the user's own may change it. */
  readonly name: string;
  /** How much one replica is for (AverageValue), or how much there may be (Value). */
  readonly target: number;
  /** Rejects with Error when it cannot be known now; keep no more than `timeoutMs` to itself. */
  read(signal: AbortSignal): Promise<Reading>;
  /** Calls back when there is something to read before its time; until `close`. */
  watch?(news: () => void): void;
  /** Gives back connections. */
  close?(): void;
}

export interface TriggerInput {
  metadata: Readonly<Record<string, string>>;
  /** Parameters of its TriggerAuthentication. */
  auth: Readonly<Record<string, string>>;
  /** The environment of the target's container, as far as it can be known from here. */
  env: Readonly<Record<string, string>>;
  namespace: string;
  /** Of the ScaledObject or ScaledJob. */
  owner: string;
  /** It is read for a formula, which has a target of its own: none of the trigger's is needed. */
  isMetricSource?: boolean;
  context: Pick<ModuleContext, 'client' | 'caches' | 'clock' | 'log' | 'readPath'>;
}

/** Throws TriggerError when the metadata say nothing that it understands. */
export type TriggerFactory = (input: TriggerInput) => Trigger | Promise<Trigger>;

/** A mistake of whoever wrote the trigger: the condition Ready says it. */
export class TriggerError extends Error {}

/** Of one read, all in all. */
export const READ_TIMEOUT_MS = 3_000;
/** No trigger may ask for more. */
const MOST_TIMEOUT_MS = 5_000;

/** In milliseconds, as `timeout` says for the trigger alone. */
export function timeoutOf(parameters: Parameters): number {
  const timeoutMs = parameters.number('timeout', READ_TIMEOUT_MS);
  if (timeoutMs <= 0) throw new TriggerError(`timeout must be above 0, not ${timeoutMs}`);
  return Math.max(1, Math.min(MOST_TIMEOUT_MS, timeoutMs));
}

export interface Parameters {
  /** From the authentication, the metadata, or the variable of the target's environment that `<name>FromEnv` names. */
  text(name: string): string | undefined;
  needed(name: string): string;
  number(name: string, fallback?: number): number;
  /** How much one replica is for: a number above 0; 0 where it is not said, and a formula has one. */
  target(name: string): number;
  flag(name: string, fallback?: boolean): boolean;
  /** Words between commas; none where it is missing. */
  list(name: string): string[];
}

/** As Go reads them (strconv.ParseBool). */
const YES: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const NO: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

export function parametersOf({ metadata, auth, env, isMetricSource = false }: Pick<TriggerInput, 'metadata' | 'auth' | 'env' | 'isMetricSource'>): Parameters {
  const text = (name: string): string | undefined => {
    const given = auth[name] ?? metadata[name];
    if (given !== undefined && given !== '') return given;
    const variable = metadata[`${name}FromEnv`];
    if (variable === undefined) return undefined;
    if (env[variable] === undefined) throw new TriggerError(`${name}FromEnv names ${variable}, which the target's container does not have in its environment`);
    return env[variable];
  };
  const number: Parameters['number'] = (name, fallback) => {
    const value = text(name);
    if (value === undefined && fallback !== undefined) return fallback;
    const found = Number(value);
    if (value === undefined || !Number.isFinite(found)) throw new TriggerError(value === undefined ? `${name} is missing` : `${name} must be a number, not ${JSON.stringify(value)}`);
    return found;
  };
  return {
    text, number,
    target(name) {
      const value = number(name, isMetricSource ? 0 : undefined);
      if (value <= 0 && !isMetricSource) throw new TriggerError(`${name} must be above 0`);
      return value;
    },
    needed(name) {
      const value = text(name);
      if (value === undefined) throw new TriggerError(`${name} is missing: give it as metadata, or by a TriggerAuthentication`);
      return value;
    },
    flag(name, fallback = false) {
      const value = text(name);
      if (value === undefined) return fallback;
      if (YES.has(value)) return true;
      if (!NO.has(value)) throw new TriggerError(`${name} must be true or false, not ${JSON.stringify(value)}`);
      return false;
    },
    list: (name) => (text(name) ?? '').split(',').map((each) => each.trim()).filter((each) => each !== ''),
  };
}

/** What is measured must be a number; anything else is no reading. */
export function finite(value: unknown, what: string): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Error(`${what} is no number: ${JSON.stringify(value)?.slice(0, 100)}`);
  return number;
}

/** As KEDA names metrics (NormalizeString), which people ask for by name; what no path can have is a dash, too. */
export function metricName(...parts: readonly string[]): string {
  return parts.join('-').replaceAll(/[^\w=,-]/g, '-').slice(0, 200);
}
