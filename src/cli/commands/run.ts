/** `llmos run`: the service itself, in the foreground. SIGTERM and SIGINT stop it and leave the containers running. */
import type { Command } from '../command.ts';

export const run: Command = {
  usage: '[--state FOLDER] [--run FOLDER] [--config FILE]',
  async run({ folders }) {
    const { runMachine } = await import('../../boot/machine.ts');
    await runMachine(folders);
    return 0;
  },
};
