/** All kinds of other operators that wait in queues where their definitions are. */
import { ClusterTrainingRuntime, LeaderWorkerSet, TrainingRuntime } from '../../../api/kueue/frameworks.ts';
import type { Kind } from '../../../api/kind.ts';
import { appWrapper } from './app-wrapper.ts';
import type { Framework } from './framework.ts';
import { KUBEFLOW } from './kubeflow.ts';
import { RAY } from './ray.ts';
import { sparkApplication } from './spark.ts';
import { trainJob } from './train-job.ts';

export const FRAMEWORKS: readonly Framework[] = [...RAY, ...KUBEFLOW, trainJob, appWrapper, sparkApplication];

/** Written: suspended, let go, and told where to run. */
export const FRAMEWORK_KINDS = FRAMEWORKS.map(({ kind }) => kind) as readonly Kind[];

/** Only read: of LeaderWorkerSets the pods wait. */
export const FRAMEWORK_READS = [TrainingRuntime, ClusterTrainingRuntime, LeaderWorkerSet] as readonly Kind[];
