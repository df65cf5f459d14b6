/** wrk against one address, and two ways to the same server compared round by round. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { figureOf, type Figure } from '../result.ts';

const exec = promisify(execFile);

export interface WrkLoad {
  connections: number;
  /** Whole ones: wrk knows no others. */
  seconds: number;
  /** Where the client runs; default where the kernel puts it. */
  cpu?: number;
}

/** Requests a second and in all, and the 99th of a hundred latencies in ms. Throws when an answer failed. */
export async function wrk(target: string, { connections, seconds, cpu }: WrkLoad): Promise<{ rate: number; p99: number; requests: number }> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', `http://${target}/`];
  const { stdout } = cpu === undefined ? await exec('wrk', args) : await exec('taskset', ['-c', String(cpu), 'wrk', ...args]);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  const [, number, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  if (!(rate > 0) || unit === undefined || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`${target} did not answer well:\n${stdout}`);
  return { rate, requests, p99: Number(number) * { us: 0.001, ms: 1, s: 1_000 }[unit as 'us' | 'ms' | 's'] };
}

const [RATE, P99] = ['requests/s', 'ms'] as const;
/** Each of the three is as often before each other one as after it. */
const ORDERS = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1], [2, 0, 1], [1, 0, 2]] as const;

/**
 * `way` and, twice, `direct`, in rounds. Figures: `direct` and `clusterIp` with their `...P99`; `clusterIpShare` and `clusterIpP99Share`, those of the way over
 * the mean of both direct ones in the same round; `directShare` and `directP99Share`, one direct one over the other: what is no more than this is chance.
 */
export async function comparePaths({ direct, way }: { direct: string; way: string }, { rounds, ...load }: WrkLoad & { rounds: number }): Promise<Record<string, Figure>> {
  const values: { rate: number; p99: number }[][] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    for (const at of ORDERS[round % ORDERS.length] ?? []) values[at]?.push(await wrk(at === 0 ? way : direct, load));
    process.stderr.write(`round ${round + 1}: ${values.map((each, at) => `${at === 0 ? 'cluster IP' : 'direct'} ${Math.round(each[round]?.rate ?? 0)}, p99 ${each[round]?.p99} ms`).join('; ')}\n`);
  }
  const of = (at: number, what: 'rate' | 'p99'): number[] => (values[at] ?? []).map((each) => each[what]);
  const shares = (what: 'rate' | 'p99'): number[] => of(0, what).map((value, round) => value / Math.sqrt((of(1, what)[round] ?? NaN) * (of(2, what)[round] ?? NaN)));
  const chance = (what: 'rate' | 'p99'): number[] => of(1, what).map((value, round) => value / (of(2, what)[round] ?? NaN));
  return {
    direct: figureOf(RATE, [...of(1, 'rate'), ...of(2, 'rate')]), directP99: figureOf(P99, [...of(1, 'p99'), ...of(2, 'p99')]), clusterIp: figureOf(RATE, of(0, 'rate')), clusterIpP99: figureOf(P99, of(0, 'p99')),
    clusterIpShare: figureOf('ratio', shares('rate')), clusterIpP99Share: figureOf('ratio', shares('p99')), directShare: figureOf('ratio', chance('rate')), directP99Share: figureOf('ratio', chance('p99')),
  };
}
