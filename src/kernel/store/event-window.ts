/** The newest events in memory, so that most watches resume without reading the disk. Bounded in number and bytes. */
import type { StoreEvent } from './store.ts';

export interface EventWindow {
  /** Every event after this revision is here. */
  readonly startRevision: number;
  push(event: StoreEvent): void;
  /** Events after a revision that is not below `startRevision`: the place of the first. */
  indexAfter(revision: number): number;
  at(index: number): StoreEvent | undefined;
}

export function eventWindow(options: { startRevision: number; maxEvents?: number; maxBytes?: number }): EventWindow {
  const maxEvents = options.maxEvents ?? 2_000;
  const maxBytes = options.maxBytes ?? 4 * 1_024 * 1_024;
  let events: StoreEvent[] = [];
  /** Events before this place are given up; the array is cut now and then. */
  let head = 0;
  let bytes = 0;
  let startRevision = options.startRevision;

  function push(event: StoreEvent): void {
    events.push(event);
    bytes += event.stored.bytes.length;
    while (events.length - head > maxEvents || (bytes > maxBytes && events.length - head > 1)) {
      const oldest = events[head++] as StoreEvent;
      bytes -= oldest.stored.bytes.length;
      startRevision = oldest.revision;
    }
    if (head > maxEvents / 4) {
      events = events.slice(head);
      head = 0;
    }
  }

  function indexAfter(revision: number): number {
    let low = head;
    let high = events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((events[middle] as StoreEvent).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return { get startRevision() { return startRevision; }, push, indexAfter, at: (index) => events[index] };
}
