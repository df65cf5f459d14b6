/** Conditions of a frontend: which requests an entry is for. */
import type { Entry } from '../rules.ts';
import type { Line } from './page.ts';
import { argument, quoted } from './words.ts';

/** Each with a name and written once. */
export class Conditions {
  readonly names = new Map<string, string>();
  readonly lines: Line[];

  constructor(lines: Line[]) {
    this.lines = lines;
  }

  of(...expressions: string[]): string {
    const key = expressions.join('\n');
    let name = this.names.get(key);
    if (name === undefined) {
      this.names.set(key, (name = `c${this.names.size}`));
      for (const expression of expressions) this.lines.push({ text: `  acl ${name} ${expression}` });
    }
    return name;
  }
}

/** The names of the conditions that must all hold. */
export function conditionsOf(entry: Entry, conditions: Conditions, several: boolean): string[] {
  const { match } = entry;
  const names = listenerConditions(entry, conditions, several);
  names.push(...pathConditions(match.path, conditions));
  if (match.method !== undefined) names.push(conditions.of(`method ${match.method}`));
  for (const { type, name, value } of match.headers) names.push(conditions.of(`req.fhdr(${argument(name)}) ${valueOf(type, value)}`));
  // As it was sent, or what that stands for (RFC 3986, 2.4).
  for (const { type, name, value } of match.queryParams) names.push(conditions.of(...['', ',url_dec(1)'].map((read) => `urlp(${argument(name)})${read} ${valueOf(type, value)}`)));
  return names;
}

export function listenerConditions({ listener, hostname, oneLabel }: Entry, conditions: Conditions, several: boolean): string[] {
  const names = several ? [conditions.of(`var(txn.listener) -m str -- ${quoted(listener)}`)] : [];
  if (hostname.startsWith('*.')) names.push(oneLabel === true ? conditions.of(`var(txn.host) -m reg -- ${quoted(`^[^.]+${hostname.slice(1).replaceAll('.', '\\.')}$`)}`) : conditions.of(`var(txn.host) -m end -- ${quoted(hostname.slice(1))}`));
  else if (hostname !== '') names.push(conditions.of(`var(txn.host) -m str -- ${quoted(hostname)}`));
  return names;
}

function pathConditions({ type, value }: Entry['match']['path'], conditions: Conditions): string[] {
  if (type === 'Exact') return [conditions.of(`path -m str -- ${quoted(value)}`)];
  if (type === 'RegularExpression') return [conditions.of(`path -m reg -- ${quoted(`^(?:${value})$`)}`)];
  const prefix = value.replace(/\/+$/, '');
  return prefix === '' ? [] : [conditions.of(`path -m str -- ${quoted(prefix)}`, `path -m beg -- ${quoted(`${prefix}/`)}`)];
}

function valueOf(type: string | undefined, value: string): string {
  return type === 'RegularExpression' ? `-m reg -- ${quoted(`^(?:${value})$`)}` : `-m str -- ${quoted(value)}`;
}

/** ` if ...`, by the name of the server; '' for all. */
export function asksFor(fetch: string, hostname: string): string {
  return hostname === '' ? '' : ` if { ${fetch} -i -m ${hostname.startsWith('*.') ? `end -- ${hostname.slice(1)}` : `str -- ${hostname}`} }`;
}

export const rankOf = (hostname: string): number => (hostname === '' ? 2 : hostname.startsWith('*.') ? 1 : 0);
