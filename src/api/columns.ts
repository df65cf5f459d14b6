/** Columns that many kinds have. Texts are those of `kubectl get`. */
import { ageOf } from './age.ts';
import type { Column } from './kind.ts';
import type { Json, KubeObject, LabelSelector } from './meta.ts';

const NONE = '<none>';

/** A column; `wide` ones are shown with `-o wide` only. */
export function column<T extends KubeObject>(name: string, cell: (object: T, nowMs: number) => Json, how: { wide?: boolean; type?: Column<T>['type']; format?: string } = {}): Column<T> {
  const made: Column<T> = { name, type: how.type ?? 'string', cell };
  if (how.format !== undefined) made.format = how.format;
  if (how.wide === true) made.priority = 1;
  return made;
}

export const NAME: Column<KubeObject> = column('Name', (object) => object.metadata.name ?? '', { format: 'name' });
export const AGE: Column<KubeObject> = column('Age', (object, nowMs) => ageOf(object.metadata.creationTimestamp, nowMs));
export const CREATED_AT: Column<KubeObject> = column('Created At', (object) => object.metadata.creationTimestamp ?? null, { type: 'date' });

interface Template { spec?: { containers?: { name: string; image?: string }[] } }

/** Containers and Images of a pod template. */
export function containerColumns<T extends KubeObject>(template: (object: T) => Template | undefined): Column<T>[] {
  const containers = (object: T): { name: string; image?: string }[] => template(object)?.spec?.containers ?? [];
  return [
    column('Containers', (object) => containers(object).map(({ name }) => name).join(','), { wide: true }),
    column('Images', (object) => containers(object).map(({ image }) => image ?? '').join(','), { wide: true }),
  ];
}

/** `a=b,c in (d,e)`; `<none>` for none (meta/v1 FormatLabelSelector). */
export function showSelector(selector: LabelSelector | undefined): string {
  const pairs = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` }));
  const terms = (selector?.matchExpressions ?? []).map(({ key, operator, values }) => ({ key, text: showRequirement(key, operator, values ?? []) }));
  const all = [...pairs, ...terms].sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
  return all.length === 0 ? NONE : all.map(({ text }) => text).join(',');
}

function showRequirement(key: string, operator: string, values: readonly string[]): string {
  const list = `(${[...values].sort().join(',')})`;
  switch (operator) {
    case 'In': return `${key} in ${list}`;
    case 'NotIn': return `${key} notin ${list}`;
    case 'DoesNotExist': return `!${key}`;
    default: return key;
  }
}

/** Labels as `a=b,c=d`, sorted; `<none>` for none. */
export function showLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`).sort();
  return pairs.length === 0 ? NONE : pairs.join(',');
}

/** At most three, then how many more. */
export function showSome(items: readonly string[], none: string): string {
  if (items.length === 0) return none;
  return items.length > 3 ? `${items.slice(0, 3).join(',')} + ${items.length - 3} more...` : items.join(',');
}
