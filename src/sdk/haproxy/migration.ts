/**
 * While an HAProxy gives way whose sockets are not the next one's, as after a restart of llmos: what waits at them goes over to the next one's
 * (`net.ipv4.tcp_migrate_req`). The setting of the machine is put back after a moment, by the next llmos where this one is killed meanwhile: a note in the folder says so.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SETTING = '/proc/sys/net/ipv4/tcp_migrate_req';
/** Until an HAProxy of before has closed its own. */
const MIGRATE_MS = 2_000;

export interface Migration {
  /** `folder`: that of the HAProxy. */
  begin(folder: string): void;
  /** Puts back what one who was killed left, by the note in the folder; safe when there is none. */
  resume(folder: string): void;
}

/** `setting`: its file. */
export function createMigration({ setting = SETTING, migrateMs = MIGRATE_MS }: { setting?: string; migrateMs?: number } = {}): Migration {
  const notes = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const noteIn = (folder: string): string => join(folder, 'migrating');

  function putBack(): void {
    clearTimeout(timer);
    timer = undefined;
    process.off('exit', putBack);
    try {
      writeFileSync(setting, '0');
    } catch {} // the namespace is going
    for (const note of notes) rmSync(note, { force: true });
    notes.clear();
  }

  return {
    begin(folder) {
      try {
        // On for another reason: it is not ours to turn off.
        if (timer === undefined && readFileSync(setting, 'utf8').trim() !== '0') return;
        writeFileSync(noteIn(folder), '', { mode: 0o600 });
        notes.add(noteIn(folder));
        writeFileSync(setting, '1');
        if (timer === undefined) process.on('exit', putBack);
        clearTimeout(timer);
        timer = setTimeout(putBack, migrateMs).unref();
      } catch {} // Linux before 5.14, or a namespace that may not: then some connection may have to come again
    },
    resume(folder) {
      if (!existsSync(noteIn(folder))) return;
      notes.add(noteIn(folder));
      if (timer === undefined) putBack();
    },
  };
}

/** Of this process: all its HAProxies are on one machine. */
export const migration = createMigration();
