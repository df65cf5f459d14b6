/** Actions of HAProxy in Lua. */

/** Sends a copy of a request elsewhere, beside the request itself; what comes back is passed over. */
export const MIRROR = `local function send(target, method, path, headers, body, by)
  local client = core.httpclient()
  local call = client[string.lower(method)]
  if call == nil then return end
  pcall(call, client, { url = "http://" .. target .. path, headers = headers, body = body, dst = by })
end

local function mirror(txn, target, by)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if name ~= "content-length" and name ~= "transfer-encoding" and name ~= "connection" then
      local list = {}
      for _, value in pairs(values) do list[#list + 1] = value end
      headers[name] = list
    end
  end
  local body = txn.sf:req_body()
  if body == "" then body = nil end
  local method, path = txn.sf:method(), txn.sf:pathq()
  core.register_task(function() send(target, method, path, headers, body, by) end)
end

core.register_action("mirror", { "http-req" }, mirror, 1)
core.register_action("mirror_by", { "http-req" }, mirror, 2)
`;
