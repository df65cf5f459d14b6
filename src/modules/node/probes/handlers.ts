/** One try of a probe or a hook: exec, httpGet, tcpSocket (core/v1 ProbeHandler, LifecycleHandler). */
import { connect } from 'node:net';
import type { Container, HTTPGetAction, LifecycleHandler, ProbeHandler } from '../../../api/generated/core-v1.ts';
import { realClock } from '../../../base/clock.ts';
import type { ExecAnswer } from '../runtime/exec.ts';

export interface HandlerTarget {
  container: Container;
  podIp: string;
  exec(command: readonly string[], timeoutMs: number): Promise<ExecAnswer>;
}

/** `warning`: it went well, and there is something to tell all the same. `unknown`: it could not be tried, as with a command that does not exist: of probes this counts for nothing (pod lifecycle, "Probe outcome"). */
export interface HandlerAnswer { ok: boolean; message: string; warning?: boolean; unknown?: boolean }

/** Of hooks alone: whatever an HTTP server answers is an answer, and there is no tcpSocket (core/v1 LifecycleHandler). `signal`: the hook is waited for no longer, so that it need not sleep any more. */
export async function runHook(handler: LifecycleHandler, target: HandlerTarget, timeoutMs: number, signal?: AbortSignal): Promise<HandlerAnswer> {
  if (handler.tcpSocket !== undefined) return { ok: false, message: 'tcpSocket is no handler of a hook: use exec, httpGet or sleep' };
  if (handler.sleep !== undefined) {
    await realClock.sleep(Math.min(Number(handler.sleep.seconds) * 1_000, timeoutMs), signal);
    return { ok: true, message: '' };
  }
  const answer = await runHandler(handler, target, timeoutMs);
  return handler.httpGet !== undefined && answer.status !== undefined ? { ok: true, message: answer.message } : answer;
}

/** Some 12 days: a timer of more than 24 would be over at once. */
const MOST_TIMEOUT_MS = 2 ** 30;

/** Whatever is asked, it takes no longer than some 12 days. */
export async function runHandler(handler: ProbeHandler, target: HandlerTarget, askedMs: number): Promise<HandlerAnswer & { status?: number }> {
  const timeoutMs = Math.min(askedMs, MOST_TIMEOUT_MS);
  try {
    if (handler.exec !== undefined) return await runExec(handler.exec.command ?? [], target, timeoutMs);
    if (handler.httpGet !== undefined) return await runHttp(handler.httpGet, target, timeoutMs);
    if (handler.tcpSocket !== undefined) return await runTcp(handler.tcpSocket.host || target.podIp, portOf(target.container, handler.tcpSocket.port), timeoutMs);
    if (handler.grpc !== undefined) return await (await import('./grpc.ts')).runGrpc({ host: target.podIp, port: handler.grpc.port, service: handler.grpc.service ?? '' }, timeoutMs);
    return { ok: false, unknown: true, message: 'missing probe handler' };
  } catch (error) {
    return { ok: false, unknown: true, message: (error as Error).message };
  }
}

/** A number, or the name of one of the container's ports. Throws when there is none of that name. */
function portOf(container: Container, port: number | string): number {
  if (typeof port === 'number') return port;
  if (/^\d+$/.test(port)) return Number(port);
  const named = container.ports?.find((each) => each.name === port);
  if (named === undefined) throw new Error(`couldn't find port: "${port}" in container ${container.name}`);
  return named.containerPort;
}

