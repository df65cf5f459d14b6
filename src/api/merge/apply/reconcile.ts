/** Field sets that were written when the schema was another. Source: structured-merge-diff, typed.ReconcileFieldSetWithSchema. */
import { isEmpty, leaf, type Fields, type OpenFields } from './field-set.ts';
import type { Managers } from './managers.ts';
import { shapeOf, type Shape } from './shape.ts';
import type { WriteInput } from './update.ts';

/** Changes `managers`; see {@link reconcileFields}. `shape` is that of the version of the request. */
export function reconcileManagers(managers: Managers, { live, apiVersion, inVersion }: Pick<WriteInput, 'live' | 'apiVersion' | 'inVersion'>, shape: Shape): Managers {
  if (live === undefined) return managers;
  for (const [key, manager] of managers) {
    const its = inVersion === undefined || manager.apiVersion === apiVersion ? shape : shapeOf(inVersion(live, manager.apiVersion).schema);
    const fields = reconcileFields(manager.fields, its);
    if (fields !== manager.fields) managers.set(key, { ...manager, fields });
  }
  return managers;
}

/** By what was found: most sets agree with their schema, and are met again with every write. */
const agreed = new WeakMap<Fields, Shape>();

/** Where a list or map has become one value, who owned parts of it owns the whole. The same set where nothing differs. */
function reconcileFields(set: Fields, shape: Shape): Fields {
  if (agreed.get(set) === shape) return set;
  const found = reconcile(set, shape);
  agreed.set(found, shape);
  return found;
}

function reconcile(node: Fields, shape: Shape): Fields {
  if (shape.form === 'free' || isEmpty(node)) return node;
  if (shape.form === 'leaf') return isContainer(shape) && hasParts(node) ? leaf() : node;
  let out: OpenFields | undefined;
  for (const key in node) {
    if (key === '.') continue;
    const child = node[key]!;
    const now = reconcile(child, shapeAt(shape, key));
    if (now !== child) (out ??= { ...node })[key] = now;
  }
  return out ?? node;
}

function shapeAt(shape: Shape, element: string): Shape {
  return element.startsWith('f:') ? shape.field(element.slice(2)) : shape.item;
}

function isContainer({ schema }: Shape): boolean {
  return schema !== undefined && (schema.type === 'array' || schema.items !== undefined || schema.properties !== undefined || schema.additionalProperties !== undefined);
}

function hasParts(node: Fields): boolean {
  for (const key in node) if (key !== '.') return true;
  return false;
}
