/** `modules.queue` of the configuration: the parts of Kueue's own (config.kueue.x-k8s.io Configuration) that hold for all queues. */
import { amountOf } from './demand.ts';
import { durationSeconds } from './duration.ts';
import type { FairRule } from './policy/cohort-share.ts';

/** Source: Kueue, waitForPodsReady. */
export interface WaitForPodsReady {
  readonly timeoutSeconds: number;
  /** How long one that was ready may take until it is ready again; default the timeout. */
  readonly recoverySeconds: number;
  readonly backoffBaseSeconds: number;
  readonly backoffMostSeconds: number;
  /** How often it is queued again before it is deactivated; Infinity for ever. */
  readonly backoffLimit: number;
  /** Whether one that is queued again stands where its eviction would place it, and not where its arrival did. */
  readonly byEviction: boolean;
  /** Whether nobody is let in, in any queue, while pods of somebody who was are not ready. */
  readonly blocks: boolean;
}

/** One amount of the input counts as so much of each output; with `multiplyBy`, times what the pod asks of that. */
export interface Transformation { readonly strategy: 'Retain' | 'Replace'; readonly outputs: ReadonlyMap<string, number>; readonly multiplyBy?: string }

/** Among the LocalQueues of queues whose admissionScope asks for it. Source: Kueue, admissionFairSharing. */
export interface UseSharing {
  /** After so long past use counts half; 0: it does not count. */
  readonly halfLifeSeconds: number;
  /** How often what was used is told in the status of LocalQueues. */
  readonly samplingSeconds: number;
  /** What the use of a resource is multiplied by; default 1. */
  readonly resourceWeights: ReadonlyMap<string, number>;
}

/** So many seconds after it, what is left of it is deleted; undefined: it is kept. Source: Kueue, objectRetentionPolicies.workloads. */
export interface Retention { readonly finishedSeconds?: number; readonly deactivatedSeconds?: number }

export interface QueueConfiguration {
  /** Undefined: only queues that say so by annotation wait. */
  readonly waitForPodsReady?: WaitForPodsReady;
  /** Among the queues of a cohort. */
  readonly sharesFairly: boolean;
  /** By which of them jobs of others are stopped there, in this order. */
  readonly fairRules: readonly FairRule[];
  readonly useSharing: UseSharing;
  readonly excludedPrefixes: readonly string[];
  readonly transformations: ReadonlyMap<string, Transformation>;
  /** Undefined: everything is kept. */
  readonly retention?: Retention;
}

export const BACKOFF: Omit<WaitForPodsReady, 'timeoutSeconds' | 'recoverySeconds'> = { backoffBaseSeconds: 60, backoffMostSeconds: 3_600, backoffLimit: Infinity, byEviction: true, blocks: false };

export const USE_SHARING: UseSharing = { halfLifeSeconds: 7 * 86_400, samplingSeconds: 300, resourceWeights: new Map() };
/** Source: Kueue, fairSharing.preemptionStrategies; these are all that it takes. */
const STRATEGIES: ReadonlyMap<string, FairRule> = new Map([['LessThanOrEqualToFinalShare', 'final'], ['LessThanInitialShare', 'initial']]);

type Fields = Readonly<Record<string, unknown>>;

/** Throws Error with what is wrong. */
export function queueConfiguration(config: Fields): QueueConfiguration {
  known(config, '', ['waitForPodsReady', 'fairSharing', 'admissionFairSharing', 'resources', 'manageJobsWithoutQueueName', 'managedJobsNamespaceSelector', 'objectRetentionPolicies', 'enabled']);
  const resources = fieldsOf(config['resources'], 'resources');
  known(resources, 'resources.', ['excludeResourcePrefixes', 'transformations']);
  const wait = config['waitForPodsReady'] === undefined ? undefined : waitOf(fieldsOf(config['waitForPodsReady'], 'waitForPodsReady'));
  const list = (key: string): unknown[] => (resources[key] === undefined ? [] : Array.isArray(resources[key]) ? (resources[key] as unknown[]) : wrong(`resources.${key}`, 'a list', resources[key]));
  const fairSharing = fieldsOf(config['fairSharing'], 'fairSharing');
  known(fairSharing, 'fairSharing.', ['enable', 'preemptionStrategies']);
  known(fieldsOf(config['managedJobsNamespaceSelector'], 'managedJobsNamespaceSelector'), 'managedJobsNamespaceSelector.', ['matchLabels', 'matchExpressions']);
  return {
    sharesFairly: config['fairSharing'] !== undefined && fairSharing['enable'] !== false,
    fairRules: fairRulesOf(fairSharing['preemptionStrategies']),
    useSharing: useSharingOf(fieldsOf(config['admissionFairSharing'], 'admissionFairSharing')),
    ...(wait !== undefined && { waitForPodsReady: wait }),
    ...(config['objectRetentionPolicies'] !== undefined && { retention: retentionOf(fieldsOf(config['objectRetentionPolicies'], 'objectRetentionPolicies')) }),
    excludedPrefixes: list('excludeResourcePrefixes').map(String),
    transformations: new Map(list('transformations').map((each, index) => transformationOf(fieldsOf(each, `resources.transformations[${index}]`), `resources.transformations[${index}]`))),
  };
}

