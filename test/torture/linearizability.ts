/**
 * A checker of histories in the way of Wing and Gong, with the memory of Lowe: an operation took effect at one moment between its call
 * and its answer. It looks for an order that explains every answer; the model is a register, or any other that steps by values.
 */
export interface Operation<I, O> {
  input: I;
  /** Undefined when the answer was lost: it may have taken effect at any time since its call, or never. */
  output: O | undefined;
  /** Any clock that all clients share. */
  callMs: number;
  /** Infinity when the answer was lost. */
  returnMs: number;
}

export interface SequentialModel<S, I, O> {
  initial: S;
  /** The states that may follow, or none when this answer cannot be given in this state. A lost answer allows any. */
  step(state: S, input: I, output: O | undefined): readonly S[];
  keyOf(state: S): string;
}

interface Entry {
  operation: number;
  isCall: boolean;
  atMs: number;
}

/** True when some order explains the history. The cost grows with what is under way at once; lost answers are under way for good. */
export function isLinearizable<S, I, O>(model: SequentialModel<S, I, O>, history: readonly Operation<I, O>[]): boolean {
  const entries = timeline(history);
  const after = Array.from({ length: entries.length + 1 }, (_, index) => index + 1);
  const before = Array.from({ length: entries.length + 1 }, (_, index) => index - 1);
  // Place 0 is the head of the list, entry n stands at n + 1.
  const returnPlace = new Map(entries.flatMap(({ operation, isCall }, index): [number, number][] => (isCall ? [] : [[operation, index + 1]])));
  const unlink = (place: number): void => {
    after[before[place] as number] = after[place] as number;
    if ((after[place] as number) <= entries.length) before[after[place] as number] = before[place] as number;
  };
  const relink = (place: number): void => {
    after[before[place] as number] = place;
    if ((after[place] as number) <= entries.length) before[after[place] as number] = place;
  };
  const seen = new Set<string>();
  const done = new Set<number>();
  const trail: { place: number; state: S; rest: readonly S[] }[] = [];
  const mustReturn = history.filter(({ returnMs }) => returnMs !== Infinity).length;
  let returned = 0;
  let state = model.initial;
  let place = after[0] as number;

  const take = (at: number, operation: number, next: readonly S[]): boolean => {
    done.add(operation);
    for (let index = 0; index < next.length; index++) {
      const candidate = next[index] as S;
      const mark = `${[...done].sort((one, other) => one - other).join()}|${model.keyOf(candidate)}`;
      if (seen.has(mark)) continue;
      seen.add(mark);
      trail.push({ place: at, state, rest: next.slice(index + 1) });
      state = candidate;
      unlink(at);
      const end = returnPlace.get(operation);
      if (end !== undefined) {
        unlink(end);
        returned += 1;
      }
      return true;
    }
    done.delete(operation);
    return false;
  };

  while (returned < mustReturn) {
    const entry = place <= entries.length ? entries[place - 1] : undefined;
    if (entry?.isCall === true) {
      const { input, output } = history[entry.operation] as Operation<I, O>;
      if (take(place, entry.operation, model.step(state, input, output))) place = after[0] as number;
      else place = after[place] as number;
      continue;
    }
    // An answer stands before everything that is left: one of those taken must have been another.
    const last = trail.pop();
    if (last === undefined) return false;
    const { operation } = entries[last.place - 1] as Entry;
    const end = returnPlace.get(operation);
    if (end !== undefined) {
      relink(end);
      returned -= 1;
    }
    relink(last.place);
    done.delete(operation);
    state = last.state;
    place = take(last.place, operation, last.rest) ? (after[0] as number) : (after[last.place] as number);
  }
  return true;
}

function timeline(history: readonly Operation<unknown, unknown>[]): Entry[] {
  const entries = history.flatMap(({ callMs, returnMs }, operation): Entry[] => [
    { operation, isCall: true, atMs: callMs },
    ...(returnMs === Infinity ? [] : [{ operation, isCall: false, atMs: returnMs }]),
  ]);
  // What happens at one moment counts as at the same time: calls come first.
  return entries.sort((one, other) => one.atMs - other.atMs || Number(other.isCall) - Number(one.isCall));
}

/** A register: a key of the store. `null` is no object. A compare-and-swap names the value that its writer has read. */
export type RegisterInput =
  | { op: 'get' }
  | { op: 'create'; value: string }
  | { op: 'update'; value: string; ifValue: string | undefined }
  | { op: 'delete'; ifValue: string | undefined };

export type RegisterOutput = { found: string | null } | 'done' | 'exists' | 'missing' | 'modified';

export const register: SequentialModel<string | null, RegisterInput, RegisterOutput> = {
  initial: null,
  keyOf: (state) => String(state),
  step(state, input, output) {
    if (input.op === 'get') return output === undefined || (typeof output === 'object' && output.found === state) ? [state] : [];
    const verdict = verdictOf(state, input);
    if (output !== undefined && output !== verdict) return [];
    const next = verdict !== 'done' ? state : input.op === 'delete' ? null : input.value;
    return [next];
  },
};

function verdictOf(state: string | null, input: Exclude<RegisterInput, { op: 'get' }>): RegisterOutput {
  if (input.op === 'create') return state === null ? 'done' : 'exists';
  if (state === null) return 'missing';
  return input.ifValue === undefined || input.ifValue === state ? 'done' : 'modified';
}
