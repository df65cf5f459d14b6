/** What the node asks of an OCI runtime under its monitor. One body today: conmon with crun, or any runtime of the same command line. */

export interface ContainerPlace {
  /** 32 hex digits. */
  id: string;
  /** Folder with config.json; the monitor keeps its sockets here, and the record lies here. */
  bundle: string;
  /** CRI log file. */
  logPath: string;
  /** Of the runtime that made it; absent for the default one. */
  handler?: string;
  /** Of the container, in the trees of control groups; absent when nobody knows any more. */
  cgroup?: string;
}

export interface RootMount {
  /** Where to mount. */
  path: string;
  /** Folder that `lower` is relative to. */
  folder: string;
  /** Topmost first. */
  lower: readonly string[];
  upper: string;
  work: string;
}

export interface ContainerRuntime {
  /** Mounts the root and makes the container; its process waits. Gives the pid. Rejects with {@link RuntimeError} in the runtime's words; when the signal aborts, with what was begun still to be ended. */
  create(place: ContainerPlace, options: { root: RootMount; terminal: boolean; stdin: boolean; stdinOnce: boolean; signal?: AbortSignal }): Promise<number>;
  /** Rejects with {@link RuntimeError} as well. */
  start(place: ContainerPlace, pid: number, options?: { signal?: AbortSignal }): Promise<void>;
  /** Signals the first process; nothing happens when it is gone. `name` is TERM, SIGTERM or a number. */
  kill(place: ContainerPlace, pid: number, name: string): void;
  /** Forgets the container (killing what is left), takes its root away. Never rejects for what is already gone. */
  delete(place: ContainerPlace, options: { root?: string }): Promise<void>;
  /** Arguments of a command that executes `process` (an OCI process as JSON file) in the container. `tellsLeft`: its standard error is for streams/left-in-terminal.ts. */
  execCommand(place: ContainerPlace, options: { processFile: string; consoleSocket?: string; pidFile?: string }): { file: string; args: string[]; tellsLeft: boolean };
}

export class RuntimeError extends Error {
  override name = 'RuntimeError';
}

/** The exit code that kubelet shows for a container that could not start. */
export const START_FAILURE_CODE = 128;
