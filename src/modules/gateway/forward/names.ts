/** Whether a certificate bears one of several names: BackendTLSPolicy's subjectAltNames, of which one is enough. Pure. */

export interface AlternativeName { type: 'Hostname' | 'URI'; value: string }

/** `shown` is the extension as Node tells it: `DNS:a.example.com, URI:spiffe://example.com/shop`, values with special characters as JSON strings. */
export function bears(shown: string | undefined, names: readonly AlternativeName[]): boolean {
  const all = [...(shown ?? '').matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(([, sort = '', value = '']) => ({ sort, value: plain(value) }));
  return names.some(({ type, value }) => all.some((each) => (type === 'URI' ? each.sort === 'URI' && each.value === value : each.sort === 'DNS' && isFor(each.value.toLowerCase(), value.toLowerCase()))));
}

function plain(value: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return JSON.parse(value) as string;
  } catch {
    return '';
  }
}

/** A wildcard stands for one whole label, the first one (RFC 6125, section 6.4.3). */
function isFor(shown: string, asked: string): boolean {
  return shown === asked || (shown.startsWith('*.') && !asked.startsWith('*') && asked.indexOf('.') > 0 && asked.slice(asked.indexOf('.')) === shown.slice(1));
}
