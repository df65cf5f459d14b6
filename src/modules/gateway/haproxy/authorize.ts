/**
 * Requests that somebody is asked about before they go on (ExternalAuth, GEP-1494), by HTTP or by gRPC (envoy.service.auth.v3.Authorization/Check). Who
 * cannot be asked permits nothing. Pure.
 */
import type { ExternalAuthFilter } from '../../../api/gateway/types.ts';
import { argument, quoted } from './words.ts';

/** What a buffer of HAProxy's own size surely holds beside the headers of a request. */
const USUAL_BODY_BYTES = 8_192;
/** The most that a filter may ask for: larger bodies are refused. */
const MOST_BODY_BYTES = 65_535;
const LARGE_BUFFER_BYTES = 98_304;
const METHOD_HEADER = 'x-llmos-method';
const ANSWER_MS = 10_000;

/** The lines for a request; `socket` leads to who is asked. */
export function authorizeLines({ protocol, forwardBody, http, grpc }: ExternalAuthFilter, socket: string): string[] {
  const most = Math.min(forwardBody?.maxSize ?? 0, MOST_BODY_BYTES);
  const names = (all: readonly string[] = []): string => all.map(argument).join(',');
  const words = [`unix@${socket}`, protocol, `path:${http?.path ?? ''}`, `ask:${names((protocol === 'HTTP' ? http : grpc)?.allowedHeaders)}`, `keep:${names(http?.allowedResponseHeaders)}`, most > 0 ? 'body' : 'bare'];
  return [
    ...(most === 0 ? [] : ['option http-buffer-request', `http-request return status 413 if { req.body_size gt ${most} } or !{ internal.htx.has_eom }`]),
    'http-request unset-var(txn.permitted)', `http-request lua.authorize ${words.map(quoted).join(' ')}`,
    // An action that fails lets requests go on.
    'http-request return status 503 content-type text/plain string "who is asked about this request does not answer" if !{ var(txn.permitted) -m bool }', 'http-response lua.authorized if { var(txn.authorized) -m bool }',
  ];
}

/** The buffers that are needed to show bodies of so many bytes, for all requests; '' for HAProxy's own. */
export function bufferLine(mostBodyBytes: number): string {
  return mostBodyBytes > USUAL_BODY_BYTES ? `  tune.bufsize ${LARGE_BUFFER_BYTES}` : '';
}

/** The section between the action and the servers that are asked. */
export function authorizerLines(protocol: ExternalAuthFilter['protocol'], socket: string): string[] {
  return [
    `bind unix@${socket} mode 600`, 'no log', `timeout server ${ANSWER_MS}ms`,
    // What asks knows five methods; who asks by gRPC says that it takes trailers.
    ...(protocol === 'GRPC' ? ['http-request set-header te trailers'] : [`http-request set-method %[req.hdr(${METHOD_HEADER})] if { req.hdr(${METHOD_HEADER}) -m found }`, `http-request del-header ${METHOD_HEADER}`]),
  ];
}

