/** Lets so many run at the same time; the others wait in line. Rejections are handed on, and end a turn as well. */
export function takeTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const line: (() => void)[] = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((next) => line.push(next));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = line.shift();
      if (next === undefined) running -= 1;
      else next(); // the place goes to the next in line
    }
  };
}
