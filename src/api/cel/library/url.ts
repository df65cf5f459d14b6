/** URLs (apiserver cel/library urls): absolute, or a path that begins with a slash. */
import type { Environment } from '@marcbachmann/cel-js';
import { define } from './define.ts';

const SCHEME = /^[a-zA-Z][a-zA-Z0-9+.-]*:/;

class CelUrl {
  readonly text: string;
  readonly url: URL;
  readonly absolute: boolean;
  readonly opaque: boolean;

  constructor(text: string) {
    this.text = text;
    this.absolute = !text.startsWith('/');
    if (this.absolute && !SCHEME.test(text)) throw new Error('invalid');
    // Go takes what has no slash after its scheme for a name that it does not look into.
    this.opaque = this.absolute && !text.replace(SCHEME, '').startsWith('/');
    this.url = this.opaque ? new URL(`${text.slice(0, text.indexOf(':'))}://none/${/\?[^#]*/.exec(text)?.[0] ?? ''}`) : new URL(text, this.absolute ? undefined : 'http://none');
  }

  valueOf(): string {
    return this.text;
  }
}

export function registerUrl(environment: Environment): void {
  environment.registerType('kubernetes.URL', CelUrl);
  define(environment, {
    'url(string): kubernetes.URL': parse,
    'isURL(string): bool': canParse,
    'kubernetes.URL.getScheme(): string': ({ url, absolute }: CelUrl) => (absolute ? url.protocol.slice(0, -1) : ''),
    'kubernetes.URL.getHost(): string': (parsed: CelUrl) => hostOf(parsed),
    'kubernetes.URL.getHostname(): string': (parsed: CelUrl) => (parsed.absolute && !parsed.opaque ? parsed.url.hostname.replace(/^\[(.*)\]$/, '$1') : ''),
    'kubernetes.URL.getPort(): string': (parsed: CelUrl) => /:(\d+)$/.exec(hostOf(parsed))?.[1] ?? '',
    'kubernetes.URL.getEscapedPath(): string': ({ url, text, absolute, opaque }: CelUrl) => (opaque || (absolute && /^[^:]+:\/\/[^/]*$/.test(text.split(/[?#]/)[0]!)) ? '' : url.pathname),
    'kubernetes.URL.getQuery(): map<string, list<string>>': ({ url }: CelUrl) => queryOf(url),
  });
  environment.registerOperator('kubernetes.URL == kubernetes.URL', (a: CelUrl, b: CelUrl) => a.text === b.text);
}

function parse(text: string): CelUrl {
  try {
    return new CelUrl(text);
  } catch {
    throw new Error(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`);
  }
}

function canParse(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

/** As written, with the port that a scheme would imply. */
function hostOf({ text, absolute }: CelUrl): string {
  return absolute ? (/^[^:]+:\/\/(?:[^/@?#]*@)?([^/?#]*)/.exec(text)?.[1] ?? '') : '';
}

function queryOf(url: URL): Map<string, string[]> {
  const query = new Map<string, string[]>();
  for (const key of url.searchParams.keys()) query.set(key, url.searchParams.getAll(key));
  return query;
}
