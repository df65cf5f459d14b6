/**
 * `/logs/`: what lies under /var/log of the machine, folders as lists of links and files as they are, whole or in part (upstream: pkg/kubelet/kubelet.go
 * ListenAndServe with enableSystemLogHandler, which is its default, by Go's http.FileServer).
 */
import { createReadStream, type Stats } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';

const SNIFFED_BYTES = 512;
const HTML = 'text/html; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';

/**
 * Answers for the file or folder at `path` below `root`; false, and nothing is answered, where there is none. Links are followed: who may
 * read here may read what the owner of the machine links to.
 * @param path as it stands in the request behind `/logs/`, decoded; one of a folder ends with a slash or is told to
 */
export async function answerLogFile(root: string, path: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  if (path.includes('\0')) return false;
  const file = join(root, normalize(`/${path}`).replace(/\/+$/, '')); // nothing leads above the root
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || !(found.isDirectory() || found.isFile())) return false;
  const isFolder = found.isDirectory();
  if (path !== '' && isFolder !== path.endsWith('/')) {
    response.writeHead(301, { Location: isFolder ? `${encodeURIComponent(basename(file))}/` : `../${encodeURIComponent(basename(file))}` });
    response.end();
  } else if (isFolder) {
    response.writeHead(200, { 'Content-Type': HTML, 'Last-Modified': found.mtime.toUTCString() });
    response.end(request.method === 'HEAD' ? undefined : await listOf(file));
  } else await answerFile(file, found, request, response);
  return true;
}

async function listOf(folder: string): Promise<string> {
  const names = (await readdir(folder, { withFileTypes: true })).map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const links = names.map((name) => `<a href="${name.split('/').map(encodeURIComponent).join('/')}">${name.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`)}</a>\n`);
  return `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('')}</pre>\n`;
}

async function answerFile(file: string, { size, mtime }: Stats, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const part = partOf(request.headers.range, size);
  const headers = { 'Accept-Ranges': 'bytes', 'Last-Modified': mtime.toUTCString() };
  if (part === 'none') {
    response.writeHead(416, { ...headers, 'Content-Range': `bytes */${size}`, 'Content-Type': TEXT });
    return void response.end('invalid range: failed to overlap\n');
  }
  const { start, end } = part ?? { start: 0, end: size - 1 };
  response.writeHead(part === undefined ? 200 : 206, {
    ...headers, 'Content-Type': await typeOf(file), 'Content-Length': end - start + 1, ...(part === undefined ? {} : { 'Content-Range': `bytes ${start}-${end}/${size}` }),
  });
  if (request.method === 'HEAD' || end < start) return void response.end();
  // A reader that goes away leaves nothing open; what is written meanwhile is not in it.
  await pipeline(createReadStream(file, { start, end }), response).catch(() => response.destroy());
}

/** Of the first range that is asked for (RFC 9110, 14.1.2); undefined for all of it, 'none' where the file has nothing of it. */
function partOf(range: string | undefined, size: number): { start: number; end: number } | 'none' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start > end ? 'none' : { start, end };
}

/** As it begins: text, or what no reader shows. */
async function typeOf(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0);
    return buffer.subarray(0, bytesRead).some((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte)) ? 'application/octet-stream' : TEXT;
  } finally {
    await handle.close();
  }
}
