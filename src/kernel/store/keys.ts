/** Keys and prefixes: `/GROUP/PLURAL/[NAMESPACE/]NAME`. The resource is the first two segments, with a slash at the end. */
import { StoreError } from './store.ts';

/** Longer than any valid group, plural, namespace and name together. */
const MAX_KEY_LENGTH = 2_048;

/** `/core/pods/` of `/core/pods/default/web`. Throws `invalid`. */
export function resourceOf(key: string): string {
  const second = key.indexOf('/', key.indexOf('/', 1) + 1);
  if (key.charCodeAt(0) !== 47 || second < 4 || second === key.length - 1 || key.charCodeAt(1) === 47 || key.length > MAX_KEY_LENGTH) throw badKey(key);
  if (key.charCodeAt(second - 1) === 47 || key.charCodeAt(key.length - 1) === 47) throw badKey(key);
  return key.slice(0, second + 1);
}

/** The resource of a list or watch prefix, or undefined for `/`, which is everything. Throws `invalid`. */
export function resourceOfPrefix(prefix: string): string | undefined {
  if (prefix === '/') return undefined;
  const second = prefix.indexOf('/', prefix.indexOf('/', 1) + 1);
  if (!prefix.startsWith('/') || !prefix.endsWith('/') || second < 4 || prefix.length > MAX_KEY_LENGTH)
    throw new StoreError('invalid', `the prefix ${JSON.stringify(prefix.slice(0, 300))} must be "/" or "/GROUP/PLURAL/", with "NAMESPACE/" if wanted`);
  return prefix.slice(0, second + 1);
}

/** The first string after all that begin with `prefix`, which ends in a slash. */
export function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}

function badKey(key: string): StoreError {
  return new StoreError('invalid', `the key ${JSON.stringify(key.slice(0, 300))} must be "/GROUP/PLURAL/NAMESPACE/NAME" or "/GROUP/PLURAL/NAME"`, { key });
}
