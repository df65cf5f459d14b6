/** The number at a place in an answer: JSON, YAML, XML, or the exposition of Prometheus (KEDA: Metrics API, `format`). Pure. */
import { isQuantity, quantityMillis } from '../../../api/quantity.ts';
import { compile } from '../../../api/schema/regular-expression.ts';
import { finite, TriggerError } from './trigger.ts';

export const FORMATS = ['json', 'yaml', 'xml', 'prometheus'] as const;
export type Format = (typeof FORMATS)[number];

/** Rejects with Error when there is no number (or quantity, such as `10Mi`). `whose` is named then. */
export async function numberIn(text: string, { format, location, whose }: { format: Format; location: string; whose: string }): Promise<number> {
  const found = format === 'prometheus' ? sampleIn(text, location) : valueAt(await parse(text, format, whose), location);
  const plain = typeof found === 'string' ? found.trim() : found;
  if (typeof plain === 'string' && Number.isNaN(Number(plain)) && isQuantity(plain)) return quantityMillis(plain) / 1_000;
  return finite(plain, `what is at ${location}`);
}

async function parse(text: string, format: Exclude<Format, 'prometheus'>, whose: string): Promise<unknown> {
  try {
    if (format === 'json') return JSON.parse(text);
    return format === 'yaml' ? (await import('yaml')).parse(text, { maxAliasCount: 100 }) : xmlTree(text);
  } catch (error) {
    throw new Error(`${whose} did not answer in ${format.toUpperCase()}`, { cause: error });
  }
}

/** `components.worker.tasks`, `queues.0.size`, `queues.#` (how many): as much of GJSON's paths as have no queries. */
export function valueAt(root: unknown, path: string): unknown {
  let at = root;
  for (const part of path.split(/(?<!\\)\./).map((each) => each.replaceAll('\\.', '.'))) {
    if (Array.isArray(at)) at = part === '#' ? at.length : (at as unknown[])[Number(part)];
    else if (typeof at === 'object' && at !== null && Object.hasOwn(at, part)) at = (at as Record<string, unknown>)[part];
    else return undefined;
  }
  return at;
}

type XmlNode = string | { [name: string]: XmlNode | XmlNode[] };
/** One after the other: where none begins the text is no XML, and is not searched for another one. */
const TOKENS = /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<[?!][^>]*>|<\/([^\s>]+)\s*>|<([^\s/>]+)((?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|([^<]+)/gy;
const MOST_DEPTH = 100;

/** Elements by name, several of one name as a list; attributes as `-name`, and text beside either as `#text`. Entities but the five of XML stay as they are. Throws Error. */
export function xmlTree(text: string): XmlNode {
  interface Open { name: string; fields: { [name: string]: XmlNode | XmlNode[] }; text: string }
  const root: Open = { name: '', fields: {}, text: '' };
  const open: Open[] = [root];
  const close = ({ name, fields, text: inner }: Open, into: Open): void => {
    const own = inner.trim();
    const node: XmlNode = Object.keys(fields).length === 0 ? own : own === '' ? fields : { ...fields, '#text': own };
    const before = Object.hasOwn(into.fields, name) ? into.fields[name] : undefined;
    into.fields[name] = before === undefined ? node : Array.isArray(before) ? [...before, node] : [before, node];
  };
  let end = 0;
  for (const [token, raw, ending, name, attributes = '', alone, words] of text.matchAll(TOKENS)) {
    end += token.length;
    const top = open.at(-1)!;
    if (raw !== undefined) top.text += raw;
    else if (words !== undefined) top.text += unescape(words);
    else if (ending !== undefined) {
      if (open.length === 1 || top.name !== ending) throw new Error(`</${ending}> ends nothing`);
      close(open.pop()!, open.at(-1)!);
    } else if (name !== undefined) {
      const fields = Object.fromEntries([...attributes.matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(([, key, double, single]) => [`-${key}`, unescape(double ?? single ?? '')]));
      const element: Open = { name, fields, text: '' };
      if (alone === '/') close(element, top);
      else if (open.push(element) > MOST_DEPTH) throw new Error('the elements are too deep');
    }
  }
  if (end < text.length) throw new Error(`${JSON.stringify(text.slice(end, end + 20))} begins no element`);
  if (open.length !== 1 || Object.keys(root.fields).length === 0) throw new Error('an element has no end');
  return root.fields;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replaceAll(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => ENTITIES[name]!);
}

interface Matcher { label: string; matches(value: string): boolean }

/** The first sample that a selector such as `queue_size{name="jobs",state=~"ready|new"}` finds; undefined where none is. Throws TriggerError for what is no selector. */
export function sampleIn(text: string, selector: string): string | undefined {
  const [, name, inner = ''] = /^\s*([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\}\s*)?$/s.exec(selector) ?? [];
  if (name === undefined) throw new TriggerError(`valueLocation ${JSON.stringify(selector)} is no metric: write name or name{label="value"}`);
  const matchers = matchersOf(inner, selector);
  for (const each of text.split('\n')) {
    const line = each.trimStart();
    if (!line.startsWith(name)) continue;
    const [, metric, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(\S+)/.exec(line) ?? [];
    if (metric !== name) continue;
    const own = labels === '' ? [] : labelsIn(labels);
    if (own === undefined) continue;
    const values = new Map(own.map(({ label, value: its }) => [label, its]));
    if (matchers.every(({ label, matches }) => matches(values.get(label) ?? ''))) return value;
  }
  return undefined;
}

function matchersOf(text: string, selector: string): Matcher[] {
  const labels = labelsIn(text);
  if (labels === undefined) throw new TriggerError(`valueLocation ${JSON.stringify(selector)}: ${JSON.stringify(text.trim())} are no matchers of labels`);
  return labels.map(({ label, operator, value: wanted }) => {
    if (operator === '=' || operator === '!=') return { label, matches: (value) => (value === wanted) === (operator === '=') };
    const pattern = patternOf(wanted);
    return { label, matches: (value) => pattern.test(value) === (operator === '=~') };
  });
}

/** One after the other, so that a text that is something else is looked at once only. Names may be quoted, as those beyond ASCII are. */
const LABEL = /\s*([a-zA-Z_]\w*|"(?:[^"\\]|\\.)*")\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*,?/gy;

/** What stands between the braces; undefined where that is anything else. */
function labelsIn(text: string): { label: string; operator: string; value: string }[] | undefined {
  let end = 0;
  const labels = [...text.matchAll(LABEL)].map(([whole, name = '', operator = '', quoted = '']) => {
    end += whole.length;
    return { label: unquote(name.startsWith('"') ? name.slice(1, -1) : name), operator, value: unquote(quoted) };
  });
  return text.slice(end).trim() === '' ? labels : undefined;
}

/** All of a label's value, as Prometheus has it (labels.FastRegexMatcher). */
function patternOf(text: string): RegExp {
  const pattern = compile(`(?s)^(?:${text})$`);
  if (pattern === undefined) throw new TriggerError(`${JSON.stringify(text)} is no regular expression`);
  return pattern;
}

function unquote(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
