/**
 * OpenCost's filters of allocations: `namespace:"team-a","team-b"+label[app]!:"web"`. Values with commas are alternatives, `+` asks for all and `|` for one of the parts, parentheses
 * keep parts together; `:` equals, `~:` contains, `<~:` begins with, `~>:` ends with, each with `!` before it for the contrary. Pure.
 */
import type { MeteredPod } from '../../api/metering/usage-record.ts';
import { CLUSTER, labelReader } from './grouping.ts';
import type { Slice } from './slices.ts';

/** `pod` is undefined for claims and routes. */
export type Filter = (namespace: string, pod: MeteredPod | undefined) => boolean;

const MOST_CHARACTERS = 4_000;

const FIELDS: Readonly<Record<string, (namespace: string, pod: MeteredPod | undefined) => string | undefined>> = {
  namespace: (namespace) => namespace, node: (_, pod) => pod?.node, pod: (_, pod) => pod?.name, controllerName: (_, pod) => pod?.owner?.slice(pod.owner.indexOf('/') + 1),
  controllerKind: (_, pod) => pod?.owner?.slice(0, pod.owner.indexOf('/')).toLowerCase(),
};
const COMPARISONS: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  ':': (value, wanted) => value === wanted, '~:': (value, wanted) => value.includes(wanted), '<~:': (value, wanted) => value.startsWith(wanted), '~>:': (value, wanted) => value.endsWith(wanted),
};

/** Throws RangeError with what can be written. */
export function parseFilter(text: string, cluster = CLUSTER): Filter {
  const fields: typeof FIELDS = { cluster: () => cluster, ...FIELDS };
  if (text.length > MOST_CHARACTERS) throw new RangeError(`a filter has at most ${MOST_CHARACTERS} characters`);
  let rest = text.trim();
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const found = pattern.exec(rest) ?? undefined;
    if (found !== undefined) rest = rest.slice(found[0].length).trimStart();
    return found;
  };
  const wrong = (): never => {
    throw new RangeError(`the filter cannot be read at ${JSON.stringify(rest.slice(0, 40))}: write for instance namespace:"a","b"+label[app]!:"web", with ${Object.keys(fields).join(', ')} or label[NAME]`);
  };
  const whole = parts(0);
  return rest === '' ? whole : wrong();

  function parts(depth: number): Filter {
    const all = [part(depth)];
    const joint = /^[+|]/.exec(rest)?.[0];
    while (joint !== undefined && take(joint === '+' ? /^\+/ : /^\|/) !== undefined) all.push(part(depth));
    return joint === '|' ? (...asked) => all.some((each) => each(...asked)) : (...asked) => all.every((each) => each(...asked));
  }

  function part(depth: number): Filter {
    if (depth < 20 && take(/^\(/) !== undefined) {
      const inner = parts(depth + 1);
      return take(/^\)/) === undefined ? wrong() : inner;
    }
    const [, label, name = '', no, comparison = ''] = take(/^(?:label\[([^\]"]+)\]|(\w+))\s*(!?)(:|~:|<~:|~>:)/) ?? wrong();
    const labelled = label === undefined ? undefined : labelReader(label);
    const read: (typeof FIELDS)[string] | undefined = labelled === undefined ? (Object.hasOwn(fields, name) ? fields[name] : undefined) : (_, asked) => labelled(asked);
    const values: string[] = [];
    do values.push((take(/^"([^"]*)"/) ?? take(/^([^\s"'+|(),]+)/) ?? wrong())[1] ?? '');
    while (take(/^,/) !== undefined);
    if (read === undefined) return wrong();
    const matches: Filter = (namespace, pod) => values.some((wanted) => COMPARISONS[comparison]!(read(namespace, pod) ?? '', wanted));
    return no === '!' ? (namespace, pod) => !matches(namespace, pod) : matches;
  }
}

/** What of the slice is asked for. */
export function filtered(slice: Slice, filter: Filter): Slice {
  const others = filter(slice.namespace, undefined);
  return { ...slice, pods: slice.pods.filter((pod) => filter(slice.namespace, pod)), claims: others ? slice.claims : [], routes: others ? slice.routes : [] };
}
