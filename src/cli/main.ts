/** The `llmos` command: finds the subcommand, parses its flags, runs it. Subcommands are loaded when called, so that each starts fast. */
import { parseArgs } from 'node:util';
import { ownValue } from '../api/json.ts';
import { foldersOf } from '../boot/config.ts';
import { UsageError, type Command, type CommandContext } from './command.ts';
import { COMMANDS } from './commands.ts';
import { renderHelp, renderCommandHelp } from './help.ts';

const FOLDER_FLAGS = { state: { type: 'string' }, run: { type: 'string' }, config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

async function main(argv: readonly string[]): Promise<number> {
  const name = argv[0] ?? 'help';
  if (name === 'help' || name === '--help' || name === '-h') {
    console.log(renderHelp(COMMANDS));
    return 0;
  }
  const entry = ownValue(COMMANDS, name);
  if (entry === undefined) throw new UsageError(`there is no command '${name}'; 'llmos help' lists them`);
  const command = await entry.load();
  const context = parse(command, argv.slice(1));
  if (context === 'help') {
    console.log(renderCommandHelp(name, entry, command));
    return 0;
  }
  return command.run(context);
}

function parse(command: Command, args: readonly string[]): CommandContext | 'help' {
  if (command.raw === true) return { positionals: args, flags: {}, folders: foldersOf({}, process.env) };
  const { values, positionals } = parseArgs({ args: [...args], options: { ...FOLDER_FLAGS, ...command.flags }, allowPositionals: true, strict: true });
  if (values['help'] === true) return 'help';
  return { positionals, flags: values as CommandContext['flags'], folders: foldersOf(values as Record<string, string>, process.env) };
}

// Who reads no further, as `head`, has what was wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof UsageError || String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
  console.error(`llmos: ${(error as Error).message}`);
  if (process.env['LLMOS_DEBUG'] !== undefined) console.error(error);
  process.exitCode = usage ? 2 : 1;
}
