/** What a subcommand is, and the list of them. */
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

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  up: { summary: 'boot llmos in the background and wait until it is ready', load: async () => (await import('./commands/up.ts')).up },
  down: { summary: 'stop llmos and its containers; --purge also removes all data', load: async () => (await import('./commands/down.ts')).down },
  status: { summary: 'show phases, modules, memory and addresses', load: async () => (await import('./commands/status.ts')).status },
  run: { summary: 'run llmos in the foreground (for a service unit)', load: async () => (await import('./commands/run.ts')).run },
  apply: { summary: 'apply manifests to the cluster (server-side)', load: async () => (await import('./commands/apply.ts')).apply },
  attach: { summary: 'run portable modules against another Kubernetes cluster', load: async () => (await import('./commands/attach.ts')).attach },
  module: { summary: 'list, load and unload modules of the running system', load: async () => (await import('./commands/module.ts')).module },
  kubeconfig: { summary: "print the administrator's kubeconfig", load: async () => (await import('./commands/kubeconfig.ts')).kubeconfig },
  kubectl: { summary: 'call kubectl against this llmos', load: async () => (await import('./commands/kubectl.ts')).kubectl },
  backup: { summary: 'copy the store to a file while it runs', load: async () => (await import('./commands/backup.ts')).backup },
  restore: { summary: 'put a backup in place of the store of a stopped llmos', load: async () => (await import('./commands/restore.ts')).restore },
  version: { summary: 'print the version', load: async () => (await import('./commands/version.ts')).version },
};
