/**
 * What llmos takes of `node:http`. An import by that name evaluates every export of the module, of which WebSocket loads the whole of Node's `fetch`:
 * some 7 MiB and 20 ms of boot that nobody here uses. So all take it from here, as the module itself and not as its facade.
 */
const http = process.getBuiltinModule('node:http');

export const { Agent, createServer, get, request } = http;
export type Agent = InstanceType<typeof Agent>;
