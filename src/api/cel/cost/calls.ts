/** What a call costs of the values that it was given (apiserver cel/library cost.go CallCost; cel-go interpreter costCall, ext lists and sets; v0.26). */
import type { Value } from '../library/define.ts';
import { AUTHORIZATION_CHECK, PATTERN, TRAVERSAL } from './functions.ts';

const LIST = 10;
/** How long the patterns of named formats are, in characters. */
const FORMAT_PATTERNS: Readonly<Record<string, number>> = {
  dns1123Label: 30, dns1123Subdomain: 60, dns1035Label: 30, dns1123LabelPrefix: 30, dns1123SubdomainPrefix: 60, dns1035LabelPrefix: 30, qualifiedName: 60, labelValue: 40, uri: 1_103, uuid: 70, byte: 84, date: 71, datetime: 71,
};

/** Of an operator. */
export function priceOfOperator(operator: string, args: readonly Value[]): number {
  const [left, right] = args;
  switch (operator) {
    case '==': return isOpaque(left) ? 1 : walk(Math.min(sizeOf(left), sizeOf(right)));
    case '!=': return walk(Math.min(sizeOf(left), sizeOf(right)));
    case '<': case '<=': case '>': case '>=': return isText(left) && isText(right) ? walk(Math.min(sizeOf(left), sizeOf(right))) : 1;
    case '+': return isText(left) && isText(right) ? walk(sizeOf(left) + sizeOf(right)) : 1;
    case 'in': return Array.isArray(right) || right instanceof Set ? sizeOf(right) : 1;
    default: return 1;
  }
}

/** Of a function. The target, where there is one, comes first. */
export function priceOfFunction(name: string, member: boolean, args: readonly Value[], result: Value): number {
  const [first, second] = args;
  switch (name) {
    case 'check': return AUTHORIZATION_CHECK;
    case 'fieldSelector': case 'labelSelector': return LIST + walk(sizeOf(second)) + Math.ceil(sizeOf(second) / 2) * 50;
    case 'isSorted': case 'sum': case 'max': case 'min': case 'indexOf': case 'lastIndexOf': return traversal(first);
    case 'url': case 'lowerAscii': case 'upperAscii': case 'substring': case 'trim': case 'escapeKey': case 'cidr': case 'isIP': case 'isCIDR': case 'quantity': case 'isQuantity': case 'semver': case 'isSemver': return walk(sizeOf(first));
    case 'ip': return member ? 1 : walk(sizeOf(first));
    case 'replace': case 'split': case 'isCanonical': return walk(sizeOf(first) * 2);
    case 'join': return walk(sizeOf(result) * 2);
    case 'find': case 'findAll': return walk(1 + sizeOf(first)) * Math.ceil(sizeOf(second) * PATTERN);
    case 'matches': return member ? walk(1 + sizeOf(first)) * Math.ceil(sizeOf(second) * PATTERN) : 1;
    case 'contains': return isText(first) ? walk(sizeOf(first)) * walk(sizeOf(second)) : 1 + sizeOf(first) * sizeOf(second);
    case 'intersects': return 1 + sizeOf(first) * sizeOf(second);
    case 'equivalent': return 1 + sizeOf(first) * sizeOf(second) * 2;
    case 'startsWith': case 'endsWith': case 'format': case 'quote': return walk(sizeOf(first));
    case 'containsIP': return walk(sizeOf(first) * 2) + (isText(second) ? walk(sizeOf(second)) : 0);
    case 'containsCIDR': return walk(sizeOf(first) * 2) + walk(sizeOf(first)) + 1 + (isText(second) ? walk(sizeOf(second)) : 0);
    case 'validate': return walk(1 + sizeOf(second)) * Math.ceil((FORMAT_PATTERNS[(first as { name: string }).name] ?? 0) * PATTERN);
    case 'bytes': case 'string': return isText(first) && typeof first !== typeof result ? walk(sizeOf(first)) : 1;
    case 'slice': case 'range': return sizeOf(result) + LIST + 1;
    case 'reverse': return isText(first) ? 1 : sizeOf(result) + LIST + 1;
    case 'flatten': return sizeOf(first) * (second === undefined || second < 0n ? 1 : Number(second)) + LIST + 1;
    case 'distinct': case 'sort': return priceOfOrder(first);
    default: return 1;
  }
}

/** Of comparing each two of the items. */
export function priceOfOrder(list: Value): number {
  const count = sizeOf(list);
  const [first] = list as Iterable<Value>;
  return Math.floor(count * count * (isText(first) ? 2 + TRAVERSAL : 2)) + LIST + 1;
}

function walk(size: number): number {
  return Math.ceil(size * TRAVERSAL);
}

function isText(value: Value): boolean {
  return typeof value === 'string' || value instanceof Uint8Array;
}

/** Characters, bytes, items or entries; what has none counts as one. */
function sizeOf(value: Value): number {
  if (typeof value === 'string') return codePoints(value);
  if (typeof value !== 'object' || value === null) return 1;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (typeof value.size === 'number') return value.size;
  return value.constructor === Object ? Object.keys(value).length : 1;
}

function codePoints(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at++) if ((text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) count -= 1;
  return count;
}

/** The libraries' own types are equal or not at once. */
function isOpaque(value: Value): boolean {
  return typeof value === 'object' && value !== null && !(Array.isArray(value) || value instanceof Map || value instanceof Set || value instanceof Uint8Array || value.constructor === Object);
}

/** Of a walk through all that a value holds. */
function traversal(value: Value): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * TRAVERSAL);
  if (value instanceof Uint8Array) return Math.floor(value.length * TRAVERSAL);
  if (typeof value !== 'object' || value === null) return 1;
  let sum = 0;
  if (Array.isArray(value) || value instanceof Set) for (const each of value) sum += traversal(each);
  else if (value instanceof Map) for (const [key, each] of value) sum += traversal(key) + traversal(each);
  else if (value.constructor === Object) for (const [key, each] of Object.entries(value)) sum += traversal(key) + traversal(each);
  else return 1;
  return sum;
}