function fairRulesOf(strategies: unknown): FairRule[] {
  if (strategies === undefined) return [...STRATEGIES.values()];
  const rules = Array.isArray(strategies) ? strategies.map((each) => STRATEGIES.get(String(each))) : [];
  const isKnown = (rules.length === 1 && rules[0] !== undefined) || (rules.length === 2 && rules[0] === 'final' && rules[1] === 'initial');
  return isKnown ? (rules as FairRule[]) : wrong('fairSharing.preemptionStrategies', `a list of ${[...STRATEGIES.keys()].join(', then ')}, or of one of them`, strategies);
}

function useSharingOf(fields: Fields): UseSharing {
  known(fields, 'admissionFairSharing.', ['usageHalfLifeTime', 'usageSamplingInterval', 'resourceWeights']);
  const seconds = (key: string, otherwise: number): number => (fields[key] === undefined ? otherwise : (durationSeconds(String(fields[key])) ?? wrong(`admissionFairSharing.${key}`, 'a time such as 168h', fields[key])));
  const weights = Object.entries(fieldsOf(fields['resourceWeights'], 'admissionFairSharing.resourceWeights')).map(([name, weight]) => {
    return [name, typeof weight === 'number' && weight >= 0 ? weight : wrong(`admissionFairSharing.resourceWeights.${name}`, 'a number of at least 0', weight)] as const;
  });
  return { halfLifeSeconds: isNone(fields['usageHalfLifeTime']) ? 0 : seconds('usageHalfLifeTime', USE_SHARING.halfLifeSeconds), samplingSeconds: seconds('usageSamplingInterval', USE_SHARING.samplingSeconds), resourceWeights: new Map(weights) };
}

const isNone = (span: unknown): boolean => /^0(?:\.0+)?[a-z]*$/.test(String(span));

function retentionOf(fields: Fields): Retention {
  known(fields, 'objectRetentionPolicies.', ['workloads']);
  const workloads = fieldsOf(fields['workloads'], 'objectRetentionPolicies.workloads');
  known(workloads, 'objectRetentionPolicies.workloads.', ['afterFinished', 'afterDeactivatedByKueue']);
  const seconds = (key: string): number | undefined => {
    const value = workloads[key] ?? undefined;
    return value === undefined ? undefined : isNone(value) ? 0 : (durationSeconds(String(value)) ?? wrong(`objectRetentionPolicies.workloads.${key}`, 'a time such as 1h', value));
  };
  const [finishedSeconds, deactivatedSeconds] = [seconds('afterFinished'), seconds('afterDeactivatedByKueue')];
  return { ...(finishedSeconds !== undefined && { finishedSeconds }), ...(deactivatedSeconds !== undefined && { deactivatedSeconds }) };
}

