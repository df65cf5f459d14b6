/** The slots of a process as it knows them: the answer to `show servers state` (management guide, section 9.3). Pure. */

export interface ServerState { backend: string; index: number; address: string; port: number; isReady: boolean }

/** Another bit says that it was disabled by the configuration, and stays when it is made ready. */
const FORCED_MAINTENANCE = 1;

/** Servers of other names than ours are left out. */
export function serverStates(answer: string): ServerState[] {
  return rowsOfServers(answer).flatMap((of) => {
    const [, index] = /^s(\d+)$/.exec(of('srv_name')) ?? [];
    return index === undefined ? [] : [{ backend: of('be_name'), index: Number(index), address: of('srv_addr'), port: Number(of('srv_port')), isReady: (Number(of('srv_admin_state')) & FORCED_MAINTENANCE) === 0 }];
  });
}

/** Reads of each row a column by its name. */
function rowsOfServers(answer: string): ((column: string) => string)[] {
  const lines = answer.split('\n');
  const columns = new Map((lines.find((line) => line.startsWith('# ')) ?? '').slice(2).split(' ').map((name, index) => [name, index]));
  return lines.filter((line) => /^\d+ \S+ \d+ /.test(line)).map((line) => {
    const values = line.split(' ');
    return (column) => values[columns.get(column) ?? -1] ?? '';
  });
}
