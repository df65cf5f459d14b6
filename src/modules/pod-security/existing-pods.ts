/** What whoever tightens the level of a namespace hears of the pods that are there already; they stay. Pure (upstream: EvaluatePodsInNamespace). */
import type { Pod } from '../../api/core/pod.ts';
import { violationsOf } from './checks.ts';
import { showLevel, type LevelVersion } from './levels.ts';

const MAX_PODS = 3_000;

export interface ExistingPods {
  namespace: string;
  pods: readonly Pod[];
  enforce: LevelVersion;
  /** Runtime classes whose pods are not judged. */
  exempt: readonly string[];
  /** How many are judged at most; default 3,000. */
  max?: number;
}

/** Texts of warnings; none when no pod violates the level. */
export function warningsOfPods({ namespace, pods, enforce, exempt, max = MAX_PODS }: ExistingPods): string[] {
  const all = prioritized(pods.filter(({ spec }) => !exempt.includes(spec?.runtimeClassName ?? '')));
  const byReason = new Map<string, string[]>();
  for (const { metadata, spec } of all.slice(0, max)) {
    const reason = violationsOf(enforce, spec ?? { containers: [] }, metadata.annotations).map((each) => each.reason).join(', ');
    if (reason === '') continue;
    const names = byReason.get(reason);
    if (names === undefined) byReason.set(reason, [metadata.name ?? '']);
    else names.push(metadata.name ?? '');
  }
  return [
    ...(all.length > max ? [`new PodSecurity enforce level only checked against the first ${max} of ${all.length} existing pods`] : []),
    ...(byReason.size > 0 ? [`existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level "${showLevel(enforce)}"`] : []),
    ...[...byReason].map(([reason, names]) => `${names.sort()[0]}${others(names.length - 1)}: ${reason}`).sort(),
  ];
}

/** Of the pods of one controller the first comes with those that have none, its like come after all of these. */
function prioritized(pods: readonly Pod[]): Pod[] {
  const seen = new Set<string>();
  const [first, later]: [Pod[], Pod[]] = [[], []];
  for (const pod of pods) {
    const uid = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
    (uid !== undefined && seen.has(uid) ? later : first).push(pod);
    if (uid !== undefined) seen.add(uid);
  }
  return [...first, ...later];
}

function others(count: number): string {
  return count === 0 ? '' : count === 1 ? ' (and 1 other pod)' : ` (and ${count} other pods)`;
}
