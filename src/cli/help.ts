/** Help texts. */
import type { Command, CommandEntry } from './command.ts';

export function renderHelp(commands: Readonly<Record<string, CommandEntry>>): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const rows = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'llmos: the lightweight cloud-native operating system',
    '',
    'usage: llmos COMMAND [ARG ...]',
    '',
    ...rows,
    '',
    'Everywhere: --state FOLDER, --run FOLDER, --config FILE (or LLMOS_STATE, LLMOS_RUN, LLMOS_CONFIG); --help tells more of a command.',
  ].join('\n');
}

export function renderCommandHelp(name: string, entry: CommandEntry, command: Command): string {
  return `usage: llmos ${name} ${command.usage}\n\n${entry.summary}`;
}
