/** What became of tests. */
export interface Count {
  passed: number;
  failed: number;
  skipped: number;
  failures: string[];
  /** What failed at first and passed when it was run again. */
  flaky: string[];
}

export const newCount = (): Count => ({ passed: 0, failed: 0, skipped: 0, failures: [], flaky: [] });

export function addCount(into: Count, more: Count): void {
  into.passed += more.passed;
  into.failed += more.failed;
  into.skipped += more.skipped;
  into.failures.push(...more.failures);
  into.flaky.push(...more.flaky);
}

/** The last lines of a run: each failure, then the numbers. */
export function linesOf(count: Count): string[] {
  return [
    ...count.flaky.map((each) => `flaky: ${each}`), ...count.failures.map((each) => `failed: ${each}`),
    `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`,
  ];
}

/** Reads what `linesOf` wrote at the end of an output; without it, whatever ran did not come to its end. */
export function countOf(output: string, name: string): Count {
  const counted = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output);
  if (counted === null) return { ...newCount(), failed: 1, failures: [`${name} ended without a count`] };
  const failures = [...output.matchAll(/^failed: (.*)$/gm)].map((match) => match[1] ?? '');
  return { ...newCount(), passed: Number(counted[1]), failed: Number(counted[2]), skipped: Number(counted[3]), failures };
}

/** Whether a line is of those by which a run is counted; they are not shown twice. */
export const isOfCount = (line: string): boolean => /^failed: |^\d+ passed, /.test(line);
