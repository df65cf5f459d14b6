/**
 * Live progress on a terminal, plain lines elsewhere: a step has a name, a changing detail while it runs, and a time when it is done.
 */
export interface Progress {
  /** Runs one step; gives what `work` gives. A failure marks the step and is thrown on. */
  step<R>(name: string, work: (show: (detail: string) => void) => Promise<R>): Promise<R>;
  /** The finished steps with their times in ms. */
  readonly steps: readonly { name: string; durationMs: number }[];
}

const LIVE_MS = 100;

export function createProgress(out: NodeJS.WriteStream = process.stdout): Progress {
  const steps: { name: string; durationMs: number }[] = [];
  return {
    steps,
    async step(name, work) {
      const fromMs = performance.now();
      const line = out.isTTY ? liveLine(out, name, fromMs) : plainLine(out, name);
      try {
        const result = await work(line.show);
        const durationMs = performance.now() - fromMs;
        steps.push({ name, durationMs });
        line.end(`ok     ${name} (${seconds(durationMs)})`);
        return result;
      } catch (error) {
        line.end(`failed ${name} (${seconds(performance.now() - fromMs)})`);
        throw error;
      }
    },
  };
}

export function seconds(durationMs: number): string {
  return durationMs < 1_000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1_000).toFixed(1)} s`;
}

interface Line {
  show(detail: string): void;
  end(text: string): void;
}

function liveLine(out: NodeJS.WriteStream, name: string, fromMs: number): Line {
  let detail = '';
  const draw = (): void => {
    const text = `...    ${name} (${seconds(performance.now() - fromMs)}) ${detail}`;
    out.write(`\r\x1b[2K${text.slice(0, Math.max(20, (out.columns ?? 80) - 1))}`);
  };
  draw();
  const timer = setInterval(draw, LIVE_MS);
  return {
    show: (text) => void (detail = text),
    end(text) {
      clearInterval(timer);
      out.write(`\r\x1b[2K${text}\n`);
    },
  };
}

function plainLine(out: NodeJS.WriteStream, name: string): Line {
  out.write(`...    ${name}\n`);
  let shown = '';
  return {
    show(detail) {
      if (detail !== shown) out.write(`         ${(shown = detail)}\n`);
    },
    end: (text) => void out.write(`${text}\n`),
  };
}
