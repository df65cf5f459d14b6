import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compare } from './compare.ts';
import { createNodesRoom, type SimulatedNode } from './nodes.ts';
import type { RecordedJob } from './trace.ts';

const NODES: readonly SimulatedNode[] = [
  { name: 'a', resources: [8_000, 16_384, 2_000], gpuModel: 'T4' },
  { name: 'b', resources: [8_000, 16_384, 2_000], gpuModel: 'V100' },
];

function job(id: string, request: readonly number[], more: Partial<RecordedJob> = {}): RecordedJob {
  return { id, submittedAt: 0, runSeconds: 10, request, tenant: 'a', priority: 0, likeness: [''], ...more };
}

const placeable = (requests: readonly (readonly number[])[], then: RecordedJob): boolean => {
  const room = createNodesRoom(NODES);
  for (const [index, request] of requests.entries()) room.take(room.place(job(`first-${index}`, request), room.free)!);
  return room.place(then, room.free) !== undefined;
};

const cases: readonly [string, readonly (readonly number[])[], RecordedJob, boolean][] = [
  ['what both nodes together have, but none alone, is no place', [[5_000, 1, 0], [5_000, 1, 0]], job('x', [4_000, 1, 0]), false],
  ['a part of a GPU goes to one device', [[1, 1, 600], [1, 1, 600], [1, 1, 600], [1, 1, 600]], job('x', [1, 1, 500]), false],
  ['and beside another part where both fit', [[1, 1, 600], [1, 1, 400]], job('x', [1, 1, 2_000]), true],
  ['whole GPUs must be idle', [[1, 1, 500], [1, 1, 2_000]], job('x', [1, 1, 2_000]), false],
  ['a model that only one node has', [[1, 1, 2_000], [1, 1, 2_000]], job('x', [1, 1, 0], { gpuModels: ['V100'] }), true],
  ['a model that none has', [], job('x', [1, 1, 1_000], { gpuModels: ['A100'] }), false],
];
for (const [what, first, then, expected] of cases) it(what, () => assert.equal(placeable(first, then), expected));

it('places are given back', () => {
  const room = createNodesRoom(NODES);
  const placement = room.place(job('x', [8_000, 1, 2_000]), room.free)!;
  room.take(placement);
  room.take(room.place(job('y', [8_000, 1, 2_000]), room.free)!);
  assert.equal(room.place(job('z', [1, 1, 1]), room.free), undefined);
  room.give(placement);
  assert.ok(room.place(job('z', [8_000, 1, 2_000]), room.free) !== undefined);
});

it('policies run on nodes: every job that a node could take runs once, the others are refused', () => {
  const jobs = Array.from({ length: 60 }, (_, index) => job(String(index), [1_000 * (1 + (index % 9)), 512, [0, 300, 700, 2_000][index % 4]!], { submittedAt: index, runSeconds: 20 + index }));
  for (const policy of ['FIFO', 'easy', 'BestEffortFIFO', 'ShortestJobFirst', 'FairShare', 'FairShare+preemption']) {
    const [{ run }] = compare({ name: 'pods', jobs, resources: ['cpu', 'memory', 'gpu'], hasEstimates: false }, [16_000, 32_768, 4_000], [policy], NODES) as [ReturnType<typeof compare>[0]];
    assert.deepEqual([run.outcomes.length, run.refused.length], [54, 6], policy);
  }
});
