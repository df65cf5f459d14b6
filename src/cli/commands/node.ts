/** `llmos node ls|lose|start`: the further nodes of this machine. */
import type { NodeView } from '../../boot/further-nodes.ts';
import { UsageError, type Command } from '../command.ts';
import { control } from '../control.ts';
import { renderTable } from '../table.ts';

export const node: Command = {
  usage: 'ls | lose NAME | start NAME',
  async run({ positionals, folders }) {
    const [verb, name] = positionals;
    if (verb === 'ls' && positionals.length === 1) {
      const { nodes } = await control<{ nodes: NodeView[] }>(folders, 'GET', '/llmos/v1/nodes');
      console.log(renderTable(['NODE', 'AGENT', 'PID', 'ADDRESS'], nodes.map((each) => [each.name, each.state, String(each.pid ?? '-'), each.address])));
    } else if (verb === 'lose' && name !== undefined && positionals.length === 2) {
      await control(folders, 'DELETE', `/llmos/v1/nodes/${encodeURIComponent(name)}`);
      console.log(`the agent of ${name} is killed; its containers run on, and nobody hears of them`);
    } else if (verb === 'start' && name !== undefined && positionals.length === 2) {
      await control(folders, 'POST', `/llmos/v1/nodes/${encodeURIComponent(name)}`, { body: {} });
      console.log(`the agent of ${name} is started`);
    } else throw new UsageError(`usage: llmos node ${node.usage}`);
    return 0;
  },
};
