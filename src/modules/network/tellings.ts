/** What Services are told in Events, each thing once as long as it is so. */
import { sourceRangesOf } from '../../api/core/source-ranges.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import { isCidr } from '../../api/ip.ts';
import type { EventRecorder } from '../../sdk/events.ts';
import { algorithmError } from '../../sdk/load-balancing/algorithm.ts';
import { settingsError } from '../../sdk/load-balancing/settings.ts';

export interface Tellings {
  /** Ports of 127.0.0.1 that others have; whether there are any. */
  ports(service: Service, key: string, refused: readonly { port: { protocol: string; port: number }; why: string }[]): boolean;
  /** What cannot be read; `weights`: of what is said of its endpoints. */
  annotations(service: Service, key: string, weights?: string): void;
  /** That the kernel shares what a proxy was asked to, since policies isolate these endpoints, and when it is over. */
  isolated(service: Service, key: string, endpoints: readonly string[]): void;
  /** Why HAProxy cannot be had, undefined where it can. */
  proxy(service: Service, key: string, why: string | undefined): void;
  /** The Service is gone. */
  forget(key: string): void;
}

export function createTellings({ event }: EventRecorder): Tellings {
  const [ports, annotations, isolated, proxy] = [new Map<string, string>(), new Map<string, string>(), new Map<string, string>(), new Map<string, string>()];
  return {
    ports(service, key, refused) {
      const message = refused.map(({ port, why }) => `127.0.0.1:${port.port}/${port.protocol} is not used for this service: ${why}`).join('; ');
      if (isNews(ports, key, message)) event(service, 'Warning', 'PortInUse', `${message}; it answers on its other addresses`);
      return message !== '';
    },
    annotations(service, key, weights) {
      const wrong = [algorithmError(service), settingsError(service), rangesError(service), weights].filter((each) => each !== undefined).join('; ');
      if (isNews(annotations, key, wrong)) event(service, 'Warning', algorithmError(service) === undefined ? 'InvalidAnnotation' : 'UnknownAlgorithm', wrong);
    },
    isolated(service, key, endpoints) {
      const was = isolated.has(key);
      const more = endpoints.length > 1 ? ` and ${endpoints.length - 1} more` : '';
      // Not again for each endpoint that comes or goes.
      if (isNews(isolated, key, endpoints.length > 0 ? 'isolated' : '')) event(service, 'Warning', 'SharedByKernel', `network policies isolate endpoints (${endpoints[0]}${more}), and a proxy would lead past them: as long as it is so, the kernel shares connections in turn, without health checks`);
      else if (was && endpoints.length === 0) event(service, 'Normal', 'SharedByProxy', 'network policies isolate no endpoint any more: connections are shared as the service asks');
    },
    proxy(service, key, why) {
      const was = proxy.has(key);
      // It is tried again and again, and does not say the same each time.
      if (isNews(proxy, key, why === undefined ? '' : 'none')) event(service, 'Warning', 'SharedByKernel', `HAProxy cannot be had: as long as it is so, the kernel shares connections in turn, without health checks: ${why}`);
      else if (was && why === undefined) event(service, 'Normal', 'SharedByProxy', 'HAProxy is there: connections are shared as the service asks');
    },
    forget(key) {
      for (const each of [ports, annotations, isolated, proxy]) each.delete(key);
    },
  };
}

/** Of ranges that were stored before they were judged. */
function rangesError(service: Service): string | undefined {
  const malformed = service.spec?.type === 'LoadBalancer' ? sourceRangesOf(service).filter((each) => !isCidr(each)) : [];
  return malformed.length === 0 ? undefined : `nobody is let in by what cannot be read of the source ranges of the load balancer: ${malformed.map((each) => JSON.stringify(each)).join(', ')}`;
}

/** Keeps what is told; '' is nothing to tell. */
function isNews(told: Map<string, string>, key: string, message: string): boolean {
  const before = told.get(key);
  if (message === '') told.delete(key);
  else told.set(key, message);
  return message !== '' && before !== message;
}
