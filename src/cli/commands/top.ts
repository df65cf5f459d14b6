/** `llmos top routes`: what goes through the gateways, the busiest route first. */
import { isApiError } from '../../api/errors.ts';
import { UsageError, type Command } from '../command.ts';
import { control } from '../control.ts';
import { renderTable } from '../table.ts';

/** As the gateway module tells it at `/gateway/routes`. */
interface RouteView extends View {
  kind: string; namespace: string; name: string; gateway: string;
  services: (View & { service: string })[];
}

interface View { requestsPerSecond: number; errorRatio: number; p50Ms?: number; p99Ms?: number; requests: number }

export const top: Command = {
  usage: 'routes [--json]',
  flags: { json: { type: 'boolean' } },
  async run({ positionals, flags, folders }) {
    if (positionals.length !== 1 || positionals[0] !== 'routes') throw new UsageError(`usage: llmos top ${top.usage}`);
    const items = await control<{ items: RouteView[] }>(folders, 'GET', '/gateway/routes').then((answer) => answer.items, (error: unknown) => {
      // The module answers from the first Gateway or Ingress on.
      if (isApiError(error, 'NotFound')) return [];
      throw error;
    });
    console.log(flags['json'] === true ? JSON.stringify(items, null, 2) : render(items));
    return 0;
  },
};

function render(items: readonly RouteView[]): string {
  if (items.length === 0) return 'no requests yet';
  const ms = (value: number | undefined): string => (value === undefined ? '-' : `${value.toFixed(1)} ms`);
  const columns = (each: View): string[] => [each.requestsPerSecond.toFixed(1), `${(100 * each.errorRatio).toFixed(1)} %`, ms(each.p50Ms), ms(each.p99Ms), String(each.requests)];
  return renderTable(['ROUTE', 'GATEWAY', 'REQUESTS/S', 'ERRORS', 'P50', 'P99', 'REQUESTS'], items.flatMap((each) => [
    [each.kind === '' ? '(none)' : `${each.kind} ${each.namespace}/${each.name}`, each.gateway, ...columns(each)],
    // Where several answer, as two versions do, each is to be seen.
    ...(each.services.length < 2 ? [] : each.services.map((one) => [`  to ${one.service}`, '', ...columns(one)])),
  ]));
}
