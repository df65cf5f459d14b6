/** Tables: what `kubectl get` shows (meta/v1 Table), as the door asks for them. */
import type { Kind } from '../../../api/kind.ts';
import type { Json, KubeObject, ListMeta } from '../../../api/meta.ts';
import { toTable } from '../../../api/table.ts';

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
  const { metadata, include, nowMs, version, withColumns } = options;
  return toTable(kind, objects, { metadata, includeObject: include, nowMs, version, headers: withColumns }) as unknown as Json;
}
