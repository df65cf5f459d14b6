/** Lists of cpus as the kernel writes them: `0-3,5`. */

/** Throws on what is none. */
export function parseCpuList(text: string): number[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  const all = new Set<number>();
  for (const part of trimmed.split(',')) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim());
    const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || to < from) throw new Error(`${JSON.stringify(text)} is no list of cpus such as 0-3,5`);
    for (let cpu = from; cpu <= to; cpu++) all.add(cpu);
  }
  return [...all].sort((a, b) => a - b);
}

export function formatCpuList(cpus: Iterable<number>): string {
  const parts: [number, number][] = [];
  for (const cpu of [...cpus].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === cpu - 1) last[1] = cpu;
    else parts.push([cpu, cpu]);
  }
  return parts.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}
