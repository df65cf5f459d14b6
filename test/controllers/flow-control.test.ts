import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlowSchema, PriorityLevelConfiguration } from '../../src/api/flowcontrol/flow-control.ts';
import core from '../../src/modules/core/module.ts';
import flowControl from '../../src/modules/flow-control/module.ts';
import { eventually, startWorld } from './world.ts';

test('the schemas and levels that every server has come again; one of a user does not', async () => {
  const world = await startWorld([core, flowControl]);
  try {
    const { client } = world;
    const spec = { priorityLevelConfiguration: { name: 'nowhere' }, matchingPrecedence: 700 };
    await client.create(FlowSchema, { metadata: { name: 'own' }, spec });
    await eventually('its level is missed', async () => (await client.get(FlowSchema, 'own')).status?.conditions?.[0]?.status === 'True');
    const { uid } = (await client.get(FlowSchema, 'exempt')).metadata;
    for (const name of ['exempt', 'own']) await client.delete(FlowSchema, name);
    await client.delete(PriorityLevelConfiguration, 'catch-all');
    await eventually('the schema is there again', async () => (await client.list(FlowSchema)).items.some(({ metadata }) => metadata.name === 'exempt' && metadata.uid !== uid));
    await eventually('the level is there again', async () => (await client.list(PriorityLevelConfiguration)).items.some(({ metadata }) => metadata.name === 'catch-all'));
    assert.equal((await client.list(FlowSchema)).items.some(({ metadata }) => metadata.name === 'own'), false);
  } finally {
    await world.stop();
  }
});
