/**
 * Descriptions of built-in types and fields, for `kubectl explain`: our own (the texts beside this file), and of Kubernetes' kinds those in the typings of the
 * npm package @kubernetes/client-node (2.x, whose models carry them as comments) where somebody installed it. None are kept in memory.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The text for a type, such as `io.k8s.api.core.v1.PodSpec` or `dev.llmos.v1alpha1.PredictiveAutoscaler`, or for one of its fields: `spec`, and where the type has others within it, `spec.objective.price`. */
export type Describe = (type: string, field?: string) => string | undefined;

const PACKAGE = '@kubernetes/client-node';
const INSTALLED = resolve(import.meta.dirname, '../../../../node_modules', PACKAGE);
const MODELS = 'dist/gen/models';

/** For the making of one document. `folder` is where the package was unpacked; default is where npm installs it. What it does not say, we do. */
export function openDescriptions(folder: string = INSTALLED): Describe {
  const own = parseOwn(ownTexts().join('\n'));
  const models = join(folder, MODELS);
  if (!existsSync(models)) return own;
  const read = new Map<string, ReadonlyMap<string, string>>();
  return (type, field = '') => {
    let texts = read.get(type);
    if (texts === undefined) read.set(type, (texts = textsOf(models, type)));
    return texts.get(field) ?? own(type, field);
  };
}

/** The content of the texts beside this file. */
export function ownTexts(): string[] {
  return readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt')).sort().map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'));
}

/** Names of the facts' types, beside those of kinds that are in groups of k8s.io too. */
const OF_KUBERNETES = /^io\.k8s\.(.+\.)?(api|pkg\.apis)\./;
const VERSION = /\.v\d\w*\./;
const HEAD = /^\[(.+?)\] ?(.*)$/;

/** What every object has; of kinds that users define, nothing else is ours to describe. */
const OF_EVERY_OBJECT = ['apiVersion', 'kind', 'metadata'];

/** Heads and lines, as kubernetes.txt explains them. */
export function parseOwn(text: string): Describe {
  const types = new Map<string, Map<string, string>>();
  let latest = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, type, about = ''] = HEAD.exec(line) ?? [];
    const colon = line.indexOf(': ');
    if (type !== undefined) {
      latest = new Map(about === '' ? [] : [['', about]]);
      types.set(type, latest).set(type.replace(VERSION, '.*.'), latest);
    } else if (colon > 0 && !line.startsWith('#')) latest.set(line.slice(0, colon), line.slice(colon + 2));
  }
  return (type, field = '') => {
    const isFact = OF_KUBERNETES.test(type);
    const name = isFact ? type.split('.').slice(-3).join('.') : kindOf(type);
    // Versions of before and after are told of as the one that is described.
    const texts = types.get(name) ?? types.get(name.replace(VERSION, '.*.'));
    const said = texts?.get(field);
    if (said !== undefined || field === '') return said;
    if (texts === undefined && !isFact && !OF_EVERY_OBJECT.includes(field)) return undefined;
    const ofCondition = name.endsWith('Condition') ? field : /(?:^|\.)conditions\.(\w+)$/.exec(field)?.[1];
    return (ofCondition === undefined ? undefined : types.get('*Condition')?.get(ofCondition)) ?? types.get('*')?.get(field.replace(/^(spec|status)\./, ''));
  };
}

/** `HTTPRoute.gateway.networking.k8s.io` of the schema's name of any of its versions, `io.k8s.networking.gateway.v1.HTTPRoute`. */
function kindOf(type: string): string {
  const [kind, , ...group] = type.split('.').toReversed();
  return [kind, ...group].join('.');
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
