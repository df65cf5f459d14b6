/** Names that the server makes up for generateName (upstream: apiserver/pkg/storage/names, apimachinery util/rand). */
import { randomBytes } from 'node:crypto';

/** No vowels and no look-alikes, so that no word comes out. */
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const MAX_PREFIX = 63 - 5;

export function generateName(prefix: string): string {
  return prefix.slice(0, MAX_PREFIX) + randomSuffix(5);
}

function randomSuffix(length: number): string {
  let text = '';
  while (text.length < length) {
    // 243 = 9 * 27: a byte above would favour the first letters.
    for (const byte of randomBytes(length * 2)) if (byte < 243 && text.length < length) text += LETTERS[byte % 27];
  }
  return text;
}
