/** What Prometheus clients tell of the process that they are in (https://prometheus.io/docs/instrumenting/writing_clientlibs, process metrics), and of what was built. */
import { readdirSync, readFileSync } from 'node:fs';
import type { VersionInfo } from '../version.ts';
import { family, labelText, single } from '../../../base/exposition.ts';

const STARTED_SECONDS = Date.now() / 1_000 - process.uptime();

export function processText(): string {
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return single('process_resident_memory_bytes', 'gauge', 'Resident memory in bytes.', rss)
    + single('process_virtual_memory_bytes', 'gauge', 'Virtual memory in bytes.', virtualBytes())
    + single('process_cpu_seconds_total', 'counter', 'User and system time in seconds.', (user + system) / 1e6)
    + single('process_open_fds', 'gauge', 'Open file descriptors.', readdirSync('/proc/self/fd').length)
    + single('process_max_fds', 'gauge', 'The most file descriptors that may be open.', maxFds())
    + single('process_start_time_seconds', 'gauge', 'When the process began, in seconds since 1970.', STARTED_SECONDS);
}

/** proc_pid_stat(5): field 23, counted behind the name, which may have blanks. */
function virtualBytes(): number {
  return Number(readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /s, '').split(' ')[20]);
}

function maxFds(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
}

/** By which alerts find components of different releases (component-base/metrics/prometheus/version). */
export function buildText({ major, minor, gitVersion, gitCommit, gitTreeState, buildDate, goVersion, compiler, platform }: VersionInfo): string {
  const labels = labelText({ build_date: buildDate, compiler, git_commit: gitCommit, git_tree_state: gitTreeState, git_version: gitVersion, go_version: goVersion, major, minor, platform });
  return family('kubernetes_build_info', 'gauge', 'What release this is.', [`kubernetes_build_info{${labels}} 1\n`]);
}
