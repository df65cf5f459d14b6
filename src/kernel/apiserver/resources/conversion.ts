/** Objects whose versions differ by more than their name: converted on the way out of the store and into it (apiextensions webhook conversion). */
import { deepFreeze } from '../../../api/json.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import type { Stored } from '../../store/store.ts';
import { apiVersionOfKind } from '../kind-table.ts';
import { asStored } from './convert.ts';

/** What is stored, as the kind says it. Items that say it so already, and all items of kinds without a conversion, are given back as they are. */
export async function converted(kind: Kind, items: readonly Stored[]): Promise<Stored[]> {
  const { conversion } = kind;
  const apiVersion = apiVersionOfKind(kind);
  const others = conversion === undefined ? [] : items.filter(({ object }) => object.apiVersion !== apiVersion);
  if (conversion === undefined || (others.length === 0 && kind.completes === undefined)) return items as Stored[];
  const objects = others.length === 0 ? [] : await conversion.convert(others.map(({ object }) => object), apiVersion);
  const made = new Map(others.map((stored, index) => [stored, shown(stored, deepFreeze(objects[index]!))]));
  return items.map((stored) => made.get(stored) ?? completed(kind, stored));
}

export async function convertedOne(kind: Kind, stored: Stored): Promise<Stored> {
  return kind.conversion === undefined ? stored : (await converted(kind, [stored]))[0]!;
}

/** Only what is kept in the version that is asked for gets the defaults of that version. */
function completed(kind: Kind, stored: Stored): Stored {
  const whole = kind.completes?.(stored.object) ?? stored.object;
  return whole === stored.object ? stored : shown(stored, whole);
}

function shown({ key, revision, createRevision }: Stored, object: KubeObject): Stored {
  return { key, revision, createRevision, object, bytes: Buffer.from(JSON.stringify(object)) };
}

/** The object as the store keeps it: in the version in which the resource is stored. */
export async function toStored(kind: Kind, object: KubeObject): Promise<KubeObject> {
  const { conversion } = kind;
  if (conversion === undefined) return asStored(kind, object);
  if (conversion.storageApiVersion === apiVersionOfKind(kind)) return object;
  return (await conversion.convert([object], conversion.storageApiVersion))[0]!;
}
