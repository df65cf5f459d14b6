/** A whole llmos that many behaviours are tried against, and the words they are tried with: requests, watches, namespaces. */
import assert from 'node:assert/strict';
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { findCluster } from '../../src/sdk/client/kubeconfig.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type CommandResult, type Instance } from '../fixtures/instance.ts';
import { BEHAVIOURS } from './behaviours.ts';

/** Objects of the wire, as deep as a test wants to look. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Body = any;

export interface Answer {
  code: number;
  headers: IncomingHttpHeaders;
  /** Parsed where it is JSON. */
  body: Body;
}

export interface Ask {
  body?: unknown;
  /** Default application/json. */
  contentType?: string;
  headers?: Record<string, string>;
  /** Instead of the administrator's certificate. */
  token?: string;
}

export interface Watched {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: Body;
}

export interface Watch {
  /** The next event; rejects when none comes in time. */
  next(): Promise<Watched>;
  /** The next event of that type, others before it are passed over. */
  nextOf(type: Watched['type']): Promise<Watched>;
  /** All that came and was not taken, after a pause in which more could have come. */
  rest(): Promise<Watched[]>;
  close(): void;
}

const WAIT_MS = 60_000;
const PAUSE_MS = 150;
/** History is short here, so that its end can be tried. */
export const KEEP_SECONDS = 5;

let instance: Instance | undefined;
let agent: Agent | undefined;
let address: URL;
let tls: { ca?: string; cert?: string; key?: string };
let namespaces = 0;

export interface Sections {
  /** How many behaviours of `sections` are tried at the same time, where none minds the others; default 1. */
  concurrency?: number;
  /** Tried after the others, one by one: they end llmos, or change what all see. */
  alone?: readonly (() => void)[];
  /** More configuration, as YAML. */
  config?: string;
}

/** Boots before the behaviours of `sections`, and takes all down after them. */
export function conformance(title: string, sections: readonly (() => void)[], { concurrency = 1, alone = [], config = '' }: Sections = {}): void {
  describe(title, { timeout: 400_000, concurrency: 1 }, () => {
    before(async () => {
      instance = await bootInstance({ config: `store: { keepSeconds: ${KEEP_SECONDS} }\n${config}` });
      const access = findCluster({ path: instance.kubeconfig });
      const credential = await access.credential();
      address = new URL(access.server);
      tls = { ca: access.caPem, cert: credential.certificatePem, key: credential.keyPem };
      agent = new Agent({ keepAlive: true, ...tls });
      importTestImage(instance);
      await eventually(async () => (await ok('GET', '/api/v1/nodes')).items.some(isReady), { what: 'a ready node' });
    });
    after(async () => {
      agent?.destroy();
      await instance?.destroy();
    });
    if (concurrency === 1) for (const section of sections) section();
    else describe('at once', { concurrency }, () => sections.forEach((section) => section()));
    for (const section of alone) section();
  });
}

function isReady(node: Body): boolean {
  return node.status?.conditions?.some((each: Body) => each.type === 'Ready' && each.status === 'True') === true;
}

/** One test a behaviour, named as upstream names it; the name must be on the list. `skip`: what this machine lacks for it. */
export function behaviour(name: string, run: () => Promise<void>, { skip }: { skip?: string } = {}): void {
  const known = BEHAVIOURS.find((each) => each.name === name);
  if (known === undefined) throw new Error(`upstream knows no behaviour ${JSON.stringify(name)}`);
  if (known.notYet !== undefined || known.notApplicable !== undefined) throw new Error(`behaviours.ts says that ${JSON.stringify(name)} is not tried: correct it`);
  it(`[${known.area}] ${name} [Conformance]`, { timeout: 120_000, skip }, run);
}

export function running(): Instance {
  assert.ok(instance !== undefined, 'the instance runs');
  return instance;
}

export async function call(method: string, path: string, ask: Ask = {}): Promise<Answer> {
  const answer = await open(method, path, ask);
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const isJson = (answer.headers['content-type'] ?? '').includes('json');
  return { code: answer.statusCode ?? 0, headers: answer.headers, body: isJson && text !== '' ? JSON.parse(text) : text };
}

/** The body of an answer that must be a success. */
export async function ok(method: string, path: string, ask: Ask = {}): Promise<Body> {
  const { code, body } = await call(method, path, ask);
  assert.ok(code >= 200 && code < 300, `${method} ${path}: ${code} ${JSON.stringify(body)}`);
  return body;
}

