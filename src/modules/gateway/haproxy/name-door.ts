/** Doors of connections: told apart by the name of the server that they ask for (TLSRoute), or by nothing (TCPRoute). */
import { CONNECTION_FORMAT, toService } from '../access.ts';
import { compareText } from '../rules.ts';
import type { Door } from '../plan.ts';
import { balanced } from './balanced.ts';
import { asksFor, rankOf } from './conditions.ts';
import { doorName, type Line, type Page } from './page.ts';
import { certificateList, tlsOptions } from './tls.ts';
import { quoted } from './words.ts';

const TOLD = [`  log-format ${quoted(CONNECTION_FORMAT)}`];
/** They are told of by the door behind. */
const UNTOLD = '  tcp-request content set-log-level silent';

/** Of a route whose backend is not there. */
const REFUSED: Line[] = [{ text: '  mode tcp' }, { text: '  tcp-request content reject' }];

/** Connections by the name of the server that they ask for; those whose TLS is ended here go on to a door behind. */
export function nameDoor(page: Page, door: Door): void {
  const name = doorName(door);
  const ended = door.listeners.filter(({ takes }) => takes === 'ended');
  const taken = new Map(door.listeners.map((listener) => [listener.name, listener.takes]));
  page.put(`frontend tls:${name}`, '  mode tcp', ...page.bindsOf(door), ...TOLD, '  tcp-request inspect-delay 5s', '  tcp-request content set-var(txn.host) req.ssl_sni,lower if { req.ssl_hello_type 1 }', '  tcp-request content accept if { req.ssl_hello_type 1 }');
  const ways = [
    ...door.tlsEntries.filter(({ listener }) => taken.get(listener) === 'passed').map((entry) => ({ hostname: entry.hostname, entry, behind: '' })),
    ...door.listeners.filter(({ takes }) => takes !== 'passed').map(({ hostname, takes }) => ({ hostname, entry: undefined, behind: takes === 'ended' ? 'ended' : 'behind' })),
  ].sort((a, b) => rankOf(a.hostname) - rankOf(b.hostname) || b.hostname.length - a.hostname.length || compareText(a.hostname, b.hostname));
  for (const { hostname, entry, behind } of ways) {
    if (entry === undefined) page.put(`  use_backend ${behind}:${name}${asksFor('req.ssl_sni', hostname)}`);
    else chooseTls(page, entry, asksFor('req.ssl_sni', hostname));
  }
  page.put('  default_backend refuse', '');
  for (const behind of new Set(ways.map((way) => way.behind))) if (behind !== '') page.put(`backend ${behind}:${name}`, '  mode tcp', UNTOLD, `  server s unix@${page.socketOf(`${behind}:${name}`)} send-proxy-v2`, '');
  if (ended.length === 0) return;
  page.put(`frontend ended:${name}`, '  mode tcp', `  bind unix@${page.socketOf(`ended:${name}`)} mode 600 accept-proxy ssl crt-list ${certificateList(page, ended)}`, ...TOLD, '  tcp-request content set-var(txn.host) ssl_fc_sni,lower');
  for (const entry of door.tlsEntries.filter(({ listener }) => taken.get(listener) === 'ended')) chooseTls(page, entry, asksFor('ssl_fc_sni', entry.hostname), door);
  page.put('  default_backend refuse', '');
}

/** All connections go to the oldest route. */
export function connectionDoor(page: Page, door: Door): void {
  page.put(`frontend tcp:${doorName(door)}`, '  mode tcp', ...page.bindsOf(door), ...TOLD);
  const [entry] = door.tlsEntries;
  if (entry !== undefined) chooseTls(page, entry, '');
  page.put('  default_backend refuse', '');
}

/** `endedBy` is the door where TLS is ended, so that what goes on is plain, or TLS of our own. */
function chooseTls(page: Page, { id, targets }: Door['tlsEntries'][number], condition: string, endedBy?: Door): void {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  const and = condition === '' ? ' if' : condition;
  let left = total;
  targets.forEach(({ weight, backend }, index) => {
    const tls = endedBy === undefined ? undefined : backend?.tls;
    const name = `${id}:${index}${backend === undefined ? '' : toService(backend.serviceKey)}${tls === undefined ? '' : `:via:${doorName(endedBy!)}`}`;
    if (backend === undefined || tls === 'broken') page.section(name, () => REFUSED, undefined);
    else page.section(name, () => [{ text: '  mode tcp' }], balanced(backend, tls === undefined ? { options: '' } : tlsOptions(page, tls, undefined, endedBy!.clientCertificate), { isHttp: false, source: 'source' }));
    page.put(`  use_backend ${name}${weight === left ? condition : `${and} { rand(${left}) lt ${weight} }`}`);
    left -= weight;
  });
  if (targets.length > 0) return;
  page.section(`${id}:none`, () => REFUSED, undefined);
  page.put(`  use_backend ${id}:none${condition}`);
}
