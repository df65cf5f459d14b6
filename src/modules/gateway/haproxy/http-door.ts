/** A door of requests: which listener, which rule and which of its backends has each of them. */
import type { Door } from '../plan.ts';
import type { Action, Entry } from '../rules.ts';
import { LOG_FORMAT } from '../access.ts';
import { backendOf } from './backends.ts';
import { Conditions, conditionsOf, listenerConditions } from './conditions.ts';
import { BEGIN, countsRules, countsTable, RANGES } from './counts.ts';
import { doorName, type Page } from './page.ts';
import { isAtService, markOf } from './sessions.ts';
import { needsStages } from './stages.ts';
import { certificateList } from './tls.ts';
import { TRACE_CHILD, TRACE_KEPT, TRACE_NEW } from './trace.ts';
import { mapText, prefixOf, waysOf } from './ways.ts';
import { quoted } from './words.ts';

const CHALLENGE = '/.well-known/acme-challenge/';

export function httpDoor(page: Page, door: Door, behind: boolean): void {
  const name = doorName(door);
  const counts = page.facts.tellsAll !== true;
  if (counts) page.put(...countsTable(name));
  const tls = door.secure ? ` ssl crt-list ${certificateList(page, door.listeners.filter(({ takes }) => takes === 'requests'))} alpn h2,http/1.1` : '';
  const binds = behind ? [`  bind unix@${page.socketOf(`behind:${name}`)} mode 600 accept-proxy${tls}`] : page.bindsOf(door, tls);
  page.put(`frontend ${name}`, ...binds, '  option forwardfor', `  log-format ${quoted(LOG_FORMAT)}`);
  page.put(BEGIN, ...(counts ? countsRules(name, `${page.facts.folder}/${page.file('map', RANGES)}`) : []));
  page.put(`  http-request set-header X-Forwarded-Proto ${door.secure ? 'https' : 'http'}`, `  http-request set-var(txn.host) req.hdr(host),host_only,lower`, ...(page.facts.sendsSpans === true ? TRACE_CHILD : TRACE_NEW), TRACE_KEPT);
  const { challenges } = page.facts;
  if (challenges !== undefined && challenges.names.length > 0 && !door.secure) page.put(`  http-request return status 200 content-type text/plain lf-string '%[path,bytes(${CHALLENGE.length})].${challenges.thumbprint}' if { path -m reg -- ^/[.]well-known/acme-challenge/[A-Za-z0-9_-]+$ } { var(txn.host) -m str -f ${page.facts.folder}/${page.file('list', `${challenges.names.join('\n')}\n`)} }`);
  const listeners = door.listeners.filter(({ takes }) => takes === 'requests');
  const conditions = new Conditions(page.lines);
  const several = new Set(listeners.map((each) => each.name)).size > 1;
  if (several) chooseListener(page, listeners, door.secure);
  if (door.entries.some(({ action }) => action.targets.length > 1)) page.put('  http-request set-var(txn.rand) rand(2147483647)');
  for (const entries of Map.groupBy(door.entries, ({ listener, hostname, said, oneLabel }) => `${several ? listener : ''} ${hostname} ${said ?? hostname} ${oneLabel}`).values()) {
    const { before, mapped, after } = waysOf(entries);
    for (const entry of before) putEntry(page, door, entry, conditions, several);
    putMap(page, door, mapped, conditions, several);
    for (const entry of after) putEntry(page, door, entry, conditions, several);
  }
  page.put('  default_backend none', '');
}

/** The listener whose hostname is the narrowest that covers the request's; TLS was made for one by its name, and a request for another has come the wrong way. */
function chooseListener(page: Page, listeners: Door['listeners'], secure: boolean): void {
  for (const [variable, fetch] of [['txn.listener', 'var(txn.host)'], ...(secure ? [['txn.sni', 'ssl_fc_sni,lower']] : [])] as [string, string][]) {
    for (const { name, hostname } of listeners) {
      const covered = hostname === '' ? '' : ` { ${fetch} -m ${hostname.startsWith('*.') ? `end -- ${hostname.slice(1)}` : `str -- ${hostname}`} }`;
      page.put(`  http-request set-var(${variable}) str(${name}) if !{ var(${variable}) -m found }${covered}`);
    }
  }
  if (secure) page.put('  http-request return status 421 content-type text/plain string "this connection is for another host" if { var(txn.sni) -m found } !{ var(txn.sni),strcmp(txn.listener) eq 0 }');
}

/** Entries that are told apart by a map of their prefixes. */
function putMap(page: Page, door: Door, entries: readonly Entry[], conditions: Conditions, several: boolean): void {
  const [first] = entries;
  if (first === undefined) return;
  const found: { prefix: string; backend: string }[] = [];
  for (const { match, action } of entries) {
    const [target] = action.targets;
    if (target !== undefined) page.saying(action, () => void found.push({ prefix: prefixOf(match.path.value), backend: backendOf(page, door, action, target, 0) }));
  }
  const all = found.find(({ prefix }) => prefix === '')?.backend;
  const look = `path,concat(/),map_beg(${page.facts.folder}/${page.file('map', mapText(found.filter(({ prefix }) => prefix !== '')))}${all === undefined ? '' : `,${all}`})`;
  const names = [...listenerConditions(first, conditions, several), ...(all === undefined ? [`{ ${look} -m found }`] : [])];
  page.put(`  use_backend %[${look}]${names.length === 0 ? '' : ` if ${names.join(' ')}`}`);
}

function putEntry(page: Page, door: Door, entry: Entry, conditions: Conditions, several: boolean): void {
  page.saying(entry.action, () => choose(page, door, entry.action, conditionsOf(entry, conditions, several)));
}

function choose(page: Page, door: Door, action: Action, names: readonly string[]): void {
  const total = action.targets.reduce((sum, { weight }) => sum + weight, 0);
  let upTo = 0;
  if (action.persistence !== undefined && action.targets.length > 1) sessionsFirst(page, door, action, names);
  action.targets.forEach((target, index) => {
    if (target.weight === 0) return;
    upTo += target.weight;
    const share = upTo === total ? [] : [`{ var(txn.rand),mod(${total}) lt ${upTo} }`];
    const all = [...names, ...share];
    page.lines.push({ text: `  use_backend ${backendOf(page, door, action, target, index)}${all.length === 0 ? '' : ` if ${all.join(' ')}`}`, owner: action.id });
  });
}

/** A session goes on where it is, as long as somebody is there. */
function sessionsFirst(page: Page, door: Door, action: Action, names: readonly string[]): void {
  action.targets.forEach((target, index) => {
    if (action.persistence === undefined || target.backend === undefined || [...action.filters, ...target.filters].some(({ type }) => type === 'RequestRedirect')) return;
    const backend = backendOf(page, door, action, target, index);
    page.lines.push({ text: `  use_backend ${backend} if ${[...names, isAtService(action.persistence, action.id, markOf(target.backend)), `{ nbsrv(${needsStages(action) ? `${backend}:tries` : backend}) gt 0 }`].join(' ')}`, owner: action.id });
  });
}
