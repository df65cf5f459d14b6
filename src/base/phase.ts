import { fnv1a } from './fnv1a.ts';

/** Of a name, from 0 up to but not 1: the same every time, and evenly spread, so that what is done again and again for each of many is not done for all at once. */
export const phaseOf = (name: string): number => fnv1a(name) / 2 ** 32;
