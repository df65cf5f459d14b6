/** Writes ustar archives: enough for the layers of test images. */
export interface TarEntry { path: string; data?: Buffer; mode?: number; link?: string; folder?: boolean }

const BLOCK = 512;

export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocks), Buffer.alloc(BLOCK * 2)]);
}

function blocks(entry: TarEntry): Buffer[] {
  const data = entry.data ?? Buffer.alloc(0);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, size: number): void => void header.write(value.toString(8).padStart(size - 1, '0'), at, 'ascii');
  header.write(entry.path, 0, 100);
  octal(entry.mode ?? (entry.folder === true ? 0o755 : 0o644), 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(data.length, 124, 12);
  octal(0, 136, 12);
  header.write('        ', 148, 'ascii');
  header.write(entry.link !== undefined ? '2' : entry.folder === true ? '5' : '0', 156);
  header.write(entry.link ?? '', 157, 100);
  header.write('ustar\0', 257, 'ascii');
  header.write('00', 263, 'ascii');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return [header, data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)];
}
