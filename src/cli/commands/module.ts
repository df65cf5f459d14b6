/** `llmos module list|load|unload`: the modules of the running system. */
import { resolve } from 'node:path';
import type { ModuleView } from '../../boot/control-routes.ts';
import { UsageError, type Command } from '../command.ts';
import { control } from '../control.ts';
import { renderTable } from '../table.ts';

export const module: Command = {
  usage: 'list | load NAME-OR-FILE | unload NAME',
  async run({ positionals, folders }) {
    const [verb, what] = positionals;
    if (verb === 'list' && what === undefined) {
      const { modules } = await control<{ modules: ModuleView[] }>(folders, 'GET', '/llmos/v1/modules');
      console.log(renderTable(['NAME', 'STATE', 'RESTARTS', 'START', 'DESCRIPTION'], modules.map((each) => [
        each.name, each.state, String(each.restarts), each.startMs === undefined ? '-' : `${each.startMs.toFixed(1)} ms`, each.description,
      ])));
      return 0;
    }
    if (what === undefined || (verb !== 'load' && verb !== 'unload')) throw new UsageError(`usage: llmos module ${module.usage}`);
    if (verb === 'unload') await control(folders, 'DELETE', `/llmos/v1/modules/${encodeURIComponent(what)}`);
    else await control(folders, 'POST', '/llmos/v1/modules', { body: /[./]/.test(what) ? { file: resolve(what) } : { name: what } });
    console.log(`module ${what} ${verb}ed`);
    return 0;
  },
};
