/**
 * Descriptions of built-in types and fields, for `kubectl explain`: our own of the main kinds (descriptions.txt), and those in the typings of the npm
 * package @kubernetes/client-node (2.x, whose models carry them as comments) where somebody installed it. None are kept in memory.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The text for a type of the facts, such as `io.k8s.api.core.v1.PodSpec`, or for one of its fields. */
export type Describe = (type: string, field?: string) => string | undefined;

const PACKAGE = '@kubernetes/client-node';
const INSTALLED = resolve(import.meta.dirname, '../../../node_modules', PACKAGE);
const MODELS = 'dist/gen/models';

/** For the making of one document. `folder` is where the package was unpacked; default is where npm installs it. What it does not say, we do. */
export function openDescriptions(folder: string = INSTALLED): Describe {
  const own = parseOwn(readFileSync(join(import.meta.dirname, 'descriptions.txt'), 'utf8'));
  const models = join(folder, MODELS);
  if (!existsSync(models)) return own;
  const read = new Map<string, ReadonlyMap<string, string>>();
  return (type, field = '') => {
    let texts = read.get(type);
    if (texts === undefined) read.set(type, (texts = textsOf(models, type)));
    return texts.get(field) ?? own(type, field);
  };
}

const HEAD = /^\[(.+?)\] ?(.*)$/;

/** Heads and lines, as descriptions.txt itself explains them. */
export function parseOwn(text: string): Describe {
  const types = new Map<string, Map<string, string>>();
  let texts = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, type, about = ''] = HEAD.exec(line) ?? [];
    const colon = line.indexOf(': ');
    if (type !== undefined) types.set(type, (texts = new Map(about === '' ? [] : [['', about]])));
    else if (colon > 0 && !line.startsWith('#')) texts.set(line.slice(0, colon), line.slice(colon + 2));
  }
  return (type, field = '') => {
    if (!type.startsWith('io.k8s.')) return undefined;
    const name = type.split('.').slice(-3).join('.');
    return types.get(name)?.get(field) ?? (name.endsWith('Condition') ? types.get('*Condition')?.get(field) : undefined) ?? (field === '' ? undefined : types.get('*')?.get(field));
  };
}

const NONE: ReadonlyMap<string, string> = new Map();

/** By field; that of the type itself under ''. */
function textsOf(models: string, type: string): ReadonlyMap<string, string> {
  for (const name of modelNames(type)) {
    const file = join(models, `${name}.d.ts`);
    if (existsSync(file)) return parseModel(readFileSync(file, 'utf8'));
  }
  return NONE;
}

/** `io.k8s.api.core.v1.Event` is V1Event, or where several groups have one CoreV1Event. */
function modelNames(type: string): string[] {
  const [kind = '', version = '', group = ''] = type.split('.').toReversed();
  const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
  const plain = `${capital(version)}${kind}`;
  return type.startsWith('io.k8s.') ? [plain, `${capital(group)}${plain}`] : [];
}

const COMMENTED = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export declare class \w+|'([^']+)'\??:)/g;

function parseModel(text: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [, comment = '', field = ''] of text.matchAll(COMMENTED)) {
    const said = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, '').trimEnd()).join('\n').trim().replaceAll('\\"', '"');
    // Fields whose names JavaScript keeps for itself have a line before them.
    if (said !== '') texts.set(field.replace(/^_/, ''), said);
  }
  return texts;
}
