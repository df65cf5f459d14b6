/** Node lifecycle: nodes that fall silent are marked, pods leave them in time, and pods without a node are removed. */
import { Lease } from '../../api/coordination/lease.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { defineModule } from '../../sdk/index.ts';
import { collectPods } from './collect-pods.ts';
import { nodeHealthController, taintEvictionController } from './controllers.ts';

export default defineModule({
  name: 'node-lifecycle',
  description: 'Marks nodes that fall silent, moves pods off them in time, removes pods whose node is gone',
  needs: [Node, Pod, Lease],
  reads: [Node],
  writes: [Pod],
  controllers: [nodeHealthController(), taintEvictionController()],
  async run(context) {
    await collectPods(context);
  },
});
