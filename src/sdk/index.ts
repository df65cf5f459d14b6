/** The contract, in one import. */
export { defineKind, type Kind } from '../api/kind.ts';
export { ApiError, isApiError } from '../api/errors.ts';
export type { Client, ListOptions, WatchEvent, WatchOptions, WriteOptions, DeleteOptions } from './client.ts';
export { keyOf, splitKey, type Cache, type CacheEvent, type Caches, type ObjectKey } from './cache.ts';
export { watching, type Controller, type ReconcileContext, type ReconcileResult } from './controller.ts';
export type { EventRecorder } from './events.ts';
export { defineModule, type Admission, type AdmissionRequest, type AggregatedVersion, type Aggregation, type MachineFacts, type Module, type ModuleContext, type ObjectSource, type Route, type RouteRequest, type RouteResource, type ServedKinds, type UserInfo } from './module.ts';
