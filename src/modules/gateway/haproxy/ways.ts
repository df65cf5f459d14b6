/**
 * Which requests are told apart by one look into a map, whatever the number of routes: those of prefixes without further conditions. Others are tried one by one, some of them
 * before, some after. Pure.
 */
import type { Entry, PathMatch } from '../rules.ts';

export interface Ways {
  before: Entry[];
  /** Prefixes of which the longest one wins; none twice. */
  mapped: Entry[];
  after: Entry[];
}

/** Fewer prefixes are not worth a map. */
const FEWEST = 4;

/** Of entries of one hostname of one listener, in the order in which they are to be tried; what is tried first of all that match stays the same. */
export function waysOf(entries: readonly Entry[]): Ways {
  const ways: Ways = { before: [], mapped: [], after: [] };
  const seen = new Set<string>();
  const meets = (others: readonly Entry[], { match }: Entry): boolean => others.some((other) => overlap(other.match.path, match.path));
  for (const entry of entries) {
    if (meets(ways.after, entry)) ways.after.push(entry);
    else if (isPlain(entry)) {
      const prefix = prefixOf(entry.match.path.value);
      if (!seen.has(prefix)) ways.mapped.push(entry);
      seen.add(prefix);
    } else if (meets(ways.mapped, entry)) ways.after.push(entry);
    else ways.before.push(entry);
  }
  return ways.mapped.length < FEWEST ? { before: [...entries], mapped: [], after: [] } : ways;
}

/** Lines of a map, for `path,concat(/),map_beg`: whole elements of a path. The one of all paths is the map's default. */
export function mapText(mapped: readonly { prefix: string; backend: string }[]): string {
  return mapped.map(({ prefix, backend }) => `${prefix}/ ${backend}\n`).join('');
}

/** Without its last slash; '' for all paths. */
export const prefixOf = (value: string): string => value.replace(/\/+$/, '');

function isPlain({ match, action }: Entry): boolean {
  return match.path.type === 'PathPrefix' && match.method === undefined && match.headers.length === 0 && match.queryParams.length === 0 && action.targets.length === 1 && /^(\/[!-.0-~]+)*\/?$/.test(match.path.value);
}

/** Whether a path may fit both. */
function overlap(one: PathMatch, other: PathMatch): boolean {
  if (one.type === 'RegularExpression' || other.type === 'RegularExpression') return true;
  if (one.type === 'Exact' && other.type === 'Exact') return one.value === other.value;
  return one.type === 'Exact' ? covers(other.value, one.value) : other.type === 'Exact' ? covers(one.value, other.value) : covers(one.value, other.value) || covers(other.value, one.value);
}

function covers(prefix: string, path: string): boolean {
  return `${path}/`.startsWith(`${prefixOf(prefix)}/`);
}
