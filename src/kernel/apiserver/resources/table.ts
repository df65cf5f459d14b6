/** Tables: what `kubectl get` shows, and the metadata-only view (meta/v1 Table and PartialObjectMetadata). */
import { AGE, NAME } from '../../../api/columns.ts';
import type { Column, Kind } from '../../../api/kind.ts';
import type { Json, KubeObject, ListMeta } from '../../../api/meta.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  metadata: ListMeta;
  include: IncludeObject;
  nowMs: number;
  /** Of meta.k8s.io. */
  version: string;
  /** False leaves the column definitions out, as a watch does after its first event. */
  withColumns: boolean;
}


export function tableOf(kind: Kind, objects: readonly KubeObject[], options: TableOptions): Json {
  const columns = columnsOf(kind);
  const table = {
    kind: 'Table', apiVersion: `meta.k8s.io/${options.version}`, metadata: options.metadata,
    columnDefinitions: options.withColumns ? columns.map(definitionOf) : [],
    rows: objects.map((object) => rowOf(columns, object, options)),
  };
  return table as unknown as Json;
}

export function partialOf(object: KubeObject, version: string): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

const known = new WeakMap<Kind, readonly Column<KubeObject>[]>();

function columnsOf(kind: Kind): readonly Column<KubeObject>[] {
  let columns = known.get(kind);
  if (columns === undefined) {
    if (kind.columns.length === 0) columns = [NAME, AGE];
    else columns = kind.columns.some((column) => column.name === 'Name') ? kind.columns : [NAME, ...kind.columns];
    known.set(kind, columns);
  }
  return columns;
}

function definitionOf(column: Column<KubeObject>): Json {
  return { name: column.name, type: column.type, format: column.format ?? '', description: column.description ?? '', priority: column.priority ?? 0 };
}

function rowOf(columns: readonly Column<KubeObject>[], object: KubeObject, options: TableOptions): object {
  const cells = columns.map((column) => cellOf(column, object, options.nowMs));
  if (options.include === 'None') return { cells };
  return { cells, object: options.include === 'Object' ? object : partialOf(object, options.version) };
}

/** A cell that cannot be read from a strange object does not spoil the whole table. */
function cellOf(column: Column<KubeObject>, object: KubeObject, nowMs: number): Json {
  try {
    return column.cell(object, nowMs) ?? null;
  } catch {
    return '<unknown>';
  }
}
