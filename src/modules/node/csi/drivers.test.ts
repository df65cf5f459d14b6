import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { grpcServer } from '../../../sdk/grpc/grpc.ts';
import { encode } from '../../../sdk/grpc/message.ts';
import { NodeCapabilities, NodeInfo, nodeService } from './api.ts';
import { csiDrivers } from './drivers.ts';

test('how many volumes a node may have is told again until the cluster has heard it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-csi-'));
  const endpoint = join(folder, 'csi.sock');
  let most = 3;
  const server = grpcServer({
    [nodeService('NodeGetInfo')]: async () => encode(NodeInfo, { nodeId: 'n1', maxVolumes: most }),
    [nodeService('NodeGetCapabilities')]: async () => encode(NodeCapabilities, { capabilities: [] }),
  }).listen(endpoint);
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await once(server, 'listening');
  const told: number[] = [];
  let fault: Error | undefined;
  const drivers = csiDrivers({
    async announce(all) {
      if (fault !== undefined) throw fault;
      told.push(all[0]!.info.maxVolumes);
    },
  });
  await drivers.sort.came({ name: 'lake', endpoint, socket: 'lake.sock', supportedVersions: ['1.0.0'] });
  most = 5;
  fault = new Error('the store is busy');
  await assert.rejects(drivers.refresh('lake'), fault);
  fault = undefined;
  await drivers.refresh('lake');
  await drivers.refresh('lake');
  assert.deepEqual(told, [3, 5]);
});
