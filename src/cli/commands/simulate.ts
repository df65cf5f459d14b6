/** `llmos simulate`: the policies of the queue, of scaling and of keeping functions warm, on recorded workloads and a virtual clock. */
import { ownValue } from '../../api/json.ts';
import { UsageError, type Command } from '../command.ts';

const KINDS: Readonly<Record<string, () => Promise<(flags: Parameters<Command['run']>[0]['flags']) => void>>> = {
  scheduling: async () => (await import('./simulate-scheduling.ts')).simulateScheduling,
  'keep-alive': async () => (await import('./simulate-keep-alive.ts')).simulateKeepAlive,
  scaling: async () => (await import('./simulate-scaling.ts')).simulateScaling,
};

export const simulate: Command = {
  usage: 'scheduling|scaling|keep-alive [--trace FILE.csv[.gz]|shape:NAME] [--policy NAME ...] [--report FILE.html] [--capacity UNITS] [--nodes FILE.csv[.gz] [--every N]] [--start SECONDS] [--days N] [--under-provisioned SHARE] [--price P]',
  flags: {
    trace: { type: 'string' }, policy: { type: 'string', multiple: true }, capacity: { type: 'string' }, report: { type: 'string' }, nodes: { type: 'string' }, every: { type: 'string' },
    start: { type: 'string' }, days: { type: 'string' }, 'under-provisioned': { type: 'string' }, price: { type: 'string' },
  },
  async run({ positionals, flags }) {
    const kind = positionals.length === 1 ? ownValue(KINDS, positionals[0]!) : undefined;
    if (kind === undefined) throw new UsageError(`usage: llmos simulate ${simulate.usage}`);
    (await kind())(flags);
    return 0;
  },
};
