/**
 * A boolean parameter of a query, as upstream converts it (apimachinery, runtime: Convert_Slice_string_To_bool): a parameter that is missing,
 * `0`, or `false` in whatever letters is false; all else is true, the empty value (`?watch`) and Python's `True` included.
 */
export function queryFlag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}
