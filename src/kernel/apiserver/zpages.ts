/**
 * /statusz and /flagz: what runs here since when, and with which flags, for people as text, for programs as Statusz and Flagz of config.k8s.io
 * (upstream: apiserver/pkg/server/statusz and flagz, KEP-4827 and KEP-4828).
 */
import type { Encoded } from './encode.ts';
import { encodeValue } from './encode.ts';
import { notAcceptable } from './errors.ts';
import { clausesOf, type Encoding } from './negotiate.ts';
import type { VersionInfo } from './version.ts';

export interface ZPageFacts {
  version: VersionInfo;
  /** Flag to value, as kube-apiserver names them. */
  flags: Readonly<Record<string, string>>;
  /** The paths that `GET /` names. */
  paths: readonly string[];
  nowMs: number;
  /** How long the process runs. */
  uptimeSeconds: number;
}

export interface ZPage extends Encoded {
  warnings: string[];
}

type PageName = 'statusz' | 'flagz';
interface Form { encoding: Encoding; version: string }

const COMPONENT = 'kube-apiserver';
const GROUP = 'config.k8s.io';
/** The first is the one to ask for. */
const VERSIONS = ['v1beta1', 'v1alpha1'];
const KINDS: Readonly<Record<PageName, string>> = { statusz: 'Statusz', flagz: 'Flagz' };
const WARNING = 'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';
const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([['application/json', 'json'], ['application/yaml', 'yaml'], ['application/vnd.kubernetes.protobuf', 'protobuf']]);
const TEXT = new Set(['text/plain', 'text/*', '*/*']);
const ACCEPTED = ['application/json', 'application/yaml', 'text/plain'];
/** Those below are no help in looking for what is wrong. */
const NOT_LISTED = new Set(['', 'api', 'apis', 'openid', 'openapi', '.well-known']);

export function isZPage(path: string): boolean {
  return path === '/statusz' || path === '/flagz';
}

/** Throws NotAcceptable: structured forms name group, version and kind, and have no protobuf. */
export async function zPage(path: string, accept: string | undefined, facts: ZPageFacts): Promise<ZPage> {
  const name = path.slice(1) as PageName;
  const form = formOf(name, accept);
  if (form === undefined) return { contentType: 'text/plain; charset=utf-8', chunks: [Buffer.from(textOf(name, facts))], warnings: [] };
  const fields = name === 'statusz' ? statusOf(facts) : { flags: facts.flags };
  const encoded = await encodeValue({ kind: KINDS[name], apiVersion: `${GROUP}/${form.version}`, metadata: { name: COMPONENT }, ...fields }, { encoding: form.encoding, pretty: false });
  return { ...encoded, warnings: form.version === VERSIONS[0] ? [] : [`This version of the ${name} endpoint is deprecated. Please use a newer version.`] };
}

/** Undefined: as text. */
function formOf(name: PageName, accept: string | undefined): Form | undefined {
  if (accept === undefined || accept.trim() === '') return undefined;
  for (const { type, parameters } of clausesOf(accept)) {
    if (TEXT.has(type)) return undefined;
    const encoding = ENCODINGS.get(type);
    const { as, g: group, v: version = '' } = parameters;
    if (encoding !== undefined && encoding !== 'protobuf' && as === KINDS[name] && group === GROUP && VERSIONS.includes(version)) return { encoding, version };
  }
  throw notAcceptable(ACCEPTED);
}

interface Status { startTime: string; uptimeSeconds: number; goVersion: string; binaryVersion: string; emulationVersion: string; paths: string[] }

function statusOf({ version, paths, nowMs, uptimeSeconds }: ZPageFacts): Status {
  const roots = new Set(paths.map((path) => path.split('/')[1] ?? '').filter((root) => !NOT_LISTED.has(root)));
  return {
    startTime: `${new Date(nowMs - uptimeSeconds * 1_000).toISOString().slice(0, 19)}Z`, uptimeSeconds: Math.floor(uptimeSeconds), goVersion: version.goVersion,
    binaryVersion: version.gitVersion.replace(/^v|\+.*$/g, ''), emulationVersion: `${version.major}.${version.minor}`, paths: [...roots].sort().map((root) => `/${root}`),
  };
}

function textOf(name: PageName, facts: ZPageFacts): string {
  const head = `\n${COMPONENT} ${name}\n${WARNING}\n\n`;
  if (name === 'flagz') return head + Object.keys(facts.flags).sort().map((flag) => `${flag}=${facts.flags[flag]}\n`).join('');
  const status = statusOf(facts);
  const lines = [
    `Started: ${unixDate(new Date(status.startTime))}`, `Up: ${spanOf(status.uptimeSeconds)}`, `Go version: ${status.goVersion}`,
    `Binary version: ${status.binaryVersion}`, `Emulation version: ${status.emulationVersion}`, `Paths: ${status.paths.join(' ')}`,
  ];
  return `${head}${lines.join('\n')}\n`;
}

/** As date(1) has it: `Wed Oct 16 21:03:43 UTC 2024`. */
function unixDate(date: Date): string {
  const [weekday = '', day = '', month = '', year = '', time = ''] = date.toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} UTC ${year}`;
}

function spanOf(seconds: number): string {
  const two = (count: number): string => String(Math.floor(count)).padStart(2, '0');
  return `${Math.floor(seconds / 3_600)} hr ${two((seconds / 60) % 60)} min ${two(seconds % 60)} sec`;
}
