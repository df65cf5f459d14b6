/**
 * Descriptions of built-in types and fields, for `kubectl explain`: read from the typings of the npm package @kubernetes/client-node (2.x, whose
 * models carry them as comments) where somebody installed it. None are kept here, neither on the disk nor in memory.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The text for a type of the facts, such as `io.k8s.api.core.v1.PodSpec`, or for one of its fields. */
export type Describe = (type: string, field?: string) => string | undefined;

const PACKAGE = '@kubernetes/client-node';
const INSTALLED = resolve(import.meta.dirname, '../../../node_modules', PACKAGE);
const MODELS = 'dist/gen/models';

/** For the making of one document; undefined where there is no package. `folder` is where it was unpacked; default is where npm installs it. */
export function openDescriptions(folder: string = INSTALLED): Describe | undefined {
  const models = join(folder, MODELS);
  if (!existsSync(models)) return undefined;
  const read = new Map<string, ReadonlyMap<string, string>>();
  return (type, field = '') => {
    let texts = read.get(type);
    if (texts === undefined) read.set(type, (texts = textsOf(models, type)));
    return texts.get(field);
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
