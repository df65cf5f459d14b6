/** One try of a probe or a hook: exec, httpGet, tcpSocket (core/v1 ProbeHandler, LifecycleHandler). */
import { connect } from 'node:net';
import type { Container, HTTPGetAction, LifecycleHandler, ProbeHandler } from '../../../api/generated/core-v1.ts';
import type { ExecAnswer } from '../runtime/exec.ts';

export interface HandlerTarget {
  container: Container;
  podIp: string;
  exec(command: readonly string[], timeoutMs: number): Promise<ExecAnswer>;
}

export interface HandlerAnswer { ok: boolean; message: string }

export async function runHandler(handler: ProbeHandler & LifecycleHandler, target: HandlerTarget, timeoutMs: number): Promise<HandlerAnswer> {
  try {
    if (handler.exec !== undefined) return await runExec(handler.exec.command ?? [], target, timeoutMs);
    if (handler.httpGet !== undefined) return await runHttp(handler.httpGet, target, timeoutMs);
    if (handler.tcpSocket !== undefined) return await runTcp(handler.tcpSocket.host || target.podIp, portOf(target.container, handler.tcpSocket.port), timeoutMs);
    if (handler.grpc !== undefined) return await (await import('./grpc.ts')).runGrpc({ host: target.podIp, port: handler.grpc.port, service: handler.grpc.service ?? '' }, timeoutMs);
    if (handler.sleep !== undefined) return await new Promise((resolve) => setTimeout(() => resolve({ ok: true, message: '' }), Math.min(handler.sleep!.seconds * 1_000, timeoutMs)));
    return { ok: false, message: 'missing probe handler' };
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}

/** A number, or the name of one of the container's ports. Throws when there is none of that name. */
export function portOf(container: Container, port: number | string): number {
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

async function runHttp(action: HTTPGetAction, target: HandlerTarget, timeoutMs: number): Promise<HandlerAnswer> {
  const scheme = (action.scheme ?? 'HTTP').toLowerCase() as 'http' | 'https';
  const { request } = scheme === 'https' ? await import('node:https') : await import('node:http');
  const host = action.host || target.podIp;
  const port = portOf(target.container, action.port);
  const path = (action.path ?? '/').startsWith('/') ? (action.path ?? '/') : `/${action.path}`;
  const headers: Record<string, string> = { 'User-Agent': 'kube-probe/1.32', Accept: '*/*', Connection: 'close' };
  for (const header of action.httpHeaders ?? []) headers[header.name] = header.value;
  return new Promise((resolve) => {
    const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
    const timer = setTimeout(() => call.destroy(new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')), timeoutMs);
    const call = request({ host, port, path, headers, agent: false, rejectUnauthorized: false }, (response) => {
      const code = response.statusCode ?? 0;
      response.resume();
      response.once('close', () => clearTimeout(timer));
      call.once('error', () => {});
      response.destroy();
      resolve({ ok: code >= 200 && code < 400, message: `HTTP probe failed with statuscode: ${code}` });
    });
    call.once('error', (error) => {
      clearTimeout(timer);
      resolve({ ok: false, message: `Get "${url}": ${error.message}` });
    });
    call.end();
  });
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
    socket.once('error', (error) => finish(false, `dial tcp ${host}:${port}: ${error.message}`));
  });
}
