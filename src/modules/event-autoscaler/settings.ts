/** `modules.event-autoscaler` of the configuration. */
export interface Settings {
  /** Where ClusterTriggerAuthentications have their secrets. Default `keda`. */
  readonly clusterObjectNamespace: string;
  /** Folder of the machine below which `filePath` of a ClusterTriggerAuthentication is; without it none is read. */
  readonly filePathAuthRootPath?: string;
}

/** Throws Error that names the setting. */
export function settingsOf({ clusterObjectNamespace = 'keda', filePathAuthRootPath }: Readonly<Record<string, unknown>>): Settings {
  if (typeof clusterObjectNamespace !== 'string' || clusterObjectNamespace === '') throw new Error(`modules.event-autoscaler.clusterObjectNamespace must be the name of a namespace, not ${JSON.stringify(clusterObjectNamespace)}`);
  if (filePathAuthRootPath === undefined) return { clusterObjectNamespace };
  if (typeof filePathAuthRootPath !== 'string' || !filePathAuthRootPath.startsWith('/')) throw new Error(`modules.event-autoscaler.filePathAuthRootPath must be the absolute path of a folder, not ${JSON.stringify(filePathAuthRootPath)}`);
  return { clusterObjectNamespace, filePathAuthRootPath };
}
