-- What every script sees, built once per state. `native` holds functions written in Rust.
--
-- Scripts have neither metatables nor raw access, so they cannot tell a table whose fields are still
-- outside (see tables.rs) from any other: whatever looks at fields without indexing expands it first.
-- Their globals are a fresh table for each call, with the functions below behind it.
local native = ...

local type, error, rawget, rawset, rawpcall = type, error, rawget, rawset, pcall
local setmetatable, setfenv, select, unpack = setmetatable, setfenv, select, unpack
local rawnext, rawtostring, ipairs, assert = next, tostring, ipairs, assert
local floor = math.floor
local S, T, M = {}, {}, {}
for name, value in rawnext, string do S[name] = value end
for name, value in rawnext, table do T[name] = value end
for name, value in rawnext, math do M[name] = value end
local sub, concat, insert, remove = S.sub, T.concat, T.insert, T.remove
local tick = native.tick

-- Set for the length of one call: they reach the objects of that call. `expand` gives a field, and puts all fields
-- in where it must; for what is no text, always.
local expand, pods

local outside = {
  __index = function(t, key)
    return expand(t, key)
  end,
  __newindex = function(t, key, value)
    expand(t, false)
    t[key] = value
  end,
}

local function bad(n, name, expected, value)
  local given = value == nil and "nil" or type(value)
  error("bad argument #" .. n .. " to " .. name .. " (" .. expected .. " expected, got " .. given .. ")", 3)
end

-- Base ------------------------------------------------------------------------------------------

local base = { _VERSION = "Lua 5.1", type = type, error = error, select = select, ipairs = ipairs, assert = assert }

function base.next(t, key)
  if type(t) ~= "table" then bad(1, "next", "table", t) end
  local _ = t[false]
  return rawnext(t, key)
end

function base.pairs(t)
  if type(t) ~= "table" then bad(1, "pairs", "table", t) end
  local _ = t[false]
  return rawnext, t, nil
end

function base.unpack(t, i, j)
  if type(t) ~= "table" then bad(1, "unpack", "table", t) end
  return unpack(t, i, j)
end

-- A limit that was passed is not for a script to catch.
local function caught(ok, problem, ...)
  if ok then return true, problem, ... end
  if type(problem) == "userdata" or problem == "not enough memory" then problem = native.caught(problem) end
  return false, problem
end

function base.pcall(f, ...)
  return caught(rawpcall(f, ...))
end

local function handled(handler, ok, ...)
  if ok then return true, ... end
  return false, handler(...)
end

function base.xpcall(f, handler)
  return handled(handler, caught(rawpcall(f)))
end

function base.print() end

function base.tostring(value)
  if type(value) == "number" then
    if value > -1e14 and value < 1e14 and value % 1 == 0 and value ~= 0 then return rawtostring(value) end
    return native.number_text(value)
  end
  return rawtostring(value)
end

function base.tonumber(value, radix)
  if type(value) == "number" then return value end
  if type(value) ~= "string" then return nil end
  return native.parse_number(value, radix)
end

for _, name in ipairs {
  "collectgarbage", "dofile", "getfenv", "getmetatable", "load", "loadfile", "loadstring", "rawequal", "rawget",
  "rawset", "setfenv", "setmetatable", "module", "newproxy",
} do
  base[name] = function()
    error("call function " .. name .. " is not supported in karmada customized resourceinterpreter.", 2)
  end
end

-- string ----------------------------------------------------------------------------------------

local strings = { byte = S.byte, char = S.char, len = S.len, reverse = S.reverse, sub = sub }
strings.find, strings.format, strings.lower, strings.upper = native.find, native.format, native.lower, native.upper
strings.match, strings.rep = native.match, native.rep

function strings.dump()
  error("the function string.dump is not supported", 2)
end

function strings.gmatch(s, pattern)
  local position = 1
  local function take(after, ...)
    position = after
    return ...
  end
  return function()
    if position then return take(native.scan(s, pattern, position)) end
  end
end
strings.gfind = strings.gmatch

-- What a match is replaced with; nil or false leaves it as it was.
local function replacement(by, whole, first, ...)
  local kind = type(by)
  if first == nil then first = whole end
  if kind == "table" then return by[first] end
  if kind == "function" then return by(first, ...) end
  return native.fill(by, whole, first, ...)
end

function strings.gsub(s, pattern, by, most)
  local kind = type(by)
  if kind == "number" then by, kind = by .. "", "string" end
  if kind ~= "string" and kind ~= "table" and kind ~= "function" then
    bad(3, "gsub", "string, table or function", by)
  end
  local parts, n, count, last, position = {}, 0, 0, 1, 1
  local function take(after, from, to, ...)
    if not from then
      position = nil
      return
    end
    count = count + 1
    local whole = sub(s, from, to - 1)
    local text = replacement(by, whole, ...)
    if not text then text = whole end
    if type(text) ~= "string" and type(text) ~= "number" then
      error("invalid replacement value (a " .. type(text) .. ")", 3)
    end
    parts[n + 1], parts[n + 2] = sub(s, last, from - 1), text
    n, last, position = n + 2, to, after
  end
  s = s .. ""
  while position and (most == nil or count < most) do take(native.places(s, pattern, position)) end
  parts[n + 1] = sub(s, last)
  return concat(parts), count
end

native.string_methods(strings)

-- table -----------------------------------------------------------------------------------------

local tables = { maxn = T.maxn }

function tables.getn(t)
  if type(t) ~= "table" then bad(1, "getn", "table", t) end
  return #t
end

function tables.concat(t, separator, i, j)
  if type(t) ~= "table" then bad(1, "concat", "table", t) end
  local n = #t
  i, j = i or 1, j or n
  if i < 1 then i = 1 end
  if j > n then j = n end
  return concat(t, separator, i, j)