function waitOf(fields: Fields): WaitForPodsReady | undefined {
  known(fields, 'waitForPodsReady.', ['enable', 'timeout', 'recoveryTimeout', 'requeuingStrategy', 'blockAdmission']);
  if (fields['enable'] === false) return undefined;
  const { blockAdmission = false } = fields;
  if (typeof blockAdmission !== 'boolean') wrong('waitForPodsReady.blockAdmission', 'true or false', blockAdmission);
  const seconds = (key: string): number | undefined => (fields[key] === undefined ? undefined : (durationSeconds(String(fields[key])) ?? wrong(`waitForPodsReady.${key}`, 'a time such as 5m', fields[key])));
  const strategy = fieldsOf(fields['requeuingStrategy'], 'waitForPodsReady.requeuingStrategy');
  known(strategy, 'waitForPodsReady.requeuingStrategy.', ['timestamp', 'backoffBaseSeconds', 'backoffLimitCount', 'backoffMaxSeconds']);
  const number = (key: string, otherwise: number): number => {
    const value = strategy[key] ?? otherwise;
    return typeof value === 'number' && value >= 0 ? value : wrong(`waitForPodsReady.requeuingStrategy.${key}`, 'a number of at least 0', value);
  };
  const timestamp = strategy['timestamp'] ?? 'Eviction';
  if (timestamp !== 'Eviction' && timestamp !== 'Creation') wrong('waitForPodsReady.requeuingStrategy.timestamp', 'Eviction or Creation', timestamp);
  const timeoutSeconds = seconds('timeout') ?? 300;
  return {
    timeoutSeconds, recoverySeconds: seconds('recoveryTimeout') ?? timeoutSeconds, byEviction: timestamp === 'Eviction', blocks: blockAdmission === true,
    backoffBaseSeconds: number('backoffBaseSeconds', BACKOFF.backoffBaseSeconds), backoffMostSeconds: number('backoffMaxSeconds', BACKOFF.backoffMostSeconds), backoffLimit: number('backoffLimitCount', Infinity),
  };
}

function transformationOf(fields: Fields, path: string): [string, Transformation] {
  known(fields, `${path}.`, ['input', 'strategy', 'outputs', 'multiplyBy']);
  const { input, strategy = 'Retain', multiplyBy } = fields;
  if (typeof input !== 'string' || input === '') wrong(`${path}.input`, 'the name of a resource', input);
  if (strategy !== 'Retain' && strategy !== 'Replace') wrong(`${path}.strategy`, 'Retain or Replace', strategy);
  const outputs = Object.entries(fieldsOf(fields['outputs'], `${path}.outputs`)).map(([name, quantity]) => [name, amountOf(name, quantity as string)] as const);
  return [input as string, { strategy: strategy as Transformation['strategy'], outputs: new Map(outputs), ...(typeof multiplyBy === 'string' && { multiplyBy }) }];
}

/**
 * What a pod asks for as the queues count it. Inputs are whole pieces: cpu in cores.
 * Source: Kueue, workload applyResourceTransformations and dropExcludedResources.
 */
export function transformed(amounts: ReadonlyMap<string, number>, { excludedPrefixes, transformations }: Pick<QueueConfiguration, 'excludedPrefixes' | 'transformations'>): ReadonlyMap<string, number> {
  const kept = [...amounts].filter(([name]) => !excludedPrefixes.some((prefix) => name.startsWith(prefix)));
  if (transformations.size === 0) return kept.length === amounts.size ? amounts : new Map(kept);
  const result = new Map<string, number>();
  const add = (name: string, amount: number): void => void result.set(name, (result.get(name) ?? 0) + amount);
  const pieces = (name: string, amount: number): number => (name === 'cpu' ? amount / 1_000 : amount);
  for (const [name, amount] of kept) {
    const transformation = transformations.get(name);
    if (transformation === undefined || transformation.strategy === 'Retain') add(name, amount);
    const times = transformation?.multiplyBy === undefined ? 1 : pieces(transformation.multiplyBy, amounts.get(transformation.multiplyBy) ?? 1);
    for (const [output, each] of transformation?.outputs ?? []) add(output, Math.ceil(each * pieces(name, amount) * times));
  }
  return result;
}

function fieldsOf(value: unknown, path: string): Fields {
  if (value === undefined) return {};
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : wrong(path, 'a map', value);
}

function known(fields: Fields, path: string, names: readonly string[]): void {
  const unknown = Object.keys(fields).find((key) => !names.includes(key));
  if (unknown !== undefined) throw new Error(`modules.queue.${path}${unknown} is not known; there are ${names.join(', ')}`);
}

function wrong(path: string, wanted: string, value: unknown): never {
  throw new Error(`modules.queue.${path} must be ${wanted}, not ${JSON.stringify(value)}`);
}
