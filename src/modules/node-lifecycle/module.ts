/** Node lifecycle: nodes that fall silent are marked, pods leave them in time, and pods without a node are removed. Pods learn the zone of their node. */
import { Lease } from '../../api/coordination/lease.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { parseDuration } from '../../api/times.ts';
import { defineModule, type Caches } from '../../sdk/index.ts';
import { collectPods } from './collect-pods.ts';
import { nodeHealthController, taintEvictionController, type HealthSettings } from './controllers.ts';
import { GRACE_MS } from './health.ts';
import { taintNewNodes } from './taint-new-nodes.ts';
import { podTopologyLabels } from './topology-labels.ts';

const DEFAULTS: HealthSettings = { graceMs: GRACE_MS, periodMs: 5_000 };
/** Of each running instance of the module, which controllers are not told. */
const settings = new WeakMap<Caches, HealthSettings>();

export default defineModule({
  name: 'node-lifecycle',
  description: 'Marks nodes that fall silent, moves pods off them in time, removes pods whose node is gone',
  needs: [Node, Pod, Lease],
  reads: [Node],
  writes: [Pod],
  controllers: [nodeHealthController((caches) => settings.get(caches) ?? DEFAULTS), taintEvictionController()],
  admissions: [podTopologyLabels, taintNewNodes],
  async start({ caches, config }) {
    settings.set(caches, settingsOf(config));
  },
  async run(context) {
    await collectPods(context);
  },
});

/** As the flags of kube-controller-manager. Throws with what is wrong. */
export function settingsOf({ nodeMonitorGracePeriod, nodeMonitorPeriod }: Readonly<Record<string, unknown>>): HealthSettings {
  const { graceMs, periodMs } = { graceMs: durationMs(nodeMonitorGracePeriod, 'nodeMonitorGracePeriod') ?? DEFAULTS.graceMs, periodMs: durationMs(nodeMonitorPeriod, 'nodeMonitorPeriod') ?? DEFAULTS.periodMs };
  if (periodMs > graceMs) throw new Error(`modules.node-lifecycle.nodeMonitorPeriod is longer than nodeMonitorGracePeriod: nodes would be looked at too seldom`);
  return { graceMs, periodMs };
}

function durationMs(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  const ms = typeof value === 'string' ? parseDuration(value) / 1e6 : Number.NaN;
  if (!(ms > 0)) throw new Error(`modules.node-lifecycle.${name} ${JSON.stringify(value)} is no duration; write it like 50s`);
  return ms;
}
