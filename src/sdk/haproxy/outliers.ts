/**
 * Endpoints that fail again and again. HAProxy sees by itself those whose errors reach a client (`observe`); of those whose requests another
 * endpoint answered in their place it only counts. So the counts are looked at, and who had nothing but errors is reported as ill; its
 * checks bring it back.
 */
import { askHaproxy, rowsOf, tellHaproxy } from './commands.ts';
import { haproxyFiles, haproxyPid } from './process.ts';

/** A section of HTTP of whose servers those are to be spared that had so many errors. */
export interface Watched { name: string; errors: number }

export interface OutlierWatch {
  /** Begins, where there is something to watch; goes on for as long. */
  look(): void;
  /** Of a process that was replaced: counting begins again. */
  forget(): void;
}

interface WatchInput {
  folder: string;
  watched(): readonly Watched[];
  /** One after the other with all that is told to HAProxy. */
  enqueue(step: () => Promise<void>): Promise<void>;
  signal: AbortSignal;
}

/** Errors and good answers by `section/slot`. */
type Outcomes = Map<string, { errors: number; good: number }>;

const LOOK_MS = 200;
/** Steps wait for each other, and another look follows: one that answers nothing is not waited for here, see keeper.ts. */
const ANSWER_MS = 1_000;

export function createOutlierWatch({ folder, watched, enqueue, signal }: WatchInput): OutlierWatch {
  const { socket } = haproxyFiles(folder);
  const outcomes: Outcomes = new Map();
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    if (timer !== undefined || signal.aborted || watched().length === 0) return;
    timer = setTimeout(() => void enqueue(eject).catch(() => {}).finally(() => {
      timer = undefined;
      look();
    }), LOOK_MS);
    timer.unref();
  };
  async function eject(): Promise<void> {
    if (haproxyPid(folder) === undefined) return;
    for (const section of watched()) {
      const commands = ejections(section, outcomes, outcomesOf(await askHaproxy(socket, `show stat ${section.name} 4 -1`, { answerMs: ANSWER_MS })));
      if (commands.length > 0) await tellHaproxy(socket, commands);
    }
  }
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  return { look, forget: () => outcomes.clear() };
}

function outcomesOf(stat: string): Outcomes {
  return new Map(rowsOf(stat).map((read) => {
    const good = ['1xx', '2xx', '3xx', '4xx'].reduce((sum, code) => sum + Number(read(`hrsp_${code}`)), 0);
    // Of a request that was tried again some errors are counted as that alone.
    return [`${read('pxname')}/${read('svname')}`, { errors: Math.max(Number(read('eresp')) + Number(read('econ')), Number(read('wretr'))), good }];
  }));
}

/** Commands that take out those who had so many errors and no good answer since; where they had one, counting begins again. `before` is brought along. */
function ejections({ name, errors: most }: Watched, before: Outcomes, now: Outcomes): string[] {
  const commands: string[] = [];
  for (const [server, outcome] of now) {
    const since = before.get(server);
    if (since !== undefined && outcome.good === since.good && outcome.errors >= since.errors) {
      if (outcome.errors - since.errors < most) continue;
      commands.push(`set server ${name}/${server.slice(name.length + 1)} health down`);
    }
    before.set(server, outcome);
  }
  return commands;
}
