/** A binary heap: `pop` gives the first by `compare`. */
export interface Heap<T> {
  push(item: T): void;
  pop(): T | undefined;
  peek(): T | undefined;
  readonly size: number;
}

export function createHeap<T>(compare: (left: T, right: T) => number): Heap<T> {
  const items: T[] = [];
  const swap = (left: number, right: number): void => {
    [items[left], items[right]] = [items[right]!, items[left]!];
  };
  const rise = (index: number): void => {
    for (let parent = (index - 1) >> 1; index > 0 && compare(items[index]!, items[parent]!) < 0; parent = (index - 1) >> 1) {
      swap(index, parent);
      index = parent;
    }
  };
  const sink = (index: number): void => {
    for (;;) {
      let first = index;
      for (const child of [2 * index + 1, 2 * index + 2]) if (child < items.length && compare(items[child]!, items[first]!) < 0) first = child;
      if (first === index) return;
      swap(index, first);
      index = first;
    }
  };
  return {
    push(item) {
      items.push(item);
      rise(items.length - 1);
    },
    pop() {
      const first = items[0];
      const last = items.pop();
      if (items.length > 0 && last !== undefined) {
        items[0] = last;
        sink(0);
      }
      return first;
    },
    peek: () => items[0],
    get size() {
      return items.length;
    },
  };
}
