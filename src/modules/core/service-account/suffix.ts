/** Five letters and digits that make no words, as upstream's generated names end. */
import { randomInt } from 'node:crypto';

const SAFE = 'bcdfghjklmnpqrstvwxz2456789';

export function generatedSuffix(): string {
  return Array.from({ length: 5 }, () => SAFE[randomInt(SAFE.length)]).join('');
}
