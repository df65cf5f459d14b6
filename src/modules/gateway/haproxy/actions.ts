/** Actions of HAProxy in Lua. */

/** Of a copy that comes by a socket: its method, since what sends copies knows but five. */
export const METHOD_HEADER = 'x-llmos-method';

/**
 * `lua.mirror TARGET SOCKET any|socket MS` sends a copy of a request elsewhere, beside the request itself; what comes back is passed over. A copy is whole or none: a body
 * that does not fit into a buffer, or takes longer than MS, is not copied, and the request goes on.
 */
export const MIRROR = `local function send(target, method, path, headers, body, by)
  local client = core.httpclient()
  local call = client[string.lower(method)]
  if call == nil then
    call, headers["${METHOD_HEADER}"] = client.post, { method }
  end
  pcall(call, client, { url = "http://" .. target .. path, headers = headers, body = body, dst = by })
end

local function whole(txn, patience)
  local waited = 0
  while txn.f:internal_htx_has_eom() ~= 1 do
    -- What is left of a buffer, where it is for headers that are added.
    if waited >= patience or txn.f:internal_htx_free_data() < 2048 then return false end
    core.msleep(5)
    waited = waited + 5
  end
  return true
end

local function mirror(txn, target, socket, ways, patience)
  if not whole(txn, tonumber(patience)) then return end
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if name ~= "content-length" and name ~= "transfer-encoding" and name ~= "connection" and name ~= "${METHOD_HEADER}" then
      local list = {}
      for _, value in pairs(values) do list[#list + 1] = value end
      headers[name] = list
    end
  end
  local body = txn.sf:req_body()
  if body == "" then body = nil end
  local method, path = txn.sf:method(), txn.sf:pathq()
  local by = (ways == "socket" or core.httpclient()[string.lower(method)] == nil) and socket or nil
  core.register_task(function() send(target, method, path, headers, body, by) end)
end

core.register_action("mirror", { "http-req" }, mirror, 4)
`;
