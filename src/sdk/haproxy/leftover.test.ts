import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { endConnections } from './leftover.ts';

for (const address of ['127.0.0.1', '::1']) {
  test(`ends connections of a process to ${address}, and no others`, { timeout: 30_000 }, async (t) => {
    const server = createServer((socket) => void socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    const { port } = server.address() as AddressInfo;
    const sockets = await Promise.all([1, 2].map(() => new Promise<ReturnType<typeof connect>>((resolve) => {
      const socket = connect(port, address, () => resolve(socket));
    })));
    t.after(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    const codes = sockets.map((socket) => new Promise((resolve) => socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))));
    assert.equal(await endConnections([1], { address, port }), 0);
    assert.equal(await endConnections([process.pid], { address, port: port - 1 }), 0);
    assert.ok(sockets.every((socket) => !socket.destroyed && socket.errored === null));
    if ((await endConnections([process.pid], { address, port })) > 0) return t.skip('the kernel does not');
    assert.deepEqual(await Promise.all(codes), ['ECONNABORTED', 'ECONNABORTED']);
  });
}
