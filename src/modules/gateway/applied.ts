/** Whether the labels and annotations of an object are still those that we want: with what others added, without what we once wanted (server-side apply). Pure. */
import type { ObjectMeta } from '../../api/meta.ts';

type Words = Readonly<Record<string, string>>;

/** `mark` is a label that we alone put there: who applied it is us. */
export function isAppliedAsWanted(metadata: ObjectMeta, wanted: { labels: Words; annotations?: Words }, mark: string): boolean {
  const { labels, annotations = {} } = wanted;
  if (!holds(metadata.labels, labels) || !holds(metadata.annotations, annotations)) return false;
  const own = metadata.managedFields?.find(({ operation, fieldsV1 }) => operation === 'Apply' && keysOf(fieldsV1, 'labels').has(mark));
  return own === undefined || (isWithin(keysOf(own.fieldsV1, 'labels'), labels) && isWithin(keysOf(own.fieldsV1, 'annotations'), annotations));
}

const holds = (now: Words = {}, wanted: Words): boolean => Object.entries(wanted).every(([key, value]) => now[key] === value);

const isWithin = (keys: ReadonlySet<string>, wanted: Words): boolean => [...keys].every((key) => Object.hasOwn(wanted, key));

function keysOf(fieldsV1: unknown, which: 'labels' | 'annotations'): Set<string> {
  const { 'f:metadata': metadata } = (fieldsV1 ?? {}) as { 'f:metadata'?: Record<string, object> };
  return new Set(Object.keys(metadata?.[`f:${which}`] ?? {}).filter((key) => key.startsWith('f:')).map((key) => key.slice(2)));
}
