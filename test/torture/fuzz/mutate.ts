/** Mutations of valid inputs: of values, of texts, of bytes. */
import type { Random } from '../random.ts';

const STRINGS = ['', ' ', '\u0000', '__proto__', 'constructor', 'a'.repeat(300), 'x'.repeat(20_000), '\ud800', '🐙', '../..', '%00', '-1', '1e400', '9'.repeat(400), 'a b', 'ü', '.', '/', 'null', '{}', '1Gi', '25%', '0.0.0.0', '::', 'true', '\n', '2026-01-01T00:00:00Z', '(a+)+$', 'a.b/c', '*'];
const NUMBERS = [0, -1, 1, 65_536, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 63, 1e308, 0.5, -0.1];

/** Any JSON value. */
export function anyValue(random: Random, depth = 0): unknown {
  switch (random.int(depth > 3 ? 5 : 8)) {
    case 0: return null;
    case 1: return random.chance(0.5);
    case 2: return random.pick(NUMBERS);
    case 3: case 4: return random.pick(STRINGS);
    case 5: return Array.from({ length: random.int(4) }, () => anyValue(random, depth + 1));
    case 6: return nest(random.pick([10, 200, 900, 1_200]), random.chance(0.5));
    default: return Object.fromEntries(Array.from({ length: random.int(4) }, () => [random.pick(STRINGS).slice(0, 300), anyValue(random, depth + 1)]));
  }
}

function nest(depth: number, list: boolean): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = list ? [value] : { a: value };
  return value;
}

/** A copy with some of its parts replaced, removed, doubled or exchanged. */
export function mutateValue(value: unknown, random: Random): unknown {
  let mutated = structuredClone(value);
  for (let count = 1 + random.int(3); count > 0; count--) mutated = mutateOnce(mutated, random);
  return mutated;
}

function mutateOnce(value: unknown, random: Random): unknown {
  const places: [object, string | number][] = [];
  collect(value, places);
  const place = places[random.int(Math.max(1, places.length))];
  if (place === undefined || random.chance(0.02)) return anyValue(random);
  const [parent, key] = place as [Record<string | number, unknown>, string | number];
  const other = places[random.int(places.length)] as [Record<string | number, unknown>, string | number];
  const was = parent[key];
  switch (random.int(6)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
      break;
    case 1:
      if (Array.isArray(parent)) parent.push(...Array.from({ length: random.pick([1, 3, 200]) }, () => safeClone(was)));
      else parent[random.pick(STRINGS).slice(0, 300) || 'k'] = was;
      break;
    case 2:
      parent[key] = safeClone(other[0][other[1]]);
      break;
    case 3:
      parent[key] = typeof was === 'string' ? mutateText(was, random) : anyValue(random);
      break;
    default:
      parent[key] = anyValue(random);
  }
  return value;
}

function safeClone(value: unknown): unknown {
  return value === undefined ? null : structuredClone(value);
}

function collect(value: unknown, places: [object, string | number][], depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > 40 || places.length > 5_000) return;
  for (const key of Object.keys(value)) {
    places.push([value, Array.isArray(value) ? Number(key) : key]);
    collect((value as Record<string, unknown>)[key], places, depth + 1);
  }
}

const SNIPPETS = ['\\', '"', '{', '[', '(', ')', ']', '}', '..', ',', '=', '!', '\u0000', '\ufeff', '0', '-', '&a', '*a', '!!', '<<: ', '\n', '\t', '%', '%zz', "'", '|', '>', '@', '?', '*', ':', '$', ' in ', '#', '1e999999', '/'];

/** A text with parts cut, doubled, exchanged or blown up. */
export function mutateText(text: string, random: Random, mostLength = 20_000): string {
  let mutated = text;
  for (let count = 1 + random.int(4); count > 0; count--) {
    const from = random.int(mutated.length + 1);
    const to = from + random.int(Math.min(12, mutated.length - from) + 1);
    const [before, part, after] = [mutated.slice(0, from), mutated.slice(from, to), mutated.slice(to)];
    switch (random.int(6)) {
      case 0: mutated = before + after; break;
      case 1: mutated = before + random.pick(SNIPPETS) + part + after; break;
      case 2: mutated = before + part + part + after; break;
      case 3: mutated = before + String.fromCharCode(random.pick([0, 9, 32, 65, 127, 233, 0xd800, 0xffff])) + after; break;
      case 4: mutated = before + random.pick(SNIPPETS) + after; break;
      default: {
        const pumped = part === '' ? random.pick(SNIPPETS) : part;
        mutated = before + (random.chance(0.3) ? pumped.repeat(Math.max(1, Math.floor(random.pick([50, 1_000, mostLength]) / pumped.length))) : part) + after;
      }
    }
    mutated = mutated.slice(0, mostLength * 2);
  }
  return mutated;
}

export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  let mutated = Buffer.from(bytes);
  for (let count = 1 + random.int(5); count > 0 && mutated.length > 0; count--) {
    const at = random.int(mutated.length);
    switch (random.int(5)) {
      case 0: mutated[at] = random.int(256); break;
      case 1: mutated = mutated.subarray(0, at); break;
      case 2: mutated = Buffer.concat([mutated.subarray(0, at), Buffer.alloc(random.pick([1, 8, 5_000]), random.int(256)), mutated.subarray(at)]); break;
      case 3: mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(Math.min(mutated.length, at + 1 + random.int(8)))]); break;
      default: mutated[at] = (mutated[at] as number) ^ (1 << random.int(8));
    }
  }
  return mutated;
}
