import { createServer } from 'node:net';

/** Whether nobody listens on a TCP port of an address of this machine. */
export function isFreePort(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}
