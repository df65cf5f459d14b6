/** Talks to the running llmos as its administrator: the door, with the client certificate of the kubeconfig. */
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ApiError, type Status } from '../api/errors.ts';
import type { Folders } from '../boot/config.ts';

/** Where the door keeps the administrator's kubeconfig. */
export function kubeconfigFile(folders: Folders): string {
  return join(folders.state, 'pki', 'admin.kubeconfig');
}

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

/** One request; gives the parsed body. Rejects with the ApiError of a Status, or an Error that says that llmos is not running. */
export function control<A>(folders: Folders, method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, options: { body?: unknown; contentType?: string; timeoutMs?: number } = {}): Promise<A> {
  const file = kubeconfigFile(folders);
  if (!existsSync(file)) return Promise.reject(new Error(`llmos has not been started here (no ${file}); run 'llmos up'`));
  const config = parse(readFileSync(file, 'utf8')) as Kubeconfig;
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined) return Promise.reject(new Error(`${file} names no cluster or user; remove it and run 'llmos up'`));
  const text = options.body === undefined ? undefined : JSON.stringify(options.body);
  return new Promise((resolve, reject) => {
    const call = request(new URL(path, cluster.server), {
      method,
      ca: Buffer.from(cluster['certificate-authority-data'], 'base64'),
      cert: Buffer.from(user['client-certificate-data'], 'base64'),
      key: Buffer.from(user['client-key-data'], 'base64'),
      headers: text === undefined ? {} : { 'content-type': options.contentType ?? 'application/json', 'content-length': Buffer.byteLength(text) },
      timeout: options.timeoutMs ?? 30_000,
      agent: false,
    });
    call.once('timeout', () => call.destroy(new Error('llmos did not answer in time')));
    call.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ECONNREFUSED' ? new Error("llmos is not running; 'llmos up' boots it", { cause: error }) : error));
    call.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const answer = parseJson(Buffer.concat(chunks).toString('utf8'));
        if ((response.statusCode ?? 500) < 400) resolve(answer as A);
        else reject(ApiError.fromStatus({ code: response.statusCode, ...(answer as Partial<Status>) }));
      });
    });
    call.end(text);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
