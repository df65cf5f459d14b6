/** /metrics: what the door counts about itself, in the Prometheus text format with upstream's names. */
import type { Store } from '../../store/store.ts';
import type { KindTable } from '../kind-table.ts';
import type { VersionInfo } from '../version.ts';
import { createAuthenticationMetrics, type AuthenticationMetrics } from './authentication.ts';
import { buildText, processText } from './process.ts';
import { createRequestMetrics, type RequestMetrics } from './requests.ts';
import { storeText } from './stored.ts';

export interface Metrics {
  readonly requests: RequestMetrics;
  readonly authentication: AuthenticationMetrics;
  /** Adds lines of others to the text; what fails, or takes longer than a second, is left out of it. */
  add(text: () => string | Promise<string>): () => void;
  text(): Promise<string>;
}

export function createMetrics({ store, kinds, version }: { store: Store; kinds: KindTable; version: VersionInfo }): Metrics {
  const others = new Set<() => string | Promise<string>>();
  const [requests, authentication] = [createRequestMetrics(), createAuthenticationMetrics()];
  return {
    requests, authentication,
    add(text) {
      others.add(text);
      return () => void others.delete(text);
    },
    text: async () => [requests.text(), authentication.text(), storeText(store, kinds), processText(), buildText(version), ...(await Promise.all([...others].map(inTime)))].join(''),
  };
}

const PATIENCE_MS = 1_000;

/** Prometheus would rather have most of it than wait for all. */
async function inTime(text: () => string | Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => (timer = setTimeout(() => resolve(''), PATIENCE_MS)));
  try {
    return await Promise.race([late, text()]);
  } catch {
    return '';
  } finally {
    clearTimeout(timer);
  }
}
