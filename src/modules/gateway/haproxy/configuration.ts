/** The configuration of HAProxy as text, from the doors of a plan. Pure; each line knows which action it was written for. */
import { isRoots, linesAddress } from '../access-log.ts';
import type { Door } from '../plan.ts';
import { MIRROR } from './actions.ts';
import { AUTHORIZE, bufferLine } from './authorize.ts';
import { answerLines, DEFAULT_RETRIES, RETRY_ON } from './backends.ts';
import { httpDoor } from './http-door.ts';
import { connectionDoor, nameDoor } from './name-door.ts';
import { Page, type Configuration, type ProxyFacts } from './page.ts';
import { PAUSE } from './stages.ts';

/** Of the lines about requests. */
export const RING = 'access';
/** A line is cut there: HAProxy's own bound is 1,024, and the smaller of the two counts. Of a path it keeps the first kilobyte (tune.http.logurilen). */
const MOST_LINE_BYTES = 4_096;

export function configurationOf(doors: readonly Door[], facts: ProxyFacts): Configuration {
  const page = new Page(facts);
  head(page);
  for (const door of doors) putDoor(page, door);
  const buffers = bufferLine(page.mostBodyBytes);
  if (buffers !== '') page.lines.splice(1, 0, { text: buffers });
  return page.finish();
}

function head(page: Page): void {
  const { folder } = page.facts;
  page.put(
    // By default who comes to give commands as the eleventh has to wait, which looks like silence, for which HAProxy is killed.
    'global', `  stats socket ${folder}/haproxy.sock mode 600 level admin expose-fd listeners`, '  stats timeout 1d', '  stats maxconn 100', '  maxconn 8192', '  hard-stop-after 1h', '  tune.ssl.default-dh-param 2048', '  ssl-default-bind-options ssl-min-ver TLSv1.2',
    `  lua-load ${folder}/${page.file('actions', MIRROR + PAUSE + AUTHORIZE)}`, '  httpclient.ssl.verify none', `  log ring@${RING} len ${MOST_LINE_BYTES} format raw local0`, '',
    `ring ${RING}`, '  format raw', `  maxlen ${MOST_LINE_BYTES}`, '  size 1048576', '  timeout connect 2s', '  timeout server 10s', `  ${linesServer(page.facts)}`, '',
    'defaults', '  mode http', '  log global', '  timeout connect 2s', '  timeout client 1h', '  timeout server 1h', '  timeout tunnel 24h', '  timeout http-request 30s', '  timeout http-keep-alive 75s', `  retries ${DEFAULT_RETRIES}`, '  option redispatch 1', '  option idle-close-on-response', `  retry-on ${RETRY_ON}`, '  http-reuse safe', '',
    'backend none', ...answerLines(404, 12), '', 'backend refuse', '  mode tcp', '  tcp-request content reject', '',
  );
}

function linesServer({ gatewayIp, linesPort }: ProxyFacts): string {
  const address = linesAddress(gatewayIp);
  return `server llmos ${address}:${linesPort} log-proto octet-count${isRoots(linesPort) ? ` source ${address}:640-895` : ''}`;
}

function putDoor(page: Page, door: Door): void {
  if (door.listeners.some(({ takes }) => takes === 'connections')) return connectionDoor(page, door);
  const byName = door.tlsEntries.length > 0 || door.listeners.some(({ takes }) => takes !== 'requests');
  if (byName) nameDoor(page, door);
  if (!byName || door.listeners.some(({ takes }) => takes === 'requests')) httpDoor(page, door, byName);
}
