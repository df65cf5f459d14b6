/** Servers shared, checked and spared as their Service asks for. Pure. */
import type { Balancing } from '../../../sdk/load-balancing/balancing.ts';
import { balanceLines, checkLines, serverWords } from '../../../sdk/load-balancing/words.ts';
import type { BackendTls } from '../rules.ts';
import type { ServerFacts } from './page.ts';

interface Balanced { serviceKey: string; portName: string; tls?: BackendTls | 'broken'; balancing?: Balancing }

/** `source` is how the client's address is said. Connections that nobody looks into are shared by it, and checked by connecting. */
export function balanced(backend: Balanced, { options, ...more }: Pick<ServerFacts, 'options' | 'through'>, { isHttp, source }: { isHttp: boolean; source: string }): ServerFacts {
  const { balancing, tls } = backend;
  if (balancing === undefined) return { backend, options, ...more };
  const { algorithm, hashOn, settings } = balancing;
  const said = isHttp || settings.check === undefined ? settings : { ...settings, check: { intervalMs: settings.check.intervalMs } };
  const words = serverWords(said, isHttp);
  const checks = more.through !== undefined ? ' check-via-socks4' : options.includes(' sni ') && tls !== undefined && tls !== 'broken' ? ` check-sni ${tls.hostname}` : '';
  return {
    backend, ...more, ...(isHttp && settings.outliers !== undefined ? { outliers: settings.outliers.errors } : {}), options: `${options}${words}${words.startsWith(' check ') ? checks : ''}`,
    lines: [...balanceLines({ algorithm, hashOn: isHttp ? hashOn : { on: 'source' } }, source), ...checkLines(said, backend.serviceKey.split('/').toReversed().join('.'))],
  };
}
