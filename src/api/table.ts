/** Tables: what `kubectl get` prints (meta/v1 Table). */
import { AGE, NAME } from './columns.ts';
import type { Table, TableColumnDefinition, TableRow } from './generated/meta-v1.ts';
import type { Column, Kind } from './kind.ts';
import type { Json, KubeObject, ListMeta } from './meta.ts';
import { toPartialMetadata } from './partial-metadata.ts';

export interface TableOptions {
  /** Time of the request, ms since the epoch; for ages. */
  nowMs: number;
  /** What each row carries of its object; default Metadata. */
  includeObject?: 'None' | 'Metadata' | 'Object';
  /** Of the list, or of the one object with its resourceVersion. */
  metadata?: ListMeta;
  /** Of meta.k8s.io; default v1. */
  version?: string;
  /** Whether columnDefinitions are sent; a watch sends them with its first event only. Default true. */
  headers?: boolean;
}

/** The objects as rows. */
export function toTable<T extends KubeObject>(kind: Kind<T>, objects: readonly T[], options: TableOptions): Table {
  const columns = columnsOf(kind);
  return {
    kind: 'Table', apiVersion: `meta.k8s.io/${options.version ?? 'v1'}`, metadata: options.metadata ?? {},
    columnDefinitions: options.headers === false ? [] : columns.map(define),
    rows: objects.map((object) => rowOf(kind, columns, object, options)),
  };
}

/** The columns of a kind, with the name. */
export function columnsOf<T extends KubeObject>(kind: Kind<T>): readonly Column<T>[] {
  if (kind.columns.length === 0) return [NAME, AGE];
  return kind.columns.some(({ name }) => name === 'Name') ? kind.columns : [NAME, ...kind.columns];
}

function define(column: Column<never>): TableColumnDefinition {
  return { name: column.name, type: column.type, format: column.format ?? '', description: column.description ?? '', priority: column.priority ?? 0 };
}

function rowOf<T extends KubeObject>(kind: Kind<T>, columns: readonly Column<T>[], object: T, options: TableOptions): TableRow {
  const row: TableRow = { cells: columns.map((column) => cellOf(column, object, options.nowMs)) };
  const conditions = kind.rowConditions?.(object) ?? [];
  if (conditions.length > 0) row.conditions = conditions;
  const include = options.includeObject ?? 'Metadata';
  if (include !== 'None') row.object = (include === 'Object' ? object : toPartialMetadata(object, options.version)) as unknown as Json;
  return row;
}

/** A cell that cannot be read from a strange object does not spoil the whole table. */
function cellOf<T extends KubeObject>(column: Column<T>, object: T, nowMs: number): Json {
  try {
    return column.cell(object, nowMs) ?? null;
  } catch {
    return '<unknown>';
  }
}
