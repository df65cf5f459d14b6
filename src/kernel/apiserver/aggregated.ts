/** AggregatedTable: the group versions that other servers answer for, as discovery and OpenAPI tell of them. */
import type { AggregatedVersion } from '../../sdk/module.ts';

export interface AggregatedTable {
  list(): readonly AggregatedVersion[];
  replace(versions: readonly AggregatedVersion[]): void;
  /** Calls back after each change. */
  subscribe(callback: () => void): void;
  /** Raised by every change. */
  readonly changes: number;
}

export function createAggregatedTable(): AggregatedTable {
  let versions: readonly AggregatedVersion[] = [];
  let changes = 0;
  const callbacks: (() => void)[] = [];
  return {
    list: () => versions,
    replace(next) {
      versions = next;
      changes++;
      for (const callback of callbacks) callback();
    },
    subscribe: (callback) => void callbacks.push(callback),
    get changes() {
      return changes;
    },
  };
}