end

-- Long shifts are counted, because no instruction is executed meanwhile.
function tables.insert(t, ...)
  if type(t) ~= "table" then bad(1, "insert", "table", t) end
  local count = select("#", ...)
  if count == 0 then error("wrong number of arguments", 2) end
  if count == 1 then
    t[#t + 1] = (...)
    return
  end
  local n, position = #t, (...)
  if type(position) ~= "number" then bad(2, "insert", "number", position) end
  if n - position > 1000 then tick(n - position) end
  if position < 1 or position > n + 1 then
    t[position] = select(2, ...)
  else
    insert(t, position, (select(2, ...)))
  end
end

function tables.remove(t, position)
  if type(t) ~= "table" then bad(1, "remove", "table", t) end
  local n = #t
  if position ~= nil and position < 1 then position = n end
  if position ~= nil and n - position > 1000 then tick(n - position) end
  return remove(t, position)
end

local function less(a, b) return a < b end

-- A merge sort: a comparison that contradicts itself gives some order, and never more than n log n steps.
function tables.sort(t, before)
  if type(t) ~= "table" then bad(1, "sort", "table", t) end
  before = before or less
  local n, from, to, width = #t, t, {}, 1
  while width < n do
    for low = 1, n, 2 * width do
      local middle, high = low + width, low + 2 * width
      if middle > n + 1 then middle = n + 1 end
      if high > n + 1 then high = n + 1 end
      local i, j = low, middle
      for k = low, high - 1 do
        if i < middle and (j >= high or not before(from[j], from[i])) then
          to[k] = from[i]
          i = i + 1
        else
          to[k] = from[j]
          j = j + 1
        end
      end
    end
    from, to, width = to, from, 2 * width
  end
  if from ~= t then
    for k = 1, n do t[k] = from[k] end
  end
end

-- math and os -----------------------------------------------------------------------------------

local maths = {}
for name, value in rawnext, M do maths[name] = value end
maths.huge = native.huge
maths.mod = function(a, b) return a % b end

-- The same numbers in every call: an interpreter gives the same answer to the same question.
local seed = 1
local function random()
  seed = seed * 16807 % 2147483647
  return seed / 2147483647
end
function maths.random(low, high)
  if low == nil then return random() end
  if high == nil then low, high = 1, low end
  if low > high then error("bad argument to random (interval is empty)", 2) end
  return low + floor(random() * (high - low + 1))
end
function maths.randomseed(value) seed = floor(value) % 2147483646 + 1 end

local system = { time = native.time, date = native.date }

-- kube ------------------------------------------------------------------------------------------

local kube = { resourceAdd = native.resource_add, getResourceQuantity = native.resource_quantity }

function kube.accuratePodRequirements(...)
  if select("#", ...) ~= 1 then error("getPodRequirements only accepts one argument", 2) end
  local template = ...
  if type(template) ~= "table" then bad(1, "accuratePodRequirements", "table", template) end
  return pods(false, template)
end

function kube.getPodDependencies(...)
  if select("#", ...) ~= 2 then error("getPodDependencies only accepts two argument", 2) end
  local template, namespace = ...
  if type(template) ~= "table" then bad(1, "getPodDependencies", "table", template) end
  if namespace == nil then namespace = "default" end
  if type(namespace) ~= "string" and type(namespace) ~= "number" then
    bad(2, "getPodDependencies", "string", namespace)
  end
  return pods(true, template, namespace)
end

-- Globals ---------------------------------------------------------------------------------------

local globals = { __index = base }
local libraries = { string = strings, table = tables, math = maths, os = system, kube = kube }
local shown = {}
for name, library in rawnext, libraries do shown[name] = { __index = library } end

-- A script gets a table of its own in front of each library that it names, so that what it writes there ends
-- with the call.
local function opened(env, name)
  local library = setmetatable({}, shown[name])
  env[name] = library
  return library
end

local function package(env)
  local loaded = {}
  local preload = { kube = function() return setmetatable({}, shown.kube) end }
  env.package = {
    loaded = loaded, preload = preload, loaders = {},
    loadlib = function() error("loadlib is not supported", 2) end,
  }
  function env.require(name)
    if loaded[name] ~= nil then return loaded[name] end
    if name ~= "kube" and shown[name] then
      return rawget(env, name) or opened(env, name)
    end
    local load = preload[name]
    if load == nil then
      error("module " .. rawtostring(name) .. " not found:\n\tno field package.preload['" .. rawtostring(name)
        .. "']", 2)
    end
    loaded[name] = true
    local module = load(name)
    if module ~= nil then loaded[name] = module end
    return loaded[name]
  end
end

-- Runs a chunk in globals of its own, and then the function that it must have defined.
-- `names` lists the libraries that the chunk can name; `base` is among them when it may assign to a global of
-- that name, which must then be gone when it assigns nil.
local function enter(chunk, name, names, expander, requirer, ...)
  expand, pods, seed = expander, requirer, 1
  local env = setmetatable({}, globals)
  for i = 1, #names do
    local library = names[i]
    if library == "package" then
      package(env)
    elseif library == "_G" then
      env._G = env
    elseif library == "base" then
      setmetatable(env, nil)
      for global, value in rawnext, base do env[global] = value end
    else
      opened(env, library)
    end
  end
  setfenv(chunk, env)
  chunk()
  local f = rawget(env, name)
  if f == nil then error("not found function " .. name, 0) end
  if type(f) ~= "function" then error(name .. " is not a function: " .. type(f), 0) end
  return f(...)
end

return enter, outside
