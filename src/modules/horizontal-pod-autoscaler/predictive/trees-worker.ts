/** The worker in which trees are learned: a set comes in, trees go out. */
import { parentPort } from 'node:worker_threads';
import { trainTrees, type TrainingSet } from './forecasters/trees.ts';

parentPort?.on('message', ({ id, set }: { id: number; set: TrainingSet }) => parentPort?.postMessage({ id, trees: trainTrees(set) }));
