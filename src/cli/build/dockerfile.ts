/**
 * Which images a Dockerfile starts from: the names behind FROM, and behind `--from=` where they are no stage. Only as much is read as
 * that needs; buildah reads the rest. Names bear what ARG before the first FROM, or the caller, gives.
 */
export interface BaseImages {
  /** In the order of their first use, each once; `scratch` left out. */
  images: string[];
}

export function baseImagesOf(text: string, buildArgs: Readonly<Record<string, string>> = {}): BaseImages {
  const variables = new Map<string, string>();
  const stages = new Set<string>();
  const images = new Set<string>();
  const use = (name: string): void => {
    if (name !== '' && name !== 'scratch' && !stages.has(name.toLowerCase()) && !/^\d+$/.test(name)) images.add(name);
  };
  let inStage = false;
  for (const line of instructionsOf(text)) {
    const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
    const instruction = word.toUpperCase();
    if (instruction === 'ARG' && !inStage) {
      for (const [, name = '', value = ''] of rest.matchAll(/([A-Za-z_]\w*)(?:=("[^"]*"|'[^']*'|\S*))?/g)) variables.set(name, buildArgs[name] ?? substitute(unquote(value), variables));
    } else if (instruction === 'FROM') {
      inStage = true;
      const words = rest.split(/\s+/).filter((each) => !each.startsWith('--'));
      use(substitute(unquote(words[0] ?? ''), variables));
      if (words[1]?.toUpperCase() === 'AS' && words[2] !== undefined) stages.add(words[2].toLowerCase());
    } else if (instruction === 'COPY' || instruction === 'ADD') {
      const from = /(?:^|\s)--from=(\S+)/.exec(rest)?.[1];
      if (from !== undefined) use(substitute(unquote(from), variables));
    } else if (instruction === 'RUN') {
      for (const [, options = ''] of rest.matchAll(/--mount=(\S+)/g)) use(/(?:^|,)from=([^,]+)/.exec(options)?.[1] ?? '');
    }
  }
  return { images: [...images] };
}

/** Instructions with their continued lines joined; comments, empty lines and here-documents left out. */
function instructionsOf(text: string): string[] {
  const escape = /^#\s*escape\s*=\s*([\\`])/im.exec(text.split(/\r?\n/).slice(0, 5).join('\n'))?.[1] ?? '\\';
  const found: string[] = [];
  const ends: string[] = [];
  let joined = '';
  for (const line of text.split(/\r?\n/)) {
    if (ends.length > 0) {
      if (line.trim() === ends[0]) ends.shift();
      continue;
    }
    if (/^\s*#/.test(line) || (line.trim() === '' && joined === '')) continue;
    const trimmed = line.trimEnd();
    if (trimmed.endsWith(escape)) {
      joined += `${trimmed.slice(0, -1)} `;
      continue;
    }
    const whole = (joined + line).trim();
    joined = '';
    if (whole === '') continue;
    found.push(whole);
    if (/^(RUN|COPY|ADD)\s/i.test(whole)) for (const [, name = ''] of whole.matchAll(/<<-?["']?([A-Za-z_]\w*)["']?/g)) ends.push(name);
  }
  if (joined.trim() !== '') found.push(joined.trim());
  return found;
}

/** `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`. */
function substitute(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/g, (_whole, plain: string | undefined, braced: string | undefined, mode: string | undefined, other: string | undefined) => {
    const value = variables.get(plain ?? braced ?? '') ?? '';
    if (mode === '-') return value === '' ? (other ?? '') : value;
    if (mode === '+') return value === '' ? '' : (other ?? '');
    return value;
  });
}

function unquote(text: string): string {
  return /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text;
}
