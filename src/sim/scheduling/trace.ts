/** Recorded workloads of jobs, read from CSV (gzip or plain) with a header row. The columns say what a trace can tell. */
import { basename } from 'node:path';
import type { Job } from '../../modules/queue/policy/job.ts';
import { numberOf, readRows } from '../csv.ts';

/** A job together with what no policy may know. */
export interface RecordedJob extends Job {
  readonly runSeconds: number;
}

export interface JobTrace {
  readonly name: string;
  readonly jobs: readonly RecordedJob[];
  /** True when users gave upper bounds of run times. */
  readonly hasEstimates: boolean;
}

/** The column that holds how many units of the machine a job asks for, by preference. */
const WIDTH_COLUMNS = ['cpus', 'gpus', 'procs', 'num_gpu'];
/** The columns that tell who a job belongs to, by preference. */
const TENANT_COLUMNS = ['user_id', 'tenant_id', 'virtual_cluster', 'group_id', 'queue'];
/** The columns in which jobs that run alike are alike: each group is of all columns of one list. The lists go from general to special. */
const LIKENESS: readonly (readonly string[])[] = [
  [],
  ['WIDTH'],
  ['queue'], ['group_id'], ['virtual_cluster'],
  ['queue', 'requested_walltime_s', 'WIDTH'], ['virtual_cluster', 'WIDTH'],
  ['user_id'],
  ['user_id', 'queue'], ['user_id', 'partition'],
  ['user_id', 'queue', 'WIDTH', 'requested_walltime_s'],
  ['user_id', 'queue', 'WIDTH', 'requested_walltime_s', 'mem_mib', 'node_spec'],
];

/**
 * Reads a trace with the columns `submit_s`, `run_s` and a width (one of cpus, gpus, procs); optional are an owner (user_id, virtual_cluster),
 * `requested_walltime_s`, `queue`, and others by which jobs are alike. Throws an Error that names what is missing.
 */
export function readJobTrace(path: string): JobTrace {
  const rows = readRows(path);
  const columns = new Set(Object.keys(rows[0] ?? {}));
  for (const column of ['submit_s', 'run_s']) if (!columns.has(column)) throw new Error(`${path} has no column ${column}; it has ${[...columns].join(', ') || 'none'}`);
  const width = WIDTH_COLUMNS.find((column) => columns.has(column));
  if (width === undefined) throw new Error(`${path} says nowhere how much a job asks for: one of the columns ${WIDTH_COLUMNS.join(', ')} is needed`);
  const tenant = TENANT_COLUMNS.find((column) => columns.has(column));
  const groups = LIKENESS.map((list) => list.map((column) => (column === 'WIDTH' ? width : column))).filter((list) => list.every((column) => columns.has(column)));
  const hasEstimates = columns.has('requested_walltime_s');
  const jobs = rows.map((row, index): RecordedJob => ({
    id: row['job_id'] ?? String(index),
    submittedAt: numberOf(row, 'submit_s', path, index),
    runSeconds: numberOf(row, 'run_s', path, index),
    request: [numberOf(row, width, path, index)],
    tenant: tenant === undefined ? '' : row[tenant]!,
    priority: 0,
    ...(hasEstimates && { estimateSeconds: numberOf(row, 'requested_walltime_s', path, index) }),
    likeness: groups.map((list) => list.map((column) => `${column}=${row[column]}`).join(' ')),
  }));
  return { name: basename(path).replace(/\.csv(\.gz)?$/, ''), jobs: jobs.sort((left, right) => left.submittedAt - right.submittedAt), hasEstimates };
}
