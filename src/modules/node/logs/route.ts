/** `GET pods/NAME/log`. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { ApiError } from '../../../api/errors.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { Route, RouteRequest } from '../../../sdk/module.ts';
import type { Agent } from '../agent.ts';
import { PodKind } from '../kinds.ts';
import { containerOf } from '../streams/target.ts';
import { logOptions, type LogOptions } from './options.ts';
import { readLog } from './read.ts';

export function logRoute(agent: Agent, nowMs: () => number): Route {
  return {
    kind: PodKind, subresource: 'log',
    async handle(request) {
      const options = logOptions(request.url.searchParams, nowMs());
      const { file, alive } = logFile(agent, request, options);
      const response = request.response!;
      response.writeHead(200, { 'Content-Type': 'text/plain' });
      response.flushHeaders();
      for await (const piece of readLog(file, options, { signal: request.signal, alive })) {
        if (request.signal.aborted) return;
        if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      }
      response.end();
    },
  };
}

/** Throws BadRequest in kubelet's words when there is no such log yet. */
function logFile(agent: Agent, request: RouteRequest, options: LogOptions): { file: string; alive: () => boolean } {
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
    const status = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find((each) => each.name === container);
    throw new ApiError('BadRequest', `container "${container}" in pod "${name}" is waiting to start: ${status?.state?.waiting?.reason ?? 'ContainerCreating'}`);
  }
  return { file: record.logPath, alive: () => record.exit === undefined };
}
