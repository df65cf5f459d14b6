/** What an applier named before and names no more goes, where nobody else owns it. Source: structured-merge-diff, merge.Updater prune. */
import type { Json, KubeObject } from '../../meta.ts';
import { fieldSetOf } from './compare.ts';
import { difference, intersection, isEmpty, NO_FIELDS, union, type Fields } from './field-set.ts';
import type { Manager, Managers } from './managers.ts';
import type { InVersion } from './ownership.ts';
import { removeFields, withNamedFields } from './remove.ts';
import { shapeOf, type Shape } from './shape.ts';

export interface PruneInput {
  /** The live object with the configuration laid over it, in the version of the request. */
  merged: KubeObject;
  shape: Shape;
  apiVersion: string;
  /** The applier as it was; undefined where it had applied nothing. */
  last: Manager | undefined;
  /** All as they are now, the applier too. */
  managers: Managers;
  inVersion?: InVersion | undefined;
}

export interface Pruned {
  next: KubeObject;
  /** The same for comparing it with the live object: what lost all its parts is null there. */
  compared: Json;
}

interface View { object: KubeObject; shape: Shape }

export function prune(input: PruneInput): Pruned {
  const { merged, last, apiVersion, inVersion, shape } = input;
  if (last === undefined || isEmpty(last.fields)) return { next: merged, compared: merged as unknown as Json };
  const viewIn = (object: KubeObject, version: string): View => {
    if (inVersion === undefined || version === object.apiVersion) return { object, shape: version === apiVersion || inVersion === undefined ? shape : shapeOf(inVersion(object, version).schema) };
    const { object: said, schema } = inVersion(object, version);
    return { object: said, shape: shapeOf(schema) };
  };
  const before = viewIn(merged, last.apiVersion);
  const lastNamed = withNamedFields(last.fields, before.shape);
  const all = setOf(before);
  let left = without(before, lastNamed);
  for (const [version, owned] of ownedByVersion(input)) {
    const whole = viewIn(merged, version);
    left = withOwned(whole, whole.object === before.object ? all : setOf(whole), viewIn(left, version).object, owned);
  }
  const dropped = intersection(difference(all, setOf({ ...before, object: viewIn(left, last.apiVersion).object })), lastNamed);
  const remains = (how?: { shells: boolean }): KubeObject => (removeFields(before.object as unknown as Json, dropped, before.shape, how) ?? {}) as unknown as KubeObject;
  // Built-in kinds know no null; of custom resources their schema says which nulls stay.
  const next = viewIn(remains({ shells: shape.schema?.name === undefined }), apiVersion).object;
  return { next, compared: (before.object === merged ? remains({ shells: true }) : next) as unknown as Json };
}

function without({ object, shape }: View, set: Fields): KubeObject {
  const { apiVersion, kind } = object;
  return { ...(removeFields(object as unknown as Json, set, shape, { shells: true }) as object | null), apiVersion, kind } as KubeObject;
}

/** Those of the version in which the fields went come first: the object may not be sayable in others without them. */
function ownedByVersion({ managers, last, inVersion }: PruneInput): Map<string, Fields> {
  const first = last!.apiVersion;
  const owned = new Map<string, Fields>([[first, NO_FIELDS]]);
  for (const { apiVersion, fields } of managers.values()) {
    const version = inVersion === undefined ? first : apiVersion;
    owned.set(version, union(owned.get(version) ?? NO_FIELDS, fields));
  }
  return owned;
}

/** Of `whole`, whose fields are `all`, what is in `left`, or owned. */
function withOwned(whole: View, all: Fields, left: KubeObject, owned: Fields): KubeObject {
  return without(whole, difference(all, union(setOf({ ...whole, object: left }), withNamedFields(owned, whole.shape))));
}

function setOf({ object, shape }: View): Fields {
  return withNamedFields(fieldSetOf(object as unknown as Json, shape), shape);
}