/** The Status of an answer that must be a failure with that code. */
export async function refused(code: number, method: string, path: string, ask: Ask = {}): Promise<Body> {
  const answer = await call(method, path, ask);
  assert.equal(answer.code, code, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

export const create = (path: string, body: unknown): Promise<Body> => ok('POST', path, { body });
export const get = (path: string): Promise<Body> => ok('GET', path);
export const put = (path: string, body: unknown): Promise<Body> => ok('PUT', path, { body });
export const remove = (path: string, options?: unknown): Promise<Body> => ok('DELETE', path, { body: options });
export const patch = (path: string, body: unknown, type: 'merge-patch' | 'strategic-merge-patch' | 'json-patch' = 'merge-patch'): Promise<Body> =>
  ok('PATCH', path, { body, contentType: `application/${type}+json` });

/** Settles when the object is gone. */
export function gone(path: string): Promise<boolean> {
  return eventually(async () => (await call('GET', path)).code === 404, { timeoutMs: 60_000, what: `the end of ${path}` });
}

/** Settles with the object when `holds` says so. */
export function until(path: string, holds: (object: Body) => boolean, timeoutMs = 60_000): Promise<Body> {
  let last: Body;
  return eventually(async () => {
    const { code, body } = await call('GET', path);
    last = body;
    return code === 200 && holds(body) && body;
  }, { timeoutMs, what: holds.toString() }).catch(() => assert.fail(`${path} never came to ${holds.toString()}: ${JSON.stringify(last)?.slice(0, 2_000)}`));
}

/** A namespace of the test's own with its service account; its name. */
export async function namespace(): Promise<string> {
  const name = `conformance-${(namespaces += 1)}`;
  await create('/api/v1/namespaces', { metadata: { name, labels: { 'e2e-run': 'conformance' } } });
  await until(`/api/v1/namespaces/${name}/serviceaccounts/default`, () => true);
  return name;
}

export async function kubectl(...args: string[]): Promise<string> {
  return succeeded(running().kubectl(...args));
}

export async function kubectlWith(input: string, ...args: string[]): Promise<string> {
  return succeeded(running().kubectlWith(input, ...args));
}

async function succeeded(result: Promise<CommandResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, `${stderr}\n${stdout}`);
  return stdout;
}

/** A pod that sleeps until it is told to end. */
export function podOf(name: string, more: { labels?: object; spec?: object; container?: object; metadata?: object } = {}): Body {
  return {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: more.labels, ...more.metadata },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['sleep', '1000000'], ...more.container }], ...more.spec },
  };
}

/** Opens a watch; `path` is that of a collection, perhaps with a query. */
export async function watch(path: string): Promise<Watch> {
  const url = `${path}${path.includes('?') ? '&' : '?'}watch=true`;
  const answer = await open('GET', url, {}, true);
  assert.equal(answer.statusCode, 200, url);
  const events: Watched[] = [];
  let wake = (): void => {};
  let text = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    events.push(...lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Watched));
    wake();
  });
  answer.on('error', () => wake());
  const next = async (): Promise<Watched> => {
    const endMs = Date.now() + WAIT_MS;
    while (events.length === 0) {
      const leftMs = endMs - Date.now();
      assert.ok(leftMs > 0, `${url} gave no event in ${WAIT_MS} ms`);
      await new Promise<void>((settle) => {
        wake = settle;
        setTimeout(settle, leftMs).unref();
      });
    }
    return events.shift() as Watched;
  };
  return {
    next,
    async nextOf(type) {
      for (;;) {
        const event = await next();
        if (event.type === type) return event;
      }
    },
    async rest() {
      await new Promise((settle) => setTimeout(settle, PAUSE_MS));
      return events.splice(0);
    },
    close: () => void answer.destroy(),
  };
}

/** All that comes over a WebSocket with this subprotocol until it closes, a message an entry. */
export async function messages(path: string, protocol: string): Promise<Buffer[]> {
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(`wss://${address.host}${path}`, [protocol], tls);
  const all: Buffer[] = [];
  await new Promise<void>((settle, fail) => {
    const timer = setTimeout(() => fail(new Error(`${path} did not end in ${WAIT_MS} ms`)), WAIT_MS);
    socket.on('message', (message: Buffer) => void all.push(message));
    socket.on('error', fail);
    socket.on('close', () => { clearTimeout(timer); settle(); });
  }).finally(() => socket.terminate());
  assert.equal(socket.protocol, protocol);
  return all;
}

function open(method: string, path: string, ask: Ask, own = false): Promise<IncomingMessage> {
  const body = ask.body === undefined ? undefined : typeof ask.body === 'string' ? ask.body : JSON.stringify(ask.body);
  const headers: Record<string, string> = { accept: 'application/json', ...ask.headers };
  if (body !== undefined) {
    headers['content-type'] = ask.contentType ?? 'application/json';
    headers['content-length'] = String(Buffer.byteLength(body)); // of a DELETE Node would not say it
  }
  if (ask.token !== undefined) headers['authorization'] = `Bearer ${ask.token}`;
  const connection = ask.token !== undefined ? { ca: tls.ca } : own ? tls : { agent };
  return new Promise((settle, fail) => {
    const request = httpsRequest({ host: address.hostname, port: address.port, method, path, headers, ...connection }, settle);
    request.on('error', fail);
    request.end(body);
  });
}
