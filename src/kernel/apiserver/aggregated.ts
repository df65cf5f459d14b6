/** AggregatedTable: the group versions that other servers answer for, as discovery and OpenAPI tell of them. */
import type { AggregatedVersion } from '../../sdk/module.ts';

export interface AggregatedTable {
  list(): readonly AggregatedVersion[];
  replace(versions: readonly AggregatedVersion[]): void;
  /** Raised by every change. */
  readonly changes: number;
}

export function createAggregatedTable(): AggregatedTable {
  let versions: readonly AggregatedVersion[] = [];
  let changes = 0;
  return {
    list: () => versions,
    replace(next) {
      versions = next;
      changes++;
    },
    get changes() {
      return changes;
    },
  };
}
