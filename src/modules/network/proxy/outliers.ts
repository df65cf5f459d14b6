/**
 * Endpoints that fail again and again. HAProxy sees by itself those whose errors reach a client (`observe`); of those whose requests another
 * endpoint answered in their place it only counts. So the counts are looked at, and who had nothing but errors is reported as ill; its
 * checks bring it back. Pure.
 */
import type { Frontend } from './configuration.ts';
import { rowsOf } from '../../../sdk/haproxy/commands.ts';

/** Errors and good answers by `frontend/slot`. */
export type Outcomes = Map<string, { errors: number; good: number }>;

/** Frontends whose counts are to be looked at. */
export function watched(frontends: readonly Frontend[]): readonly Frontend[] {
  return frontends.filter(({ settings, wire = 'tcp' }) => settings?.outliers !== undefined && wire !== 'tcp');
}

/** The command whose answer {@link outcomesOf} reads: the servers of one frontend. */
export function outcomesCommand({ name }: Frontend): string {
  return `show stat ${name} 4 -1`;
}

export function outcomesOf(stat: string): Outcomes {
  return new Map(rowsOf(stat).map((read) => {
    const good = ['1xx', '2xx', '3xx', '4xx'].reduce((sum, code) => sum + Number(read(`hrsp_${code}`)), 0);
    // Of a request that was tried again some errors are counted as that alone.
    return [`${read('pxname')}/${read('svname')}`, { errors: Math.max(Number(read('eresp')) + Number(read('econ')), Number(read('wretr'))), good }];
  }));
}

/** Commands that take out those who had so many errors and no good answer since; where they had one, counting begins again. `before` is brought along. */
export function ejections({ name, settings }: Frontend, before: Outcomes, now: Outcomes): string[] {
  const most = settings?.outliers?.errors ?? Infinity;
  const commands: string[] = [];
  for (const [server, outcome] of now) {
    const since = before.get(server);
    if (since !== undefined && outcome.good === since.good && outcome.errors >= since.errors) {
      if (outcome.errors - since.errors < most) continue;
      commands.push(`set server ${name}/${server.slice(name.length + 1)} health down`);
    }
    before.set(server, outcome);
  }
  return commands;
}
