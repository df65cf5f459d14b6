/** `llmos status`. */
import type { StatusView } from '../../boot/control-routes.ts';
import { renderPhase } from '../../boot/phases.ts';
import type { Command } from '../command.ts';
import { control } from '../control.ts';
import { renderTable } from '../table.ts';

export const status: Command = {
  usage: '[--json]',
  flags: { json: { type: 'boolean' } },
  async run({ folders, flags }) {
    const view = await control<StatusView>(folders, 'GET', '/llmos/v1/status');
    console.log(flags['json'] === true ? JSON.stringify(view, null, 2) : render(view));
    return 0;
  },
};

function render(view: StatusView): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    `llmos ${view.version}, instance ${view.instance}, node ${view.nodeName}, pid ${view.pid}, up ${duration(view.uptimeSeconds)}`,
    '',
    ...view.phases.map(renderPhase),
    '',
    renderTable(['MODULE', 'STATE', 'RESTARTS', 'START', 'FACTS'], view.modules.map((each) => [
      each.name, each.state, String(each.restarts), `${(each.startMs ?? 0).toFixed(1)} ms`,
      Object.entries(each.facts).map(([key, value]) => `${key}=${value}`).join(' ') || (each.lastError ?? '-'),
    ])),
    '',
    `memory  ${mib(view.memory.rssBytes)} resident, ${mib(view.memory.heapUsedBytes)} heap in use`,
    `store   revision ${view.store.revision}, ${view.store.objects} objects, ${mib(view.store.diskBytes)} on disk`,
    ...Object.entries(view.addresses).map(([name, address]) => `${name.padEnd(14)} ${address}`),
  ].join('\n');
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
