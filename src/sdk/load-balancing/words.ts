/** The settings of a Service in words of HAProxy's configuration. Pure. */
import type { Algorithm } from './algorithm.ts';
import type { HashOn, ProxySettings } from './settings.ts';

export interface Balance {
  /** Default `least-connection`. */
  algorithm?: Algorithm;
  /** Of consistent hash; default the client's address. */
  hashOn?: HashOn;
}

/** How long an endpoint may take to answer a health check. */
const CHECK_MS = 2_000;

/** `source` is how the client's address is said where the connection is not its own. */
export function balanceLines({ algorithm = 'least-connection', hashOn }: Balance, source = 'source'): string[] {
  switch (algorithm) {
    case 'least-connection': return ['balance leastconn'];
    case 'random': return ['balance random(1)'];
    case 'random-two-choices': return ['balance random(2)'];
    case 'consistent-hash': return [`balance ${hashWords(hashOn, source)}`, 'hash-type consistent'];
    default: return ['balance roundrobin'];
  }
}

function hashWords({ on, name }: HashOn = { on: 'source' }, source: string): string {
  if (on === 'header') return `hdr(${name})`;
  if (on === 'cookie') return `hash req.cook(${name})`;
  return on === 'path' ? 'uri' : source;
}

/** `host` is what the endpoints are asked by. */
export function checkLines({ check }: ProxySettings, host: string): string[] {
  if (check === undefined) return [];
  return [`timeout check ${CHECK_MS}ms`, ...(check.path === undefined ? [] : ['option httpchk', `http-check send meth GET uri ${check.path} ver HTTP/1.1 hdr Host ${host} hdr Connection close`])];
}

/** What is said of every server. An ejected one must pass two checks, the second of them after the whole time. */
export function serverWords({ check, slowStartMs, outliers }: ProxySettings, isHttp: boolean): string {
  const words: string[] = [];
  if (check !== undefined || outliers !== undefined) words.push('check', `inter ${check?.intervalMs ?? outliers?.ejectionMs}ms`, 'fall 2', `rise ${outliers === undefined ? 1 : 2}`);
  if (outliers !== undefined) words.push(`downinter ${outliers.ejectionMs}ms`, `observe ${isHttp ? 'layer7' : 'layer4'}`, `error-limit ${outliers.errors}`, 'on-error mark-down');
  if (slowStartMs !== undefined) words.push(`slowstart ${slowStartMs}ms`);
  return words.map((word) => ` ${word}`).join('');
}
