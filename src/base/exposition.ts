/** The Prometheus text format (exposition formats 0.0.4). */

export type FamilyType = 'counter' | 'gauge' | 'histogram';

/** A family with its lines; '' where it has none, as upstream leaves out what was never counted. */
export function family(name: string, type: FamilyType, help: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** A family of one line without labels. */
export function single(name: string, type: FamilyType, help: string, value: number): string {
  return family(name, type, help, [`${name} ${value}\n`]);
}

/** `a="b",c="d"`; values from outside are cut. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value.slice(0, 100))}`).join(',');
}

export interface Histogram {
  observe(value: number): void;
  readonly count: number;
  /** Its lines of the family `name`. */
  lines(name: string, labels: string): string;
}

/** `bounds` ascend. */
export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = bounds.map(() => 0);
  let [count, sum] = [0, 0];
  return {
    get count() {
      return count;
    },
    observe(value) {
      count++;
      sum += value;
      let at = 0;
      while (at < bounds.length && value > bounds[at]!) at++;
      if (at < bounds.length) counts[at]!++;
    },
    lines(name, labels) {
      const before = labels === '' ? '' : `${labels},`;
      const around = labels === '' ? '' : `{${labels}}`;
      let [text, below] = ['', 0];
      for (const [at, bound] of bounds.entries()) text += `${name}_bucket{${before}le="${bound}"} ${(below += counts[at]!)}\n`;
      return `${text}${name}_bucket{${before}le="+Inf"} ${count}\n${name}_sum${around} ${sum}\n${name}_count${around} ${count}\n`;
    },
  };
}

export interface Counter {
  /** Nothing is counted for `by` 0. */
  add(labels: Readonly<Record<string, string>>, by?: number): void;
  /** '' while nothing was counted. */
  text(): string;
}

/** A counter by labels, which are always named in the same order. */
export function createCounter(name: string, help: string): Counter {
  const counts = new Map<string, number>();
  return {
    add(labels, by = 1) {
      const text = labelText(labels);
      if (by !== 0) counts.set(text, (counts.get(text) ?? 0) + by);
    },
    text: () => family(name, 'counter', help, [...counts].map(([labels, count]) => `${name}{${labels}} ${count}\n`)),
  };
}
