/** Of a name, from 0 up to but not 1: the same every time, and evenly spread (FNV-1a), so that what is done again and again for each of many is not done for all at once. */
export function phaseOf(name: string): number {
  let hash = 2_166_136_261;
  for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 16_777_619) >>> 0;
  return hash / 2 ** 32;
}
