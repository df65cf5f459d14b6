/**
 * OpenCost's filters of allocations: `namespace:"team-a","team-b"+label[app]!:"web"`. Values with commas are alternatives, `+` asks for all and `|` for one of the parts, parentheses
 * keep parts together; `:` equals, `~:` contains, `<~:` begins with, `~>:` ends with, each with `!` before it for the contrary. Pure.
 */
import { ALIASES, aliasReader, annotationsOf, CLUSTER, keyReader, labelsOf, namespaceLabelsOf, prometheusName, TEXTS, type Read, type Subject } from './subject.ts';

export type Filter = (subject: Subject) => boolean;

const MOST_CHARACTERS = 4_000;

const MAPS: Readonly<Record<string, (subject: Subject) => Readonly<Record<string, string>>>> = { label: labelsOf, annotation: annotationsOf, namespaceLabel: namespaceLabelsOf };
const COMPARISONS: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  ':': (value, wanted) => value === wanted, '~:': (value, wanted) => value.includes(wanted), '<~:': (value, wanted) => value.startsWith(wanted), '~>:': (value, wanted) => value.endsWith(wanted),
};

/** What is compared with one value. Throws RangeError where there is no such field. */
function comparisonOf(field: string, key: string | undefined, comparison: string, cluster: string): ((subject: Subject, wanted: string) => boolean) | undefined {
  const compare = COMPARISONS[comparison]!;
  // Of lists and of maps without a key, to be equal and to contain is the same. Source: OpenCost, ast.parser.comparison.
  const compareKey = comparison === '~:' ? COMPARISONS[':']! : compare;
  if (field === 'services') {
    return ({ pod }, wanted) => (wanted === '' && compareKey === COMPARISONS[':'] ? (pod?.services ?? []).length === 0 : (pod?.services ?? []).some((name) => compareKey(name, wanted)));
  }
  if (Object.hasOwn(MAPS, field)) {
    if (key === undefined) return (subject, wanted) => Object.keys(MAPS[field]!(subject)).some((name) => compareKey(prometheusName(name), prometheusName(wanted)));
    const read = keyReader(MAPS[field]!, key);
    return (subject, wanted) => compare(read(subject) ?? '', wanted);
  }
  const read: Read | undefined = field === 'cluster' ? () => cluster : Object.hasOwn(ALIASES, field) ? aliasReader(field) : Object.hasOwn(TEXTS, field) ? TEXTS[field as keyof typeof TEXTS] : undefined;
  return read === undefined || key !== undefined ? undefined : (subject, wanted) => compare(read(subject) ?? '', wanted);
}

/** Throws RangeError with what can be written. A filter of nothing lets all through. */
export function parseFilter(text: string, cluster = CLUSTER): Filter {
  if (text.length > MOST_CHARACTERS) throw new RangeError(`a filter has at most ${MOST_CHARACTERS} characters`);
  let rest = text.trim();
  if (rest === '') return () => true;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const found = pattern.exec(rest) ?? undefined;
    if (found !== undefined) rest = rest.slice(found[0].length).trimStart();
    return found;
  };
  const wrong = (): never => {
    throw new RangeError(`the filter cannot be read at ${JSON.stringify(rest.slice(0, 40))}: write for instance namespace:"a","b"+label[app]!:"web", with cluster, ${[...Object.keys(TEXTS), ...Object.keys(ALIASES)].join(', ')}, services, ${Object.keys(MAPS).map((map) => `${map}[NAME]`).join(', ')}`);
  };
  const whole = parts(0);
  return rest === '' ? whole : wrong();

  function parts(depth: number): Filter {
    const all = [part(depth)];
    const joint = /^[+|]/.exec(rest)?.[0];
    while (joint !== undefined && take(joint === '+' ? /^\+/ : /^\|/) !== undefined) all.push(part(depth));
    return joint === '|' ? (subject) => all.some((each) => each(subject)) : (subject) => all.every((each) => each(subject));
  }

  function part(depth: number): Filter {
    if (depth < 20 && take(/^\(/) !== undefined) {
      const inner = parts(depth + 1);
      return take(/^\)/) === undefined ? wrong() : inner;
    }
    const [, field = '', key, no, comparison = ''] = take(/^(\w+)(?:\[([^\]"]+)\])?\s*(!?)(:|~:|<~:|~>:)/) ?? wrong();
    const values: string[] = [];
    do values.push((take(/^"([^"]*)"/) ?? take(/^([^\s"'+|(),]+)/) ?? wrong())[1] ?? '');
    while (take(/^,/) !== undefined);
    const compare = comparisonOf(field, key, comparison, cluster) ?? wrong();
    // Who has none of what it is grouped by is found by the name that its group has.
    const wanted = values.map((value) => (value === '__unallocated__' ? '' : value));
    const matches: Filter = (subject) => wanted.some((each) => compare(subject, each));
    return no === '!' ? (subject) => !matches(subject) : matches;
  }
}

export function asksForContainers(filter: string): boolean {
  return /\bcontainer\s*!?[:~<]/.test(filter);
}
