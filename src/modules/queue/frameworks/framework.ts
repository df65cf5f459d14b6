/** What a queue must know of a kind of jobs that others run: where its objects say it. An entry is data and a few pure readers; integration.ts makes it work. Source: Kueue, jobframework GenericJob. */
import type { PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import type { FieldError } from '../../../api/field-error.ts';
import type { Kind } from '../../../api/kind.ts';
import type { ForeignObject } from '../../../api/kueue/frameworks.ts';
import type { TopologyRequest, Workload } from '../../../api/kueue/types.ts';
import type { Caches } from '../../../sdk/index.ts';
import type { StartInfo } from '../start-info.ts';
import type { Path } from './fields.ts';

/** One set of alike pods of a job. */
export interface Place {
  /** Lower case, told apart within the job. */
  readonly name: string;
  readonly count: number;
  readonly template: PodTemplateSpec;
  /** Where the template is; undefined where the operator makes it up. */
  readonly path?: Path;
  /** By which labels its pods have numbers. */
  readonly numbers?: Pick<TopologyRequest, 'podIndexLabel' | 'subGroupIndexLabel' | 'subGroupCount'>;
}

export interface Framework {
  readonly kind: Kind<ForeignObject>;
  /** Where it says whether it is suspended. */
  readonly suspend: Path;
  /** Kinds that are read beside it: it waits in queues only where they are served, too. */
  readonly reads?: readonly Kind[];
  /** Whether queues have to do with it at all; default true. */
  isOurs?(job: ForeignObject): boolean;
  /** Throws Error where it cannot be told yet. */
  placesOf(job: ForeignObject, caches: Caches): readonly Place[];
  endOf(job: ForeignObject): { failed: boolean; message: string } | undefined;
  /** Pods of it are there. */
  isActive(job: ForeignObject): boolean;
  isReady(job: ForeignObject, caches: Caches): boolean;
  /** Pods that it needs no more, by their sets. */
  reclaimableOf?(job: ForeignObject, caches: Caches): { name: string; count: number }[];
  /** The PriorityClass of the whole, which goes before those of its templates. */
  readonly priorityClass?: Path;
  /** What queues cannot do with it. */
  errorsOf?(job: ForeignObject): FieldError[];
  /** In the place of changes of its templates: how what its flavors add is told to its operator, and taken back. */
  readonly information?: Information;
}

export interface Information {
  /** Whether it must be there before the job runs: its operator takes it from a suspended job alone. */
  readonly isFirst?: boolean;
  given(job: ForeignObject, infoOf: (set: string) => StartInfo, caches: Caches): ForeignObject;
  taken(job: ForeignObject, workload: Workload): ForeignObject;
}
