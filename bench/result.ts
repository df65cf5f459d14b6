/** What a benchmark prints: one JSON document. */
import { cpus, totalmem } from 'node:os';
import { readFileSync } from 'node:fs';

export interface Figure {
  /** For instance `ms`, `ops/s`, `MiB`, `percent`. */
  unit: string;
  median: number;
  p99: number;
  min: number;
  max: number;
  /** How many measurements the figure stands on. */
  n: number;
}

export interface BenchResult {
  name: string;
  machine: { cpu: string; cores: number; memoryGiB: number; kernel: string; node: string };
  figures: Record<string, Figure>;
  /** The same figures of other programs, measured in the same run unless the name ends in `(anchor)`. */
  peers: Record<string, Record<string, Figure>>;
  /** Ours over the peer's, by `FIGURE/PEER`. */
  ratios: Record<string, number>;
}

/** The figure of some measurements; throws when there are none. */
export function figureOf(unit: string, values: readonly number[]): Figure {
  if (values.length === 0) throw new Error('a figure needs at least one measurement');
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1))] as number);
  const middle = sorted.length / 2;
  const median = sorted.length % 2 === 1 ? (sorted[Math.floor(middle)] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
  return { unit, median: round(median), p99: at(0.99), min: at(0), max: at(1), n: sorted.length };
}

function machineFacts(): BenchResult['machine'] {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: round(totalmem() / 2 ** 30),
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    node: process.version,
  };
}

/** Puts a result together and works out the ratios of medians. */
export function resultOf(name: string, figures: BenchResult['figures'], peers: BenchResult['peers'] = {}): BenchResult {
  const ratios: Record<string, number> = {};
  for (const [peer, theirs] of Object.entries(peers)) {
    for (const [figure, their] of Object.entries(theirs)) {
      const ours = figures[figure];
      if (ours !== undefined && their.median !== 0) ratios[`${figure}/${peer}`] = round(ours.median / their.median);
    }
  }
  return { name, machine: machineFacts(), figures, peers, ratios };
}

function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value * 10) / 10 : Math.round(value * 1_000) / 1_000;
}
