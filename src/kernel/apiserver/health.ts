/** Health: /healthz, /livez and /readyz, with ?verbose, ?exclude=NAME and /NAME (upstream: apiserver/pkg/server/healthz). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestInfo } from './request-info.ts';
import { createCheckCounts } from './slis.ts';

/** Throws or rejects when something is wrong. */
export type Check = () => void | Promise<void>;

export interface Health {
  /** Checks of name `ping` and the like; for /livez too unless `readyOnly`. */
  add(name: string, check: Check, options?: { readyOnly?: boolean }): () => void;
  /** The names of failing checks with the reason. */
  failing(endpoint: Endpoint): Promise<{ name: string; reason: string }[]>;
  /** What was found by those who asked for an endpoint as a whole, in the Prometheus format. */
  metrics(): string;
  serve(info: RequestInfo, http: IncomingMessage, response: ServerResponse): Promise<void>;
}

type Endpoint = 'healthz' | 'livez' | 'readyz';

interface Entry {
  name: string;
  check: Check;
  readyOnly: boolean;
}

export function createHealth(): Health {
  const entries: Entry[] = [];
  const counts = createCheckCounts();
  const of = (endpoint: string): Entry[] => entries.filter((entry) => endpoint === 'readyz' || !entry.readyOnly);
  const health: Health = {
    add(name, check, options = {}) {
      const entry = { name, check, readyOnly: options.readyOnly === true };
      entries.push(entry);
      return () => void entries.splice(entries.indexOf(entry), 1);
    },
    failing: async (endpoint) => (await results(of(endpoint))).filter((result) => result.reason !== undefined) as { name: string; reason: string }[],
    metrics: () => counts.text(),
    async serve(info, _http, response) {
      const [endpoint = 'healthz', ...rest] = info.segments;
      const only = rest.length === 0 ? undefined : rest.join('/'); // names have slashes, too
      const excluded = info.query.getAll('exclude');
      const chosen = of(endpoint).filter((entry) => only === undefined || entry.name === only);
      if (only !== undefined && chosen.length === 0) return sendText(response, 404, '404 page not found\n');
      const found = await results(chosen.filter(({ name }) => !excluded.includes(name)));
      if (only === undefined) for (const { name, reason } of found) counts.observe(name, endpoint, reason === undefined);
      const failed = found.filter((result) => result.reason !== undefined);
      // A check that is asked for by its name says no more than ok.
      if (failed.length === 0 && (!info.query.has('verbose') || only !== undefined)) return sendText(response, 200, 'ok');
      if (only !== undefined) return sendText(response, 500, `internal server error: check ${only} failed: reason withheld\n`);
      const lines = chosen.map(({ name }) => (excluded.includes(name) ? `[+]${name} excluded: ok\n` : failed.some((each) => each.name === name) ? `[-]${name} failed: reason withheld\n` : `[+]${name} ok\n`));
      const unknown = excluded.filter((name) => !chosen.some((entry) => entry.name === name));
      if (unknown.length > 0) lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(', ')}\n`);
      sendText(response, failed.length === 0 ? 200 : 500, `${lines.join('')}${endpoint} check ${failed.length === 0 ? 'passed' : 'failed'}\n`);
    },
  };
  health.add('ping', () => {});
  health.add('log', () => {}); // the log never holds up who writes to it
  return health;
}

async function results(entries: readonly Entry[]): Promise<{ name: string; reason?: string }[]> {
  return Promise.all(entries.map(async ({ name, check }) => {
    try {
      await check();
      return { name };
    } catch (error) {
      return { name, reason: error instanceof Error ? error.message : String(error) };
    }
  }));
}

function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-cache, private', 'X-Content-Type-Options': 'nosniff', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
