/** What a ClusterQueue says of its policy, as options of an admission. */
import type { ClusterQueue, LocalQueue } from '../../api/kueue/types.ts';
import { AGEING, BACKFILL, MOST_PREEMPTIONS, POLICY, POLICY_NAMES, TENANT, TRIALS, WEIGHTS, YIELDING as YIELDING_ANNOTATION } from '../../api/kueue/names.ts';
import { quantityMillis } from '../../api/quantity.ts';
import { USE_SHARING, type UseSharing } from './configuration.ts';
import { durationSeconds } from './duration.ts';
import type { AdmissionOptions } from './policy/admission-options.ts';
import { byPriority } from './policy/pending.ts';
import { POLICIES, SHARE_PREEMPTION, YIELDING, yieldingPolicy } from './policy/policies.ts';
import type { PreemptionRules } from './policy/pool.ts';

const MOST_PREEMPTIONS_DEFAULT = 3;
/** What of the configuration holds for a queue that shares by use, and the resources of its vectors. */
interface Use { readonly useSharing: UseSharing; readonly resources: readonly string[] }

const BACKFILLS: ReadonlyMap<string | undefined, AdmissionOptions['backfill']> = new Map([['EASY', 'easy'], ['None', 'none'], ['BestEffort', 'skip']]);

/**
 * The annotation names the policy; else it is Kueue's own strategy, which goes by priority and then by arrival. A policy whose trials begin jobs twice has
 * them only where the queue asks for it: jobs of others may not bear it.
 */
export function optionsOf({ metadata, spec }: ClusterQueue, localQueues: readonly LocalQueue[] = [], use: Use = { useSharing: USE_SHARING, resources: [] }): Omit<AdmissionOptions, 'capacity'> {
  const annotations = metadata.annotations ?? {};
  const name = POLICY_NAMES.find((each) => each === annotations[POLICY]);
  const base = name === undefined ? ownStrategy(spec, use) : POLICIES[name]();
  const backfill = BACKFILLS.get(annotations[BACKFILL]);
  const yields = name === 'ShortestJobFirst' ? annotations[YIELDING_ANNOTATION] : undefined;
  const { trials, ...rest } = yields === 'true' || yields === 'unbounded' ? yieldingPolicy({ bounded: yields === 'true', mostPerJob: mostPreemptions(annotations, YIELDING.mostPerJob) }) : base;
  return {
    ...rest,
    ...(trials !== undefined && annotations[TRIALS] === 'true' && { trials }),
    ...(backfill !== undefined && { backfill }),
    ...(name === 'Priority' && { order: byPriority(ageingOf(annotations[AGEING])) }),
    ...(keepsShares(spec, name) && { sharePreemption: { ...SHARE_PREEMPTION, mostPerJob: mostPreemptions(annotations) } }),
    ...(rest.fairShare !== undefined && { fairShare: { ...rest.fairShare, weights: { ...localWeights(localQueues), ...weightsOf(annotations[WEIGHTS]) } } }),
  };
}

/** Kueue's own: by priority, then by arrival; where the queue shares by use, before all of that by what each LocalQueue had. */
function ownStrategy(spec: ClusterQueue['spec'], { useSharing: { halfLifeSeconds, resourceWeights }, resources }: Use): Omit<AdmissionOptions, 'capacity'> {
  const { fairShare: usual } = sharesByUse(spec) ? POLICIES.FairShare() : {};
  const past = halfLifeSeconds === 0 ? { pastPart: 0 } : { halfLifeSeconds };
  const fairShare = usual && { ...usual, ...past, resourceWeights: resources.map((each) => resourceWeights.get(each) ?? 1) };
  return { ...POLICIES.FIFO(), order: byPriority(Infinity), backfill: spec?.queueingStrategy === 'StrictFIFO' ? 'none' : 'skip', ...(fairShare !== undefined && { fairShare }) };
}

/** Source: Kueue, admission fair sharing. */
export function sharesByUse(spec: ClusterQueue['spec']): boolean {
  return spec?.admissionScope?.admissionMode?.startsWith('UsageBased') === true;
}

/** Who is a tenant: `namespace`, `localqueue` or `label:KEY`. */
export function tenantRuleOf({ metadata, spec }: ClusterQueue): string {
  return metadata.annotations?.[TENANT] ?? (sharesByUse(spec) && metadata.annotations?.[POLICY] === undefined ? 'localqueue' : 'namespace');
}

/** Of tenants that are LocalQueues, 1 by default. Who has none counts as having used more than all others, once it has used anything. */
function localWeights(localQueues: readonly LocalQueue[]): Record<string, number> {
  const pairs = localQueues.map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, quantityMillis(spec?.fairSharing?.weight ?? '1') / 1_000] as const);
  return Object.fromEntries(pairs.map(([name, weight]) => [name, weight > 0 ? weight : Number.EPSILON] as const));
}

export function rulesOf({ metadata, spec }: ClusterQueue): PreemptionRules {
  const { withinClusterQueue, reclaimWithinCohort, borrowWithinCohort } = spec?.preemption ?? {};
  return {
    within: keepsShares(spec, metadata.annotations?.[POLICY]) ? 'Never' : (withinClusterQueue as PreemptionRules['within'] | undefined) ?? 'Never',
    reclaim: (reclaimWithinCohort as PreemptionRules['reclaim'] | undefined) ?? 'Never',
    mostPerJob: mostPreemptions(metadata.annotations),
    ...(borrowWithinCohort?.policy === 'LowerPriority' && { borrowUpTo: borrowWithinCohort.maxPriorityThreshold ?? Infinity }),
  };
}

/** Under FairShare it is shares, and not priorities, for which jobs of the same queue are stopped. */
function keepsShares(spec: ClusterQueue['spec'], policy: string | undefined): boolean {
  return policy === 'FairShare' && (spec?.preemption?.withinClusterQueue ?? 'Never') !== 'Never';
}

function mostPreemptions(annotations: Readonly<Record<string, string>> = {}, otherwise = MOST_PREEMPTIONS_DEFAULT): number {
  const most = Number(annotations[MOST_PREEMPTIONS] ?? otherwise);
  return Number.isInteger(most) && most >= 0 ? most : otherwise;
}

function ageingOf(text: string | undefined): number {
  return text === 'never' ? Infinity : (durationSeconds(text) ?? 3_600);
}

/** `a=2,b=1`; what is no positive number is left out. */
function weightsOf(text: string | undefined): Record<string, number> {
  const pairs = (text ?? '').split(',').map((each) => each.split('=')).map(([name = '', weight]) => [name.trim(), Number(weight)] as const);
  return Object.fromEntries(pairs.filter(([name, weight]) => name !== '' && weight > 0));
}
