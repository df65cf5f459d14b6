/** The five phases of boot, each with its time, printed like a kernel log. */
export type PhaseName = 'load' | 'probe' | 'core' | 'modules' | 'init';

export interface Phase {
  name: PhaseName;
  /** When it began, in ms since the process started. */
  atMs: number;
  durationMs: number;
  /** One line of what was found or done. */
  detail: string;
}

export interface Phases {
  readonly done: readonly Phase[];
  /** Runs one phase; `work` gives its detail line. A failure is told with the name of the phase. */
  run(name: PhaseName, work: () => Promise<string> | string): Promise<void>;
}

export function createPhases(print: (line: string) => void): Phases {
  const done: Phase[] = [];
  return {
    done,
    async run(name, work) {
      const atMs = performance.now(); // counts from the start of the process
      try {
        const detail = await work();
        const phase = { name, atMs, durationMs: performance.now() - atMs, detail };
        done.push(phase);
        print(renderPhase(phase));
      } catch (error) {
        throw new Error(`boot failed in phase '${name}': ${(error as Error).message}`, { cause: error });
      }
    },
  };
}

/** `[  0.214] core      12.3 ms  store at revision 42, door on https://127.0.0.1:6443` */
export function renderPhase({ name, atMs, durationMs, detail }: Phase): string {
  return `[${(atMs / 1_000).toFixed(3).padStart(7)}] ${name.padEnd(8)} ${durationMs.toFixed(1).padStart(7)} ms  ${detail}`;
}
