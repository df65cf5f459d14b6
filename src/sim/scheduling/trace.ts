/** Recorded workloads of jobs, read from CSV (gzip or plain) with a header row. The columns say what a trace can tell. */
import { basename } from 'node:path';
import type { Job } from '../../modules/queue/policy/job.ts';
import { numberOf, readRows } from '../csv.ts';

/** A job together with what no policy may know. */
export interface RecordedJob extends Job {
  readonly runSeconds: number;
  /** The models of GPU that will do; absent where any does. */
  readonly gpuModels?: readonly string[];
}

export interface JobTrace {
  readonly name: string;
  readonly jobs: readonly RecordedJob[];
  /** What a job asks for, in the order of its request. */
  readonly resources: readonly string[];
  /** True when users gave upper bounds of run times. */
  readonly hasEstimates: boolean;
}

/** The column that holds how many units of the machine a job asks for, by preference. */
const WIDTH_COLUMNS = ['cpus', 'gpus', 'procs', 'num_gpu'];
/** Of a trace of pods that ask for several resources: each with its amount. */
const RESOURCE_COLUMNS: readonly { readonly name: string; readonly columns: readonly string[] }[] = [
  { name: 'cpu', columns: ['cpu_milli'] }, { name: 'memory', columns: ['memory_mib'] }, { name: 'gpu', columns: ['num_gpu', 'gpu_milli'] },
];
const SUBMIT_COLUMNS = ['submit_s', 'creation_s'];
/** The columns that tell who a job belongs to, by preference. */
const TENANT_COLUMNS = ['user_id', 'tenant_id', 'virtual_cluster', 'group_id', 'queue', 'qos'];
/** The columns in which jobs that run alike are alike: each group is of all columns of one list. The lists go from general to special. */
const LIKENESS: readonly (readonly string[])[] = [
  [],
  ['WIDTH'],
  ['queue'], ['group_id'], ['virtual_cluster'], ['qos'], ['num_gpu', 'gpu_milli'], ['cpu_milli', 'memory_mib', 'num_gpu', 'gpu_milli', 'gpu_spec'],
  ['queue', 'requested_walltime_s', 'WIDTH'], ['virtual_cluster', 'WIDTH'],
  ['user_id'],
  ['user_id', 'queue'], ['user_id', 'partition'],
  ['user_id', 'queue', 'WIDTH', 'requested_walltime_s'],
  ['user_id', 'queue', 'WIDTH', 'requested_walltime_s', 'mem_mib', 'node_spec'],
];

/**
 * Reads a trace with the columns `submit_s` (or creation_s), `run_s` and a width (one of cpus, gpus, procs), or the requests of pods (cpu_milli, memory_mib, num_gpu times gpu_milli); optional are
 * an owner (user_id, virtual_cluster), `requested_walltime_s`, `queue`, and others by which jobs are alike. Pods that never ran are left out. Throws an Error that names what is missing.
 */
export function readJobTrace(path: string): JobTrace {
  const rows = readRows(path);
  const columns = new Set(Object.keys(rows[0] ?? {}));
  const submitted = SUBMIT_COLUMNS.find((column) => columns.has(column)) ?? 'submit_s';
  for (const column of [submitted, 'run_s']) if (!columns.has(column)) throw new Error(`${path} has no column ${column}; it has ${[...columns].join(', ') || 'none'}`);
  const asked = columns.has('cpu_milli') ? RESOURCE_COLUMNS.filter((each) => each.columns.every((column) => columns.has(column))) : [];
  const width = WIDTH_COLUMNS.find((column) => columns.has(column));
  if (width === undefined && asked.length === 0) throw new Error(`${path} says nowhere how much a job asks for: one of the columns ${WIDTH_COLUMNS.join(', ')} is needed, or cpu_milli`);
  const amounts = asked.length > 0 ? asked : [{ name: width!, columns: [width!] }];
  const tenant = TENANT_COLUMNS.find((column) => columns.has(column));
  const groups = LIKENESS.map((list) => list.map((column) => (column === 'WIDTH' ? (width ?? 'cpu_milli') : column))).filter((list) => list.every((column) => columns.has(column)));
  const hasEstimates = columns.has('requested_walltime_s');
  const isOfPods = asked.length > 0;
  const jobs = rows.filter((row) => !isOfPods || row['run_s'] !== '').map((row, index): RecordedJob => ({
    id: row['job_id'] ?? row['pod_id'] ?? String(index),
    submittedAt: numberOf(row, submitted, path, index),
    runSeconds: numberOf(row, 'run_s', path, index),
    // A pod without a share of a device asks for none.
    request: amounts.map((each) => each.columns.reduce((product, column) => product * (isOfPods && row[column] === '' ? 0 : numberOf(row, column, path, index)), 1)),
    tenant: tenant === undefined ? '' : row[tenant]!,
    priority: 0,
    ...((row['gpu_spec'] ?? '') !== '' && { gpuModels: row['gpu_spec']!.split('|') }),
    ...(hasEstimates && { estimateSeconds: numberOf(row, 'requested_walltime_s', path, index) }),
    likeness: groups.map((list) => list.map((column) => `${column}=${row[column]}`).join(' ')),
  }));
  return { name: basename(path).replace(/\.csv(\.gz)?$/, ''), jobs: jobs.sort((left, right) => left.submittedAt - right.submittedAt), resources: amounts.map(({ name }) => name), hasEstimates };
}
