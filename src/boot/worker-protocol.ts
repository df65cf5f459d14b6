/** The messages between llmos and the worker of an isolated module. */
import type { MessagePort } from 'node:worker_threads';
import type { Schema } from '../api/schema/schema.ts';
import type { MachineFacts } from '../sdk/module.ts';

/** The part of a Kind that is data. Rules, columns and actions are functions and stay in the worker: isolated modules give kinds by schema. */
export interface KindData {
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  subresources: { status?: boolean };
  schema: Schema;
}

export interface Declaration {
  name: string;
  description: string;
  kinds: KindData[];
  needs: KindData[];
  reads: KindData[] | 'all';
  writes: KindData[] | 'all';
}

export type ToWorker =
  | { type: 'declare' }
  | { type: 'run'; port: MessagePort; config: Readonly<Record<string, unknown>>; machine: MachineFacts }
  | { type: 'stop'; reason: string }
  | { type: 'ping' };

export type FromWorker =
  | { type: 'declared'; declaration: Declaration }
  | { type: 'failed'; message: string }
  | { type: 'finished' }
  | { type: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; text: string }
  | { type: 'pong' };
