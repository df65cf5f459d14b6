/** `GET pods/NAME/log`. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { WebSocket } from 'ws';
import { ApiError } from '../../../api/errors.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { Route, RouteRequest } from '../../../sdk/module.ts';
import type { Agent } from '../agent.ts';
import { PodKind } from '../kinds.ts';
import { onNode } from '../mirror.ts';
import { containerOf } from '../streams/target.ts';
import { acceptWebSocket, asksForWebSocket } from '../streams/web-socket.ts';
import { drained } from './drained.ts';
import { logOptions, type LogOptions } from './options.ts';
import { readLog } from './read.ts';

const READER_PROTOCOLS = ['binary.k8s.io', 'base64.binary.k8s.io', ''];

/** `logs` is the folder of all logs. */
export function logRoute(agent: Agent, logs: string, nowMs: () => number): Route {
  return {
    kind: PodKind, subresource: 'log',
    async handle(request) {
      const options = logOptions(request.url.searchParams, { nowMs: nowMs(), pod: request.object?.metadata.name ?? '' });
      if (!(request.object as Pod).spec?.nodeName && !asksForWebSocket(request)) return nothingYet(request, options);
      const { file, alive } = logFile(agent, logs, request, options);
      if (asksForWebSocket(request)) return overWebSocket(await acceptWebSocket(request, READER_PROTOCOLS), readLog(file, options, { signal: request.signal, alive }));
      const response = request.response!;
      response.writeHead(200, { 'Content-Type': 'text/plain' });
      response.flushHeaders();
      for await (const piece of readLog(file, options, { signal: request.signal, alive })) {
        if (request.signal.aborted) return;
        if (!response.write(piece)) await drained(response);
      }
      response.end();
    },
  };
}

/** A pod that nobody runs yet has no log, which is no error (upstream: LogLocation). */
function nothingYet({ object, response }: RouteRequest, { container }: LogOptions): void {
  containerOf(object as Pod, container); // but a name that is none is
  response!.writeHead(200, { 'Content-Type': 'text/plain' });
  response!.end();
}

/** A message a piece, without a channel (upstream: streaming of wsstream's Reader). */
async function overWebSocket(webSocket: WebSocket, pieces: AsyncIterable<Buffer>): Promise<void> {
  const base64 = webSocket.protocol.startsWith('base64.');
  for await (const piece of pieces) {
    if (webSocket.readyState !== webSocket.OPEN) return;
    await new Promise<void>((resolve) => { webSocket.send(base64 ? piece.toString('base64') : piece, { binary: !base64 }, () => resolve()); });
  }
  webSocket.close(1000);
}

const WHY_WAITING: Readonly<Record<string, string>> = { ErrImagePull: "image can't be pulled", ImagePullBackOff: 'trying and failing to pull image' };

/** What a container wrote before the machine was started again. */
function lastLog(folder: string): string | undefined {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')) : [];
  const last = names.toSorted((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))[0];
  return last === undefined ? undefined : join(folder, last);
}

/** Throws BadRequest in kubelet's words when there is no such log yet. */
function logFile(agent: Agent, logs: string, request: RouteRequest, options: LogOptions): { file: string; alive: () => boolean } {
  const pod = request.object as Pod;
  const name = pod.metadata.name ?? '';
  const container = containerOf(pod, options.container);
  const worker = agent.worker(`${pod.metadata.namespace}/${name}`);
  const record = worker?.record(container);
  if (options.previous) {
    const file = record === undefined || record.attempt === 0 ? undefined : record.logPath.replace(/\d+\.log$/, `${record.attempt - 1}.log`);
    if (file === undefined || !existsSync(file)) throw new ApiError('BadRequest', `previous terminated container "${container}" in pod "${name}" not found`);
    return { file, alive: () => false };
  }
  if (record === undefined || worker === undefined) {
    const kept = lastLog(join(logs, `${pod.metadata.namespace}_${name}_${onNode(pod).metadata.uid}`, container));
    if (kept !== undefined) return { file: kept, alive: () => false };
    const status = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.ephemeralContainerStatuses ?? [])].find((each) => each.name === container);
    const reason = status?.state?.waiting?.reason ?? 'ContainerCreating';
    throw new ApiError('BadRequest', `container "${container}" in pod "${name}" is waiting to start: ${WHY_WAITING[reason] ?? reason}`);
  }
  return { file: record.logPath, alive: () => record.exit === undefined };
}
