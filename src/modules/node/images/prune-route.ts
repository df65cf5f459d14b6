/** `POST /llmos/v1/images/prune`: `llmos image prune -a`. */
import type { Route } from '../../../sdk/module.ts';
import type { ImageCollector } from './collect.ts';

export function pruneRoute(collector: ImageCollector): Route {
  return {
    path: '/llmos/v1/images/prune', methods: ['POST'],
    async handle({ response }) {
      const removed = await collector.prune();
      response!.writeHead(200, { 'Content-Type': 'application/json' });
      response!.end(JSON.stringify({ removed }));
    },
  };
}
