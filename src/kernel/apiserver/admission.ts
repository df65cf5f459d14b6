/** Admission: the steps that modules add between defaulting and storing. */
import type { Kind } from '../../api/kind.ts';
import type { AccessAttributes, AccessDecision, Admission, AdmissionRequest, ModuleContext, UserInfo } from '../../sdk/module.ts';
import type { AdmissionMetrics, AdmissionPhase } from './metrics/admission.ts';

export interface AdmissionChain {
  /** Steps of the door itself have no context. */
  add(admission: Admission, context: ModuleContext | undefined): () => void;
  /** The steps that change the object. Rejects with the ApiError of the first refusal. */
  admit(request: AdmissionRequest): Promise<void> | undefined;
  /** The steps that give the object what no other may have, when it has its name and nothing but the server changes it any more. */
  allocate(request: AdmissionRequest): Promise<void> | undefined;
  /** The steps that only judge. */
  validate(request: AdmissionRequest): Promise<void> | undefined;
}

type Decide = (user: UserInfo, attributes: AccessAttributes) => AccessDecision;

interface Step {
  admission: Admission;
  context: ModuleContext | undefined;
}

/** `decide` answers whether a user may do something, for steps that ask. */
export function createAdmissionChain(decide?: Decide, metrics?: AdmissionMetrics): AdmissionChain {
  const steps: Step[] = [];
  const chosen = new Map<string, Step[]>();
  const stepsFor = (request: AdmissionRequest): Step[] => {
    const key = `${request.operation} ${request.kind.group}/${request.kind.version}/${request.kind.plural}`;
    let some = chosen.get(key);
    if (some === undefined) chosen.set(key, (some = inOrder(steps.filter((step) => concerns(step.admission, request)))));
    return some;
  };
  const run = (request: AdmissionRequest, phase: 'admit' | 'allocate' | 'validate'): Promise<void> | undefined => {
    const some = stepsFor(request);
    if (some.length === 0) {
      if (phase !== 'allocate') metrics?.took(0, phase, request.operation, false);
      return undefined;
    }
    if (decide !== undefined) {
      request.decide ??= decide;
      request.may ??= mayOf(decide, request.user);
    }
    return phase === 'allocate' ? allocateAll(some, request) : allOf(some, request, phase, metrics);
  };
  return {
    add(admission, context) {
      const step = { admission, context };
      steps.push(step);
      chosen.clear();
      return () => {
        const at = steps.indexOf(step);
        if (at >= 0) steps.splice(at, 1);
        chosen.clear();
      };
    },
    admit: (request) => run(request, 'admit'),
    allocate: (request) => run(request, 'allocate'),
    validate: (request) => run(request, 'validate'),
  };
}

/**
 * Made here, with nothing of the request but its user: V8 takes a function that is written where a property is set for one that stays, and allocates it among
 * what is old. It would hold the request and its object until the next collection of everything.
 */
function mayOf(decide: Decide, user: UserInfo): (attributes: AccessAttributes) => boolean {
  return (attributes) => decide(user, attributes).allowed;
}

function inOrder(steps: readonly Step[]): Step[] {
  const rank = ({ admission: { last } }: Step): number => (last === 'books' ? 2 : last === true ? 1 : 0);
  return steps.toSorted((a, b) => rank(a) - rank(b));
}

async function allOf(steps: readonly Step[], request: AdmissionRequest, phase: AdmissionPhase, metrics: AdmissionMetrics | undefined): Promise<void> {
  const fromMs = performance.now();
  let rejected = true;
  try {
    if (await round(steps, request, phase, metrics)) {
      request.again = true;
      await round(steps, request, phase, metrics);
    }
    rejected = false;
  } finally {
    metrics?.took((performance.now() - fromMs) / 1000, phase, request.operation, rejected);
  }
}

/** Whether a step changed the object so that all are to look at it once more. */
async function round(steps: readonly Step[], request: AdmissionRequest, phase: AdmissionPhase, metrics: AdmissionMetrics | undefined): Promise<boolean> {
  let changed = false;
  for (const { admission, context } of steps) {
    if (admission[phase] === undefined) continue;
    const fromMs = performance.now();
    let rejected = true;
    try {
      if ((await admission[phase](request, context as ModuleContext)) === true) changed = true;
      rejected = false;
    } finally {
      metrics?.took((performance.now() - fromMs) / 1000, phase, request.operation, rejected, admission.name);
    }
  }
  return changed && request.again !== true;
}

/** Nearly every kind has nothing of the sort, and nothing is awaited then. */
function allocateAll(steps: readonly Step[], request: AdmissionRequest): Promise<void> | undefined {
  const some = steps.filter(({ admission }) => admission.allocate !== undefined);
  return some.length === 0 ? undefined : inTurn(some, request);
}

async function inTurn(steps: readonly Step[], request: AdmissionRequest): Promise<void> {
  for (const { admission, context } of steps) await admission.allocate?.(request, context as ModuleContext);
}

function concerns(admission: Admission, request: AdmissionRequest): boolean {
  if (!admission.operations.includes(request.operation)) return false;
  return admission.kinds === 'all' || admission.kinds.some((kind: Kind) => kind.group === request.kind.group && kind.plural === request.kind.plural);
}