async function runExec(command: readonly string[], target: HandlerTarget, timeoutMs: number): Promise<HandlerAnswer> {
  const { code, output, timedOut } = await target.exec(command, timeoutMs);
  if (timedOut) return { ok: false, message: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1_000}s` };
  return { ok: code === 0, message: output };
}

/** Redirects are followed on the same host, ten at most; where they lead elsewhere, the probe is content with them. */
async function runHttp(action: HTTPGetAction, target: HandlerTarget, timeoutMs: number): Promise<HandlerAnswer & { status?: number }> {
  const host = action.host || target.podIp;
  const path = (action.path ?? '/').startsWith('/') ? (action.path ?? '/') : `/${action.path}`;
  const untilMs = performance.now() + timeoutMs;
  let url = new URL(`${(action.scheme ?? 'HTTP').toLowerCase()}://${host.includes(':') ? `[${host}]` : host}:${portOf(target.container, action.port)}`);
  const first = `${url.origin}${path}`;
  let asked = path;
  try {
    for (let redirects = 0; ; redirects += 1) {
      const { status, location, body } = await fetchOnce(url, asked, headersOf(action), untilMs - performance.now());
      const next = status >= 300 && status < 400 && location !== undefined ? URL.parse(location, new URL(asked, url).href) : null;
      if (next !== null && next.hostname === url.hostname && /^https?:$/.test(next.protocol) && redirects < MOST_REDIRECTS) {
        [url, asked] = [next, `${next.pathname}${next.search}`];
        continue;
      }
      if (status >= 300 && status < 400) return { ok: true, status, warning: true, message: `Probe terminated redirects, Response body: ${body}` };
      return { ok: status >= 200 && status < 300, status, message: `HTTP probe failed with statuscode: ${status}` };
    }
  } catch (error) {
    return { ok: false, message: `Get "${first}": ${wordsOf(error as NodeJS.ErrnoException, url.host)}` };
  }
}

const MOST_REDIRECTS = 10;
const MOST_BODY_BYTES = 1_024;

/** What the probe names; kubelet's own, which an empty value takes away. */
function headersOf({ httpHeaders = [] }: HTTPGetAction): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'user-agent': 'kube-probe/1.36', accept: '*/*', connection: 'close' };
  const given = Map.groupBy(httpHeaders, ({ name }) => name.toLowerCase());
  for (const [name, all] of given) {
    const values = all.map(({ value }) => value);
    if (values.every((value) => value === '') && (name === 'accept' || name === 'user-agent')) delete headers[name];
    else headers[name] = values.length === 1 || name === 'host' ? values[0]! : values;
  }
  return headers;
}

async function fetchOnce({ protocol, hostname, port }: URL, path: string, headers: Record<string, string | string[]>, timeoutMs: number): Promise<{ status: number; location?: string; body: string }> {
  const { request } = protocol === 'https:' ? await import('node:https') : await import('node:http');
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => call.destroy(new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')), Math.max(1, timeoutMs));
    const call = request({ host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? undefined : port, path, headers, agent: false, rejectUnauthorized: false }, (response) => {
      const { statusCode: status = 0, headers: { location } } = response;
      let body = '';
      const finish = (): void => {
        clearTimeout(timer);
        call.once('error', () => {});
        response.destroy();
        resolve({ status, location, body });
      };
      if (status < 300 || status >= 400) return finish();
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body = (body + chunk).slice(0, MOST_BODY_BYTES);
        if (body.length === MOST_BODY_BYTES) finish();
      });
      for (const end of ['end', 'error']) response.once(end, finish);
    });
    call.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    call.end();
  });
}

/** What people look for in events: the words of the kubelet. */
const CONNECT_WORDS: Readonly<Record<string, string>> = { ECONNREFUSED: 'connection refused', EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable', ETIMEDOUT: 'connection timed out' };

function wordsOf({ code = '', message }: NodeJS.ErrnoException, address: string): string {
  if (CONNECT_WORDS[code] !== undefined) return `dial tcp ${address}: connect: ${CONNECT_WORDS[code]}`;
  return code === 'ECONNRESET' ? 'read tcp: connection reset by peer' : message;
}

function runTcp(host: string, port: number, timeoutMs: number): Promise<HandlerAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (ok: boolean, message: string): void => {
      socket.destroy();
      resolve({ ok, message });
    };
    socket.setTimeout(timeoutMs, () => finish(false, `dial tcp ${host}:${port}: i/o timeout`));
    socket.once('connect', () => finish(true, ''));
    socket.once('error', (error) => finish(false, wordsOf(error, `${host.includes(':') ? `[${host}]` : host}:${port}`)));
  });
}
