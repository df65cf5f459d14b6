/**
 * The log: one line a fact, `TIME LEVEL NAME MESSAGE key=value ...`, on standard error (the service's log file).
 * Callers never pass secrets; values longer than 2,000 characters are cut.
 */
export type Level = 'debug' | 'info' | 'warn' | 'error';
export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A log whose lines bear a longer name: `node` gives `node/images`. */
  child(name: string): Log;
}

const RANK: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createLog(options: { name?: string; level?: Level; write?: (line: string) => void } = {}): Log {
  const name = options.name ?? 'llmos';
  const least = RANK[options.level ?? 'info'];
  const write = options.write ?? ((line: string): void => void process.stderr.write(line));
  const at = (level: Level) => (message: string, fields?: Fields): void => {
    if (RANK[level] >= least) write(`${new Date().toISOString()} ${level.padEnd(5)} ${name} ${message}${render(fields)}\n`);
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => createLog({ ...options, name: name === 'llmos' ? more : `${name}/${more}` }),
  };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };

function render(fields: Fields | undefined): string {
  if (fields === undefined) return '';
  let text = '';
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) text += ` ${key}=${renderValue(value)}`;
  return text;
}

function renderValue(value: unknown): string {
  const text = value instanceof Error ? value.message : typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const short = text.length > 2_000 ? `${text.slice(0, 2_000)}...` : text;
  return /^[\w./:@-]+$/.test(short) ? short : JSON.stringify(short);
}
