/** A quick look whether a registry can be reached at all: without a network skopeo tries for minutes before it says so. */
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';

const TIMEOUT_MS = 8_000;
const REGISTRIES = '/etc/containers/registries.conf';

/** Rejects with the reason. Settles at once where a proxy or a mirror stands between, since then the registry itself need not be reached. */
export function reachRegistry(image: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (env['HTTPS_PROXY'] ?? env['https_proxy'] ?? env['ALL_PROXY'] ?? env['all_proxy']) return Promise.resolve();
  if (existsSync(REGISTRIES) && /^\s*(\[\[registry|location\s*=)/m.test(readFileSync(REGISTRIES, 'utf8'))) return Promise.resolve();
  const { host, port } = registryOf(image);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const refuse = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Error(`the registry ${host}:${port} of ${image} cannot be reached: ${why}`));
    };
    const timer = setTimeout(() => refuse(`no answer within ${TIMEOUT_MS / 1_000} s`), TIMEOUT_MS);
    socket.once('error', (error) => refuse(error.message));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    });
  });
}

function registryOf(image: string): { host: string; port: number } {
  const first = image.slice(0, image.indexOf('/'));
  const match = /^(.*?)(?::(\d+))?$/.exec(first);
  return { host: (match?.[1] ?? first).replace(/^\[|\]$/g, ''), port: Number(match?.[2] ?? 443) };
}
