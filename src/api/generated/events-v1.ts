// Made by tools/facts/generate.ts from the Kubernetes API types (Apache-2.0, see NOTICE). Do not edit.
import type { KubeObject, ListMeta, ObjectMeta } from '../meta.ts';
import type { EventSource, ObjectReference } from './core-v1.ts';
import type { MicroTime, Time } from './meta-v1.ts';

export interface Event extends KubeObject {
  metadata: ObjectMeta;
  eventTime: MicroTime;
  series?: EventSeries;
  reportingController?: string;
  reportingInstance?: string;
  action?: string;
  reason?: string;
  regarding?: ObjectReference;
  related?: ObjectReference;
  note?: string;
  type?: string;
  deprecatedSource?: EventSource;
  deprecatedFirstTimestamp?: Time;
  deprecatedLastTimestamp?: Time;
  deprecatedCount?: number;
}

export interface EventList {
  apiVersion?: string;
  kind?: string;
  metadata: ListMeta;
  items: Event[];
}

export interface EventSeries {
  count: number;
  lastObservedTime: MicroTime;
}
