/** A watch on the wire: one JSON document a line, `{"type": .., "object": ..}` (Kubernetes API concepts, "Efficient detection of changes"). */
import { ApiError, type Status } from '../../api/errors.ts';
import { parseJson } from '../../api/int64.ts';
import { deepFreeze } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { WatchEvent } from '../client.ts';

const NEWLINE = 10;

/** Cuts chunks at newlines; what is left without one at the end is given as well. Throws when a line is longer than `maxBytes`. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = chunk.subarray(start, end);
      yield parts.length === 0 ? line : Buffer.concat([...parts, line]);
      parts = [];
      size = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      size += chunk.length - start;
      if (size > maxBytes) throw new ApiError('RequestEntityTooLarge', `a watch event has more than ${maxBytes} bytes`);
    }
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

/** The event of a line, frozen; undefined for an empty line. Throws the ApiError of an ERROR event, and ServiceUnavailable for anything else. */
export function parseWatchLine<T extends KubeObject>(line: Buffer): WatchEvent<T> | undefined {
  const text = line.toString('utf8').trim();
  if (text === '') return undefined;
  const event = parsed(text);
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return deepFreeze(event) as WatchEvent<T>;
    case 'ERROR':
      throw ApiError.fromStatus(event.object as unknown as Partial<Status>);
    default:
      throw new ApiError('ServiceUnavailable', `the server sent a watch event of an unknown type ${JSON.stringify(event.type)}`);
  }
}

function parsed(text: string): { type: string; object: KubeObject } {
  try {
    const event = parseJson(text) as { type?: string; object?: KubeObject };
    if (typeof event.type === 'string' && typeof event.object === 'object' && event.object !== null) return event as { type: string; object: KubeObject };
  } catch {
    // Cut off, or not a watch at all.
  }
  throw new ApiError('ServiceUnavailable', `the server sent what is no watch event: ${text.slice(0, 200)}`);
}
