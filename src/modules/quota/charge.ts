/** Whether a quota bears one object more, and what is used then (upstream: resourcequota controller, CheckRequest). Pure. */
import type { Pod, ResourceQuota } from '../../api/generated/core-v1.ts';
import type { KindNames } from '../../api/kind.ts';
import { addQuantities, compareQuantities, subtractQuantities } from '../../api/quantity.ts';
import type { Usage } from './usage.ts';

export type Charge = { used: Usage } | { refused: string } | undefined;

/** What of the resources of a quota grows from `before` to `after`. */
export function growth(quota: ResourceQuota, after: Usage, before: Usage): Usage {
  const delta: Usage = {};
  for (const name in quota.status?.hard) {
    const more = subtractQuantities(after[name] ?? '0', before[name] ?? '0');
    if (compareQuantities(more, 0) > 0) delta[name] = more;
  }
  return delta;
}

/** undefined when nothing grows. */
export function charge(quota: ResourceQuota, delta: Usage): Charge {
  const names = Object.keys(delta).sort();
  if (names.length === 0) return undefined;
  const [hard, used] = [quota.status?.hard ?? {}, { ...quota.status?.used }];
  const over: string[] = [];
  for (const name of names) {
    const next = addQuantities(used[name] ?? '0', delta[name] ?? '0');
    if (compareQuantities(next, hard[name] ?? '0') > 0) over.push(name);
    used[name] = next;
  }
  if (over.length === 0) return { used };
  const list = (of: Readonly<Record<string, string>>): string => over.map((name) => `${name}=${of[name] ?? '0'}`).join(',');
  return { refused: `exceeded quota: ${quota.metadata.name}, requested: ${list(delta)}, used: ${list(quota.status?.used ?? {})}, limited: ${list(hard)}` };
}

/** The containers of a pod must say how much they want of what a quota bounds, unless the pod says anything of itself; gives the refusal of one that does not. */
export function unsaid(quota: ResourceQuota, kind: Pick<KindNames, 'group' | 'plural'>, pod: Pod): string | undefined {
  if (kind.group !== '' || kind.plural !== 'pods') return undefined;
  if (Object.keys({ ...pod.spec?.resources?.requests, ...pod.spec?.resources?.limits }).length > 0) return undefined;
  const missing: string[] = [];
  for (const name of Object.keys(quota.status?.hard ?? {}).sort()) {
    const [what, resource] = sourceOf(name);
    if (resource === undefined) continue;
    const silent = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].filter((each) => each.resources?.[what]?.[resource] === undefined);
    if (silent.length > 0) missing.push(`${name} for: ${silent.map((each) => each.name).sort().join(',')}`);
  }
  return missing.length === 0 ? undefined : `failed quota: ${quota.metadata.name}: must specify ${missing.join('; ')}`;
}

/** Only cpu and memory must be said. */
function sourceOf(name: string): ['requests' | 'limits', string | undefined] {
  const resource = name.replace(/^(requests|limits)\./, '');
  return [name.startsWith('limits.') ? 'limits' : 'requests', resource === 'cpu' || resource === 'memory' ? resource : undefined];
}
