/** Reads a YAML text; as a thread it reads `workerData` and posts the result as JSON. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { isMap, isScalar, parseAllDocuments, visit, type Document } from 'yaml';

/** The value as JSON text, or what is wrong. */
export type YamlRead = { json: string } | { error: string };

/** The first document that is not empty, or why there is none. */
export function readYaml(text: string): YamlRead {
  try {
    // Whether keys are unique is looked at below: the library compares each with each.
    const documents = parseAllDocuments(text, { uniqueKeys: false, version: '1.1' });
    const first = Array.isArray(documents) ? (documents.find((document) => document.contents !== null) ?? documents[0]) : undefined;
    if (first === undefined) return { error: 'the body of the request was empty' };
    const fault = first.errors[0]?.message.split('\n')[0] ?? doubledKey(first as Document);
    if (fault !== undefined) return { error: `error converting YAML to JSON: yaml: ${fault}` };
    return { json: JSON.stringify(first.toJS({ maxAliasCount: 100 }) ?? null) };
  } catch (error) {
    return { error: `error converting YAML to JSON: yaml: ${(error as Error).message.split('\n')[0]}` };
  }
}

function doubledKey(document: Document): string | undefined {
  let fault: string | undefined;
  visit(document, {
    Map(_key, map) {
      const keys = new Set<unknown>();
      for (const { key } of map.items) {
        if (isMap(key)) continue;
        const value = isScalar(key) ? key.value : key;
        if (keys.has(value) && value !== '<<') {
          fault = `Map keys must be unique: ${JSON.stringify(String(value).slice(0, 100))} is there twice`;
          return visit.BREAK;
        }
        keys.add(value);
      }
      return undefined;
    },
  });
  return fault;
}

if (!isMainThread && typeof workerData === 'string' && parentPort !== null) parentPort.postMessage(readYaml(workerData));
