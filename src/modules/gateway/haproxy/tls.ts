/** What HAProxy shows to clients and asks of them, and how it speaks to backends by TLS. */
import { wayName, wayOf } from '../forward/ways.ts';
import type { TlsPair } from '../observed.ts';
import type { DoorListener } from '../plan.ts';
import type { BackendTls, Target } from '../rules.ts';
import type { Page, ServerFacts } from './page.ts';
import { quoted } from './words.ts';

export function serverOptions(page: Page, { tls, protocol }: NonNullable<Target['backend']>, clientCertificate: TlsPair | undefined): Pick<ServerFacts, 'options' | 'through'> {
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

/** The list of certificates, with the names for which each is shown, and what follows it: a name that no listener is for is refused. */
export function certificateList(page: Page, listeners: readonly DoorListener[]): string {
  const lines = listeners.flatMap(({ hostname, certificates, clients }) => certificates.map((pair) => `${page.facts.folder}/${page.file('cert', pemOf(pair))}${clientWords(page, clients)}${hostname === '' ? '' : ` ${hostname}`}`));
  const lenient = listeners.some(({ clients }) => clients?.isOptional === true) ? ' ca-ignore-err all crt-ignore-err all' : '';
  return `${page.facts.folder}/${page.file('list', `${[...new Set(lines)].join('\n')}\n`)}${listeners.every(({ hostname }) => hostname !== '') ? ' strict-sni' : ''}${lenient}`;
}

/** Of a line of a list of certificates: what clients must show of themselves. */
function clientWords(page: Page, clients: DoorListener['clients']): string {
  return clients === undefined ? '' : ` [ca-file ${page.facts.folder}/${page.file('ca', clients.caPem)} verify ${clients.isOptional ? 'optional' : 'required'}]`;
}

const pemOf = ({ certificatePem, keyPem }: TlsPair): string => `${certificatePem.trimEnd()}\n${keyPem}`;
