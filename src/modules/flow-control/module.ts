/** Flow control: its objects and their status. The door keeps to them (kernel/apiserver/flow-control). */
import { FlowSchema, PriorityLevelConfiguration } from '../../api/flowcontrol/flow-control.ts';
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { Client } from '../../sdk/client.ts';
import { keyOf } from '../../sdk/cache.ts';
import { watching, type Controller } from '../../sdk/controller.ts';
import { defineModule } from '../../sdk/module.ts';
import { LEVELS, SCHEMAS } from './defaults.ts';

/** Says of a schema whether its priority level is there. */
const dangling: Controller<FlowSchema> = {
  name: 'flow-schema', for: FlowSchema,
  watches: [watching(PriorityLevelConfiguration, ({ metadata }, caches) => caches.of(FlowSchema).list().filter(({ spec }) => spec?.priorityLevelConfiguration.name === metadata.name).map(keyOf))],
  async reconcile(key, schema, { client, caches, clock }) {
    if (schema === undefined) return restore(client, FlowSchema, SCHEMAS, key);
    if (schema.metadata.deletionTimestamp !== undefined) return;
    const name = schema.spec?.priorityLevelConfiguration.name ?? '';
    const isThere = caches.of(PriorityLevelConfiguration).get(name) !== undefined;
    const [status, reason] = isThere ? ['False', 'Found'] : ['True', 'NotFound'];
    const conditions = schema.status?.conditions ?? [];
    if (conditions.some((each) => each.type === 'Dangling' && each.status === status)) return;
    const message = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)} ${isThere ? 'and it exists' : 'but there is no such object'}`;
    const next = { type: 'Dangling', status, reason, message, lastTransitionTime: rfc3339(clock.nowMs()) };
    await client.update(FlowSchema, { ...schema, status: { conditions: [...conditions.filter(({ type }) => type !== 'Dangling'), next] } }, { subresource: 'status' });
  },
};

/** The levels that every server has come again when somebody deletes them. */
const levels: Controller<PriorityLevelConfiguration> = {
  name: 'priority-level-configuration', for: PriorityLevelConfiguration,
  async reconcile(key, level, { client }) {
    if (level === undefined) await restore(client, PriorityLevelConfiguration, LEVELS, key);
  },
};

async function restore<T extends KubeObject>(client: Client, kind: Kind<T>, all: readonly T[], name: string): Promise<void> {
  const object = all.find(({ metadata }) => metadata.name === name);
  if (object !== undefined) await make(client, kind, object);
}

/** Only what is missing is made; what somebody changed stays. */
async function make<T extends KubeObject>(client: Client, kind: Kind<T>, object: T): Promise<void> {
  try {
    await client.create(kind, object);
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
  }
}

export default defineModule({
  name: 'flow-control',
  description: 'FlowSchema and PriorityLevelConfiguration: no client of the API starves the others',
  kinds: [FlowSchema, PriorityLevelConfiguration],
  writes: [FlowSchema, PriorityLevelConfiguration],
  controllers: [dangling, levels],
  async start({ client }) {
    await Promise.all(LEVELS.map((level) => make(client, PriorityLevelConfiguration, level)));
    await Promise.all(SCHEMAS.map((schema) => make(client, FlowSchema, schema)));
  },
});
