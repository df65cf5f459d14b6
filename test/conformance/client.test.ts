/** Every body of Client against one door. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { isApiError } from '../../src/api/errors.ts';
import { BUILT_IN_KINDS, ConfigMap, Namespace } from '../../src/api/kinds.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createApiServer, openIdentity, type ApiServer, type Identity } from '../../src/kernel/apiserver/index.ts';
import { openStore, type Store } from '../../src/kernel/store/index.ts';
import { createHttpClient, type HttpClient } from '../../src/sdk/client/http.ts';
import { parseKubeconfig } from '../../src/sdk/client/kubeconfig.ts';
import { createPortClient, servePort } from '../../src/sdk/client/port.ts';
import { clientConformance } from './client.ts';

interface Opened {
  store: Store;
  server: ApiServer;
  identity: Identity;
  dispose(): Promise<void>;
}

const ADMIN = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

function openDoor(): Opened {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-door-'));
  const common = { clock: realClock, log: silentLog };
  const store = openStore({ folder, ...common });
  const identity = openIdentity({ folder: join(folder, 'pki'), ...common });
  const server = createApiServer({ store, identity, ...common });
  for (const kind of BUILT_IN_KINDS) server.serve(kind);
  const dispose = async (): Promise<void> => {
    await server.close();
    await store.close();
    rmSync(folder, { recursive: true });
  };
  return { store, server, identity, dispose };
}

async function openHttp(opened: Opened): Promise<{ client: HttpClient; url: string }> {
  const [listener] = await opened.server.listen([{ host: '127.0.0.1', port: 0 }]);
  const url = `https://127.0.0.1:${listener?.port}`;
  return { url, client: createHttpClient(parseKubeconfig(opened.identity.kubeconfig(url)), { name: 'conformance' }) };
}

clientConformance('in-process', () => {
  const opened = openDoor();
  return Promise.resolve({ client: opened.server.client(ADMIN), dispose: opened.dispose });
});

clientConformance('HTTP with a client certificate', async () => {
  const opened = openDoor();
  const { client } = await openHttp(opened);
  return {
    client,
    async dispose() {
      client.close();
      await opened.dispose();
    },
  };
});

clientConformance('over a message port', () => {
  const opened = openDoor();
  const { port1, port2 } = new MessageChannel();
  servePort(port1, opened.server.client(ADMIN), ({ group, version, plural }) => BUILT_IN_KINDS.find((kind) => kind.group === group && kind.version === version && kind.plural === plural));
  return Promise.resolve({
    client: createPortClient(port2),
    async dispose() {
      port2.close();
      await opened.dispose();
    },
  });
});

it('a watch from a forgotten revision is Expired, in-process and over HTTP; a server of another authority is not trusted', async () => {
  const opened = openDoor();
  const { client, url } = await openHttp(opened);
  const stranger = openDoor();
  const other = createHttpClient({ ...parseKubeconfig(opened.identity.kubeconfig(url)), caPem: stranger.identity.caPem }, { name: 'other' });
  try {
    for (const name of ['one', 'two', 'three']) await client.create(Namespace, { metadata: { name } });
    await opened.store.compact();
    for (const each of [client, opened.server.client(ADMIN)]) {
      const reading = async (): Promise<void> => {
        for await (const event of each.watch(ConfigMap, { resourceVersion: '1' })) assert.fail(event.type);
      };
      await assert.rejects(reading(), (error) => isApiError(error, 'Expired') && error.code === 410);
    }
    await assert.rejects(other.get(Namespace, 'one'), (error) => isApiError(error, 'ServiceUnavailable') && /not to be trusted/.test(error.message));
  } finally {
    client.close();
    await stranger.dispose();
    await opened.dispose();
  }
});
