/** What a subcommand is. */
import type { ParseArgsOptionsConfig } from 'node:util';
import type { Folders } from '../boot/config.ts';

export interface Command {
  /** After `llmos NAME`, for instance `[--purge]`. */
  usage: string;
  flags?: ParseArgsOptionsConfig;
  /** Hands all arguments on as they are, for commands that wrap another program. */
  raw?: boolean;
  /** Gives the exit code; throws an Error whose message says what to do. */
  run(context: CommandContext): Promise<number>;
}

export interface CommandContext {
  positionals: readonly string[];
  flags: Readonly<Record<string, string | boolean | string[] | undefined>>;
  folders: Folders;
}

export interface CommandEntry {
  summary: string;
  load(): Promise<Command>;
}

/** Wrong arguments: exit code 2. */
export class UsageError extends Error {}