/** `lua.authorize SOCKET PROTOCOL path:PREFIX ask:NAMES keep:NAMES body|bare`, and `lua.authorized` for what is to be added to the answer. */
export const AUTHORIZE = `
local function names(word)
  local found, any = {}, false
  for name in string.gmatch(string.match(word, ":(.*)"), "[^,]+") do found[string.lower(name)], any = true, true end
  return found, any
end

-- Of one connection, and not of a message that goes on.
local hops = names(":host,authority,connection,keep-alive,proxy-connection,te,trailer,transfer-encoding,upgrade,content-length")
-- Of the body of an answer that does not go on.
local content = names(":content-type,content-encoding,content-language,content-location,date,server,etag,last-modified")

local function listed(values)
  local list = {}
  for _, value in pairs(values) do list[#list + 1] = value end
  return list
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status })
  for _, header in ipairs(headers) do reply:add_header(header[1], header[2]) end
  if txn.sf:method() ~= "HEAD" then reply:set_body(body) end
  txn:done(reply)
end

-- What asks gives true for who may pass; who is refused has been answered, others had no answer.
local function ask_http(txn, by, prefix, asked, kept, any, body)
  local method = txn.sf:method()
  local headers = { host = { txn.sf:req_hdr("host") }, ["content-length"] = { tostring(#body) } }
  for name, values in pairs(txn.http:req_get_headers()) do
    if name == "authorization" or (asked[name] and not hops[name]) then headers[name] = listed(values) end
  end
  local client = core.httpclient()
  local call = method == "HEAD" and client.head or (method == "GET" and body == "") and client.get or client.post
  if method ~= "HEAD" then headers["${METHOD_HEADER}"] = { method } end
  local called, answer = pcall(call, client, { url = "http://localhost" .. prefix .. txn.sf:pathq(), headers = headers, body = body ~= "" and body or nil, dst = by })
  if not called or answer == nil or answer.status == nil or answer.status < 200 or answer.status >= 500 then return false end
  if answer.status == 200 then
    for name, values in pairs(answer.headers or {}) do
      if kept[name] or (not any and not hops[name] and not content[name]) then
        txn.http:req_del_header(name)
        for _, value in ipairs(listed(values)) do txn.http:req_add_header(name, value) end
      end
    end
    return true
  end
  local told = {}
  for name, values in pairs(answer.headers or {}) do
    if not hops[name] then for _, value in ipairs(listed(values)) do told[#told + 1] = { name, value } end end
  end
  -- A success that is not 200 is none.
  refuse(txn, answer.status < 300 and 403 or answer.status, told, answer.body or "")
end

-- Messages of protocol buffers: numbers and texts, by the number of their field.
local function varint(number)
  local bytes = {}
  repeat
    local rest = number >> 7
    bytes[#bytes + 1] = string.char((number & 127) | (rest > 0 and 128 or 0))
    number = rest
  until number == 0
  return table.concat(bytes)
end

local function text(field, value)
  if value == nil or value == "" then return "" end
  return varint(field << 3 | 2) .. varint(#value) .. value
end

local function number(field, value) return value == nil and "" or varint(field << 3) .. varint(value) end

local function clean(value) return utf8.len(value) and value or (string.gsub(value, "[\\128-\\255]", "!")) end

local function read_varint(message, at)
  local value, shift = 0, 0
  while true do
    local byte = string.byte(message, at)
    if byte == nil or shift > 63 then error("cut off") end
    value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
    if byte < 128 then return value, at end
  end
end

-- Lists of what each field holds.
local function fields(message)
  local found, at = {}, 1
  while at <= #message do
    local key, value
    key, at = read_varint(message, at)
    local wire, field = key & 7, key >> 3
    if wire == 0 then value, at = read_varint(message, at)
    elseif wire == 2 then
      local size
      size, at = read_varint(message, at)
      if size < 0 or at + size - 1 > #message then error("cut off") end
      value, at = string.sub(message, at, at + size - 1), at + size
    elseif wire == 1 then at = at + 8
    elseif wire == 5 then at = at + 4
    else error("not known") end
    if value ~= nil then
      found[field] = found[field] or {}
      table.insert(found[field], value)
    end
  end
  return setmetatable(found, { __index = function() return {} end })
end

-- HeaderValueOption: name, value, whether it is added to others.
local function options(list)
  local headers = {}
  for _, option in ipairs(list) do
    local of = fields(option)
    local header = fields(of[1][1] or "")
    local name = header[1][1]
    if name ~= nil and not hops[string.lower(name)] and string.sub(name, 1, 1) ~= ":" then
      headers[#headers + 1] = { name, header[2][1] or header[3][1] or "", fields(of[2][1] or "")[1][1] == 1 }
    end
  end
  return headers
end

local function question(txn, asked, any, body)
  local pairs_of = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not any or asked[name] then pairs_of[#pairs_of + 1] = text(3, text(1, name) .. text(2, clean(table.concat(listed(values), ",")))) end
  end
  local peer = function(address, port) return text(1, text(1, text(2, address) .. number(3, port))) end
  local request = text(1, txn.sf:uuid()) .. text(2, txn.sf:method()) .. table.concat(pairs_of) .. text(4, clean(txn.sf:pathq())) .. text(5, clean(txn.sf:req_hdr("host") or ""))
    .. text(6, txn.sf:req_hdr("x-forwarded-proto")) .. number(9, tonumber(txn.sf:req_hdr("content-length")) or -1) .. text(10, "HTTP/" .. txn.sf:req_ver())
    .. (utf8.len(body) and text(11, body) or text(12, body))
  return text(1, text(1, peer(txn.sf:src(), txn.f:src_port())) .. text(2, peer(txn.sf:dst(), txn.f:dst_port())) .. text(4, text(2, request)))
end

local function ask_grpc(txn, by, asked, any, body)
  local message = question(txn, asked, any, body)
  local client = core.httpclient()
  local called, answer = pcall(client.post, client, { url = "http://localhost/envoy.service.auth.v3.Authorization/Check", dst = by,
    headers = { host = { "localhost" }, ["content-type"] = { "application/grpc" } }, body = "\\0" .. string.pack(">I4", #message) .. message })
  local told = called and answer ~= nil and answer.status == 200 and answer.body or ""
  if #told < 5 or string.byte(told, 1) ~= 0 or string.unpack(">I4", told, 2) ~= #told - 5 then return false end
  local read, said = pcall(fields, string.sub(told, 6))
  if not read then return false end
  local done, denial = pcall(function()
    if (fields(said[1][1] or "")[1][1] or 0) ~= 0 then
      local denied = fields(said[2][1] or "")
      local status = fields(denied[1][1] or "")[1][1] or 403
      return { status = status >= 300 and status <= 599 and status or 403, headers = options(denied[2]), body = denied[3][1] or "" }
    end
    local allowed = fields(said[3][1] or "")
    for _, name in ipairs(allowed[5]) do if string.lower(name) ~= "host" then txn.http:req_del_header(name) end end
    for _, header in ipairs(options(allowed[2])) do
      if not header[3] then txn.http:req_del_header(header[1]) end
      txn.http:req_add_header(header[1], header[2])
    end
    local more = options(allowed[6])
    if #more > 0 then
      txn:set_priv(more)
      txn:set_var("txn.authorized", true)
    end
  end)
  if not done then return false end
  if denial == nil then return true end
  refuse(txn, denial.status, denial.headers, denial.body)
end

core.register_action("authorize", { "http-req" }, function(txn, by, protocol, path, ask, keep, how)
  local asked, any_asked = names(ask)
  local kept, any_kept = names(keep)
  local body = how == "body" and txn.sf:req_body() or ""
  local permitted
  if protocol == "GRPC" then permitted = ask_grpc(txn, by, asked, any_asked, body)
  else permitted = ask_http(txn, by, string.match(path, ":(.*)"), asked, kept, any_kept, body) end
  if permitted then txn:set_var("txn.permitted", true) end
end, 6)

core.register_action("authorized", { "http-res" }, function(txn)
  for _, header in ipairs(txn:get_priv() or {}) do
    if not header[3] then txn.http:res_del_header(header[1]) end
    txn.http:res_add_header(header[1], header[2])
  end
end, 0)
`;
