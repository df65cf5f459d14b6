/** `modules.metering` of the configuration. */
export interface MeteringSettings {
  /** Default 60. */
  everySeconds: number;
  /** How many days the records of single hours stay before they become those of days; default 3. */
  hourlyDays: number;
  /** How many days records stay; default 400. */
  retentionDays: number;
  /** The billing account; default the name of the first node. */
  cluster?: string;
}

const DEFAULTS = { everySeconds: 60, hourlyDays: 3, retentionDays: 400 };

/** Throws what is wrong. */
export function meteringSettings(config: Readonly<Record<string, unknown>>): MeteringSettings {
  const number = (name: keyof typeof DEFAULTS): number => {
    const value = config[name] ?? DEFAULTS[name];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) throw new Error(`modules.metering.${name} must be a whole number above 0, not ${JSON.stringify(value)}`);
    return value;
  };
  const cluster = config['cluster'];
  if (cluster !== undefined && typeof cluster !== 'string') throw new Error(`modules.metering.cluster must be a name, not ${JSON.stringify(cluster)}`);
  return { everySeconds: number('everySeconds'), hourlyDays: number('hourlyDays'), retentionDays: number('retentionDays'), ...(cluster === undefined ? {} : { cluster }) };
}
