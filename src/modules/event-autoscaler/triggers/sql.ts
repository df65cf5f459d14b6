/** postgresql and mysql: the number in the first column of the first row of a query (KEDA: PostgreSQL, MySQL). A connection a reading: none is held in between. */
import { finite, metricName, parametersOf, READ_TIMEOUT_MS, TriggerError, type Parameters, type TriggerFactory } from './trigger.ts';

export const postgresql: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const query = parameters.needed('query');
  const activation = parameters.number('activationTargetQueryValue', 0);
  const whole = parameters.text('connection');
  const where = whole === undefined
    ? { host: parameters.needed('host'), port: parameters.number('port'), user: parameters.needed('userName'), password: parameters.text('password'), database: parameters.needed('dbName'), ssl: tlsOf(parameters.text('sslmode') ?? 'prefer') }
    : readConnection(whole);
  return {
    name: 'postgresql', target: parameters.target('targetQueryValue'),
    async read() {
      const { default: pg } = await import('pg');
      const client = new pg.Client({ ...where, connectionTimeoutMillis: READ_TIMEOUT_MS, query_timeout: READ_TIMEOUT_MS, statement_timeout: READ_TIMEOUT_MS });
      client.on('error', () => {}); // the query says it
      try {
        await client.connect();
        const { rows } = await client.query<unknown[]>({ text: query, rowMode: 'array' });
        const value = finite(rows[0]?.[0], 'what the query gave');
        return { value, active: value > activation };
      } finally {
        await client.end().catch(() => {});
      }
    },
  };
};

/** Where the server need not have TLS, none is asked for: the driver has no way to prefer it. */
function tlsOf(mode: string): false | { rejectUnauthorized: boolean } {
  if (mode === 'disable' || mode === 'prefer' || mode === 'allow') return false;
  return { rejectUnauthorized: mode === 'verify-ca' || mode === 'verify-full' };
}

/** A URL, or libpq's words: `host=db port=5432 user=app password='a b' dbname=jobs sslmode=disable`. */
function readConnection(text: string): object {
  if (/^postgres(ql)?:\/\//.test(text)) return { connectionString: text };
  const words = Object.fromEntries([...text.matchAll(/(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))/g)].map(([, key = '', quoted, plain]) => [key, quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '']));
  return { host: words['host'], port: Number(words['port'] ?? 5432), user: words['user'], password: words['password'], database: words['dbname'], ssl: tlsOf(words['sslmode'] ?? 'prefer') };
}

export const mysql: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const query = parameters.needed('query');
  const activation = parameters.number('activationQueryValue', 0);
  const whole = parameters.text('connectionString');
  const where = whole === undefined ? { host: parameters.needed('host'), port: parameters.number('port', 3306), user: parameters.needed('username'), password: parameters.text('password'), database: parameters.needed('dbName'), ...mysqlTls(parameters) } : readDsn(whole);
  return {
    name: metricName('mysql', where.database ?? ''), target: parameters.target('queryValue'),
    async read() {
      const { createConnection } = await import('mysql2/promise');
      const connection = await createConnection({ ...where, connectTimeout: READ_TIMEOUT_MS });
      connection.on('error', () => {}); // the query says it
      try {
        const [rows] = await connection.query({ sql: query, rowsAsArray: true, timeout: READ_TIMEOUT_MS });
        const value = finite((rows as unknown[][])[0]?.[0], 'what the query gave');
        return { value, active: value > activation };
      } finally {
        connection.destroy();
      }
    },
  };
};

interface MysqlTls { ssl?: { ca?: string; cert?: string; key?: string; passphrase?: string; rejectUnauthorized?: boolean } }
interface MysqlPlace extends MysqlTls { host: string; port: number; user?: string; password?: string; database?: string }

/** `tls: enable`, with the authority and the certificate of an authentication. */
function mysqlTls(parameters: Parameters): MysqlTls {
  const tls = parameters.text('tls') ?? 'disable';
  if (tls !== 'enable' && tls !== 'disable') throw new TriggerError(`tls ${JSON.stringify(tls)}: write enable or disable`);
  const pair = [parameters.text('cert'), parameters.text('key')];
  if (pair.filter((each) => each !== undefined).length === 1) throw new TriggerError('cert and key go together: one of them is missing');
  if (tls === 'disable') return {};
  return { ssl: { ca: parameters.text('ca'), cert: pair[0], key: pair[1], passphrase: parameters.text('keyPassword'), rejectUnauthorized: !parameters.flag('unsafeSsl') } };
}

/** Go's words: `user:password@tcp(host:3306)/database?x=y`. */
function readDsn(text: string): MysqlPlace {
  const [whole, user, password, host = 'localhost', port = '3306', database, query] = /^(?:([^:@]*)(?::(.*))?@)?(?:tcp\()?(?:https?:\/\/)?([^:)/]+)(?::(\d+))?\)?\/([^?]*)(?:\?(.*))?/.exec(text) ?? [];
  if (whole === undefined) throw new TriggerError('connectionString: write user:password@tcp(host:3306)/database');
  const tls = new URLSearchParams(query).get('tls');
  return { host, port: Number(port), ...(tls === 'true' || tls === 'skip-verify' ? { ssl: { rejectUnauthorized: tls === 'true' } } : {}), ...(user === undefined ? {} : { user }), ...(password === undefined ? {} : { password }), ...(database === undefined ? {} : { database }) };
}
