/** Objects whose place is booked and which are on their way into the store: who counts anew must not forget them. */
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Caches } from '../../sdk/index.ts';

/** A write takes less; after that it has failed. */
const MOST_MS = 3_000;

interface Expected {
  plural: string;
  object: KubeObject;
  untilMs: number;
}

const known = new WeakMap<Caches, Map<string, Expected>>();

export interface UnderWay {
  expect(kind: Kind, object: KubeObject, nowMs: number): void;
  forget(object: KubeObject): void;
  /** Whether any were expected lately. */
  any(): boolean;
  /** Those of the kind in the namespace that are not among `stored`. */
  missing(kind: Kind, namespace: string | undefined, stored: readonly KubeObject[], nowMs: number): KubeObject[];
}

/** One for each running instance of the module. */
export function underWay({ caches }: { caches: Caches }): UnderWay {
  const expected = known.get(caches) ?? new Map<string, Expected>();
  known.set(caches, expected);
  const sort = ({ group, plural }: Kind): string => `${group}/${plural}`;
  return {
    expect: (kind, object, nowMs) => void expected.set(object.metadata.uid ?? '', { plural: sort(kind), object, untilMs: nowMs + MOST_MS }),
    any: () => expected.size > 0,
    forget: ({ metadata }) => void expected.delete(metadata.uid ?? ''),
    missing(kind, namespace, stored, nowMs) {
      for (const [uid, { untilMs }] of expected) if (untilMs < nowMs || untilMs > nowMs + MOST_MS) expected.delete(uid);
      if (expected.size === 0) return [];
      const there = new Set(stored.map(({ metadata }) => metadata.uid ?? ''));
      return [...expected.values()].filter(({ plural, object }) => plural === sort(kind) && object.metadata.namespace === namespace && !there.has(object.metadata.uid ?? '')).map(({ object }) => object);
    },
  };
}
