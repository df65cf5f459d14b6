/** Reads a YAML text; as a thread it reads `workerData` and posts the result as JSON. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import '../../api/int64.ts';
import { isMap, isScalar, LineCounter, parseAllDocuments, visit, type Document, type Tags } from 'yaml';

/** The value as JSON text, with what is said of keys that stand twice (the last one holds), or what is wrong. */
export type YamlRead = { json: string; doubled: string[] } | { error: string };

const DOUBLED_MOST = 50;

/** The first document that is not empty, or why there is none. */
export function readYaml(text: string): YamlRead {
  try {
    // Whether keys are unique is looked at below: the library compares each with each.
    const lineCounter = new LineCounter();
    // Integers as bigints: whether they fit a number is seen when the JSON is parsed.
    const documents = parseAllDocuments(text, { uniqueKeys: false, version: '1.1', customTags: withoutTimes, intAsBigInt: true, logLevel: 'error', lineCounter });
    const first = Array.isArray(documents) ? (documents.find((document) => document.contents !== null) ?? documents[0]) : undefined;
    if (first === undefined) return { error: 'the body of the request was empty' };
    const fault = first.errors[0]?.message.split('\n')[0];
    if (fault !== undefined) return { error: `error converting YAML to JSON: yaml: ${fault}` };
    return { json: JSON.stringify(first.toJS({ maxAliasCount: 100 }) ?? null, finite), doubled: doubledKeys(first as Document, lineCounter) };
  } catch (error) {
    return { error: `error converting YAML to JSON: yaml: ${(error as Error).message.split('\n')[0]}` };
  }
}

/** What looks like a time stays the text that it is, as Go's YAML has it: a Date would lose its microseconds, and would make times of what is none, such as `2001-01-01` of a ConfigMap. */
function withoutTimes(tags: Tags): Tags {
  return tags.filter((tag) => typeof tag === 'string' || tag.tag !== TIME);
}

const TIME = 'tag:yaml.org,2002:timestamp';

/** As Go's encoding/json has it; JSON.stringify would write null. */
function finite(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`);
  return value;
}

/** In the words of Go's YAML. */
function doubledKeys(document: Document, lines: LineCounter): string[] {
  const found: string[] = [];
  visit(document, {
    Map(_key, map) {
      const keys = new Set<unknown>();
      for (const { key } of map.items) {
        if (isMap(key)) continue;
        const value = isScalar(key) ? key.value : key;
        if (keys.has(value) && value !== '<<') {
          const { line } = lines.linePos((key as { range?: [number] }).range?.[0] ?? 0);
          found.push(`line ${line}: key ${JSON.stringify(String(value).slice(0, 100))} already set in map`);
          if (found.length === DOUBLED_MOST) return visit.BREAK;
        }
        keys.add(value);
      }
      return undefined;
    },
  });
  return found;
}

if (!isMainThread && typeof workerData === 'string' && parentPort !== null) parentPort.postMessage(readYaml(workerData));
