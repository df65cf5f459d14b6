/** What HAProxy shows to clients and asks of them, and how it speaks to backends by TLS. */
import { wayName, wayOf } from '../forward/ways.ts';
import type { TlsPair } from '../observed.ts';
import type { DoorListener } from '../plan.ts';
import type { BackendTls, Target } from '../rules.ts';
import type { Page, ServerFacts } from './page.ts';
import { namesShown } from './shown-names.ts';
import { quoted } from './words.ts';

export function serverOptions(page: Page, { tls, protocol }: Pick<NonNullable<Target['backend']>, 'tls' | 'protocol'>, clientCertificate: TlsPair | undefined): Pick<ServerFacts, 'options' | 'through'> {
  return tls === undefined ? { options: protocol === 'h2c' ? ' proto h2' : '' } : tlsOptions(page, tls, protocol, clientCertificate);
}

/** Without a protocol it is any that stands on TCP. */
export function tlsOptions(page: Page, tls: BackendTls, protocol: 'http' | 'h2c' | undefined, clientCertificate: TlsPair | undefined): Pick<ServerFacts, 'options' | 'through'> {
  const way = wayOf(tls, protocol, clientCertificate);
  if (way !== undefined) return { options: ` socks4 127.0.0.1:${page.facts.ports.get(wayName(way)) ?? 0}${protocol === 'h2c' ? ' proto h2' : ''}`, through: wayName(way) };
  const { caPem, hostname } = tls;
  const authority = caPem === undefined ? '@system-ca' : `${page.facts.folder}/${page.file('ca', caPem)}`;
  const identity = clientCertificate === undefined ? '' : ` crt ${page.facts.folder}/${page.file('cert', pemOf(clientCertificate))}`;
  return { options: ` ssl verify required ca-file ${authority} sni ${quoted(`str(${hostname})`)}${identity}${protocol === undefined ? '' : ` alpn ${protocol === 'h2c' ? 'h2' : 'h2,http/1.1'}`}` };
}

/**
 * The list of certificates, with the names for which each is shown, and what follows it: a name that no listener is for is refused. Where a listener is for all names,
 * its first certificate is shown for those that no certificate bears: HAProxy shows the first of a list, and `!*` names none.
 */
export function certificateList(page: Page, listeners: readonly DoorListener[]): string {
  const wordsOf = (pair: TlsPair, { clients }: DoorListener): string => `${page.facts.folder}/${page.file('cert', pemOf(pair))}${clientWords(page, clients)}`;
  const lines = namesShown(listeners).flatMap(({ listener, pair, names }) => (names.length === 0 ? [] : [`${wordsOf(pair, listener)} ${names.join(' ')}`]));
  const forAll = listeners.find(({ hostname }) => hostname === '');
  if (forAll?.certificates[0] !== undefined) lines.unshift(`${wordsOf(forAll.certificates[0], forAll)} !*`);
  const lenient = listeners.some(({ clients }) => clients?.isOptional === true) ? ' ca-ignore-err all crt-ignore-err all' : '';
  return `${page.facts.folder}/${page.file('list', `${[...new Set(lines)].join('\n')}\n`)}${forAll === undefined ? ' strict-sni' : ''}${lenient}`;
}

/** Of a line of a list of certificates: what clients must show of themselves. */
function clientWords(page: Page, clients: DoorListener['clients']): string {
  return clients === undefined ? '' : ` [ca-file ${page.facts.folder}/${page.file('ca', clients.caPem)} verify ${clients.isOptional ? 'optional' : 'required'}]`;
}

const pemOf = ({ certificatePem, keyPem }: TlsPair): string => `${certificatePem.trimEnd()}\n${keyPem}`;
