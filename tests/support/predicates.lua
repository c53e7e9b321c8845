-- SPDX-License-Identifier: MIT
--
-- Predicates and documents for the specs of conditions: every form that is understood, every one that is not, and what
-- a document can do to them.

local holdfast = require "holdfast"

local M = {}

--- JSON texts.
M.documents = {
  -- What a trading bot stores.
  [[{"id":"a","symbol":"BTCUSDT","side":"long","priceOpen":100.5,"pnl":-3,"open":true,"tags":["x","y"],
    "metadata":{"symbol":"BTCUSDT","n":3},"note":null}]],
  [[{"symbol":"ETHUSDT","side":"short","priceOpen":99.999999999999986,"pnl":0,"open":false,"tags":[],
    "metadata":{"symbol":"ETHUSDT","n":"3"},"a":1,"b":2,"c":3}]],
  [[{"symbol":"BTC","side":"long","priceOpen":-0.0,"pnl":-0,"metadata":{},"a":true,"b":false,"c":null}]],
  [[{"symbol":"","side":"","priceOpen":1e999,"pnl":-1e999,"metadata":null,"a":"1","b":"2","c":""}]],
  [[{"symbol":7,"side":true,"priceOpen":"100","pnl":"x","metadata":"text","a":[1,2,3],"b":{"c":1},"c":[]}]],
  [[{"symbol":null,"side":null,"priceOpen":null,"pnl":null,"metadata":[{"symbol":"BTCUSDT"}],"a":null,"b":null}]],
  [[{"symbol":["BTCUSDT"],"metadata":{"symbol":{"x":1}},"a":{},"b":{},"c":{}}]],
  -- Escapes, in keys and in texts; duplicate keys; what strings and patterns have.
  [[{"s\u0079mbol":"BTC\u0055SDT","met\u0061data":{"symbol":"BTC\u0055SDT"},"a":"\u0000x","b":"a\nb"}]],
  [[{"symbol":"A","symbol":"BTCUSDT","a":1,"a":2,"metadata":1,"metadata":{"symbol":"BTCUSDT"}}]],
  [[{"metadata":{"symbol":"BTCUSDT"},"metadata":null,"a":{"x":1},"a":{"y":2}}]],
  [[{"symbol":"BTC.USDT","a":"a.c","b":"^abc$","c":"%","side":"long\u0000","priceOpen":5}]],
  [[{"symbol":"xBTCUSDTx","side":"longs","priceOpen":0.1,"pnl":0.2,"a":0.30000000000000004,"b":9007199254740993}]],
  [[{"symbol":"BTC","side":7}]], [[{"symbol":8,"side":"BTC"}]],
  -- Fields that have the names of methods.
  [[{"len":3,"find":"x","match":{"x":1},"sub":[1],"symbol":{"find":1,"match":2,"sub":3,"len":4},"a":1}]],
  -- Documents that are no objects.
  "[]", "{}", "null", "true", "false", "0", "-0", "3", '""', '"BTCUSDT"', '"a"', "[1,2,3]", '[{"a":1,"symbol":"BTC"}]',
  '[null,"x"]', "1e999",
  -- Numbers to the last bit.
  '{"a":0.1,"b":0.2,"c":0.30000000000000004}', '{"a":1e308,"b":1e308,"c":2}', '{"a":5,"b":-3,"c":0}',
  '{"a":-5,"b":3,"c":-0.0}', '{"a":5.5,"b":1e-320,"c":4.9e-324}',
  '{"a":3,"b":3,"c":3,"list":[1,2,3],"d":{"e":{"f":1}}}',
  '{"a":"x","b":"x","c":"y","list":["x"],"d":{"e":null}}', '{"a":"abc","b":"abd","c":"ab","d":"\xc3\xa4"}',
  '{"list":{"1":"x","2":"y"},"a":{"1":5},"b":[5]}', '{"a":[],"b":[],"c":{},"d":null,"list":[[1],[2]]}',
}

--- What the predicates see as upvalues and globals.
M.HEAD = [[
local null = ...
local min, sym, yes, no, none, inf, nan, zero, minus = 3, "BTCUSDT", true, false, nil, 1/0, 0/0, 0, -0.0
local changing, other = 3, "a"
changing, other = 2, "b"
local cfg = { symbol = "BTCUSDT", limits = { min = 1, deep = { max = 2 } }, [1] = "x", flag = true, null = null }
local Class = { limit = 2 }
Class.__index = Class
local self = setmetatable({ min = 1 }, Class)
local magic = setmetatable({}, { __index = function() return 5 end })
local find, kind, str = string.find, type, string
local key, place, big, dots = "a", 1, 5LL, "B.C"
local function helper(v) return v.a end
]]

--- Sources of functions.
M.predicates = {}

local function add(text)
  for line in text:gmatch("[^\n]+") do
    if line:find("%S") then M.predicates[#M.predicates + 1] = line:match("^%s*(.-)%s*$") end
  end
end

-- An expression becomes a function of v, and of id where it names that.
add [[
  v.symbol == "BTCUSDT"
  v.symbol ~= "BTCUSDT"
  v.metadata.symbol == "BTCUSDT"
  v.metadata.symbol == sym
  v.metadata and v.metadata.symbol == sym
  type(v) == "table" and type(v.metadata) == "table" and v.metadata.symbol == sym
  v.a
  not v.a
  not not v.a
  v.a == nil
  v.a ~= nil
  nil == v.a
  v.a == true
  v.a ~= false
  v.a == 1
  1 ~= v.a
  v.note == null
  v.a == null
  v.a ~= null
  v.note == cfg.null
  v.a == v.b
  v.a ~= v.b
  v.a == v.a
  v.a ~= v.a
  v == v
  v == nil
  v
  not v
  v == "BTCUSDT"
  v == 3
  v == null
  v ~= null
  v > 2
  v.a < 3
  v.a <= 3
  v.a > 3
  v.a >= 3
  3 < v.a
  3 >= v.a
  not (v.a < 3)
  not (v.a >= 3)
  not (3 <= v.a)
  v.a < v.b
  v.a <= v.b
  not (v.a > v.b)
  v.a < "abd"
  v.a >= "abc"
  "" < v.a
  v.a < nan
  not (v.a < nan)
  v.a >= nan
  not (v.a >= nan)
  v.a == nan
  v.a ~= nan
  v.priceOpen > inf
  v.priceOpen == inf
  v.priceOpen < -inf
  v.pnl == 0
  1 / v.pnl < 0
  1 / v.pnl == inf
  v.priceOpen / v.pnl ~= v.priceOpen / v.pnl
  v.a + v.b == v.c
  v.a + 0.2 == 0.30000000000000004
  v.a - 1 < v.b
  1 - v.a < v.b
  v.a * v.b > 1e308
  v.a * 2 > v.b + 1
  v.a / v.b == 1
  v.a / 0 == inf
  v.a % 3 == 2
  v.a % -3 == -1
  v.a % v.b == 0
  -7 % v.a == 1
  v.a % 0 ~= v.a % 0
  -v.a == -3
  - -v.a == 3
  -v.pnl == 0
  1 / -v.pnl > 0
  v.a * 2 - v.b * 3 + v.c == 0
  v.a ^ 2 == 9
  v.a .. v.b == "xx"
  v.a + 1 == 2
  v.a and v.b
  v.a or v.b
  v.a and v.b or v.c
  v.a and v.b and v.c
  v.a or v.b or v.c
  (v.a or v.b) and (v.c or v.d)
  not (v.a and v.b)
  not (v.a or v.b)
  (v.a or v.b) == 1
  (v.a and v.b) == 2
  (v.a and v.b or v.c) == 3
  (v.a or 0) + (v.b or 0) > 3
  (v.a == 1) == (v.b == 2)
  (v.a == 1) ~= v.open
  (v.pnl or 0) < 0 and (v.side or "") == "long"
  v.a == 1 or v.b == 2 and v.c == 3
  v.symbol == "BTC" or v.symbol == "ETHUSDT" or v.symbol == "BTCUSDT" or v.symbol == ""
  v.side == "long" and v.priceOpen > 100
  v.side == "long" or not v.open
  v.d.e.f == 1
  v.d and v.d.e and v.d.e.f
  v.a.x
  v.a.b.c == nil
  v.metadata.symbol.x
  v[1]
  v[1] == 1
  v[1].a
  v[4] == nil
  v.list[1] == "x"
  v.list[2] == v.a
  v.list["1"] == "x"
  v.a["1"] == 5
  v.list[1][1]
  v.list[0]
  v.list[-1]
  v.list[1.5]
  v.list[300] == nil
  v.list[70000] == nil
  v[true]
  v[key] == 1
  v[cfg.symbol] == nil
  v.list[place]
  v.list[changing]
  v[v.a]
  #v
  #v.symbol == 7
  #v.symbol > 3
  #v.a < 3
  #v.list == 3
  #v.side + 1 > 4
  #"abc" == v.a
  #sym == #v.symbol
  type(v) == "table"
  type(v) ~= "table"
  type(v.a) == "number"
  type(v.a) == "string" and v.a < "b"
  type(v.a) == "nil"
  type(v.a) == type(v.b)
  type(v.note) == "userdata"
  kind(v.a) == "boolean"
  type(v.a) == "table" and v.a.x
  type(cfg) == "table" and v.a
  type(helper) == "function" and v.a
  type(nil) == "nil" and v.a
  type(min) == "number" and v.a
  type() == "nil"
  v.symbol:find("BTC", 1, true)
  v.symbol:find("BTC", 1, true) == 2
  v.symbol:find("BTC")
  v.symbol:find("C.U", 1, true)
  v.symbol:find("C.U")
  v.symbol:find("^BTC")
  v.symbol:find("^BTC") == 1
  v.symbol:find("USDT$")
  v.symbol:find("^BTC$") ~= nil
  v.symbol:find("", 1, true)
  v.symbol:find("T", 2, true)
  v.symbol:find(sym, 1, true)
  v.symbol:find(sym)
  v.symbol:match(sym)
  v.symbol:match(sym) == "BTCUSDT"
  v.symbol:match(dots)
  v.symbol:find(dots)
  find(v.symbol, sym)
  v.symbol:find(7, 1, true)
  v.symbol:find(v.side, 1, true)
  v.symbol:find()
  v.symbol:find("BTC", nil, true)
  v.symbol:find("BTC", 1, false)
  v.symbol:find("BTC", 1, v.a)
  v.symbol:find("\0", 1, true)
  v.side:find("\0")
  v.a:find("x", 1, true)
  not v.symbol:find("BTC", 1, true)
  v.symbol:match("^BTC")
  v.symbol:match("^BTC") == "BTC"
  v.symbol:match("USDT$")
  v.symbol:match("^BTCUSDT$") and v.side == "long"
  v.symbol:match("USD") == "USD"
  v.symbol:match("^BTC%.USDT$")
  v.symbol:match("^BTC.USDT$")
  v.b:match("%^abc%$")
  v.b:match("^%^abc%$$")
  v.c:match("%%")
  v.symbol:match("")
  v.symbol:match("^")
  v.symbol:match("$")
  v.symbol:match("^$")
  v.symbol:match("(BTC)")
  v.symbol:match("BTC)")
  v.symbol:match("%")
  v.symbol:match("[")
  v.symbol:match("]")
  v.symbol:match("^BTC", 1)
  v.symbol:match("a-")
  v.symbol:sub(1, 3) == "BTC"
  v.symbol:sub(1, 3) ~= "BTC"
  v.symbol:sub(4) == "USDT"
  v.symbol:sub(-4) == "USDT"
  v.symbol:sub(-4, -2) == "USD"
  v.symbol:sub(2, 1) == ""
  v.symbol:sub(0) == v.symbol
  v.symbol:sub(1, 1e10) == v.symbol
  v.symbol:sub(1, min) == "BTC"
  v.symbol:sub(1, v.a) == "B"
  v.symbol:sub(1.5, 2.5) == "BT"
  v.symbol:sub("1", 3) == "BTC"
  v.symbol:sub(1, 3):find("T", 1, true)
  #v.symbol:sub(2) == 6
  v.symbol:len() == 7
  v.symbol:len() > v.a
  v.symbol:lower() == "btcusdt"
  v.symbol:upper():find("X", 1, true)
  v:find("BTC", 1, true)
  v:sub(1, 1) == "a"
  v.symbol.find
  v.symbol.len
  v.len
  v.len == 3
  v.find == "x"
  v.match.x
  v.sub[1]
  v.find:find("x", 1, true)
  v.symbol.find == 1
  v.symbol.nothing
  v.symbol[1]
  v.symbol.find(v.symbol, "BTC", 1, true)
  v.symbol.find(v.side, "BTC", 1, true)
  string.find(v.symbol, "BTC", 1, true)
  string.find(v.symbol, "7")
  str.sub(v.symbol, 1, 3) == "BTC"
  find(v.symbol, "^BTC")
  string.len(v.symbol) == 7
  string.len(v.symbol) == 1
  string.match(v.a, "^1$")
  string.sub(v.a, 1, 1) == "1"
  ("BTCUSDT"):find(v.symbol, 1, true)
  ("x"):sub(1, 1) == v.a
  sym:find(v.symbol, 1, true)
  sym:sub(1, 3) == v.symbol
  type(v.symbol:sub(1, 2)) == "string"
  type(v.symbol:find("B", 1, true)) == "number"
  (v.symbol:find("T", 1, true)) == 2
  type((v.symbol:find("B", 1, true))) == "nil"
  v.a > min
  v.a > changing
  v.a == other
  v.a == none
  v.a ~= none
  v.a == yes
  yes and v.a
  no or v.a
  none and v.a
  none or v.a
  v.a == minus
  v.a == zero
  v.b / zero == inf
  v.b / minus == inf
  cfg and v.a
  not cfg or v.a
  cfg == v.a
  cfg ~= v.a
  cfg == {} or v.a
  big == v.a
  v.a ~= big
  big and v.a
  not big or v.a
  cfg ~= nil and v.a == cfg.limits.min
  v.symbol == cfg.symbol
  v.a > cfg.limits.min
  v.a > cfg.limits.deep.max
  v.a > cfg.missing
  v.a > cfg.missing.x
  v.a and cfg.missing.x
  cfg.flag and v.a
  v.a == cfg[1]
  v.a > self.min
  v.a > self.limit
  v.a == self.missing
  v.a == magic.x
  v.a and magic.x
  helper(v)
  v.a or helper(v)
  v.a and print == v.b
  v.a == LIMIT
  v.a == undefined
  v.a == math.pi
  math.abs(v.a) == 3
  tostring(v.a) == "3"
  tonumber(v.a) == 3
  next(v) ~= nil
  pcall(helper, v)
  rawequal(v.a, v.b)
  select("#", v.a, v.b) == 2
  v.a == 1LL
  v.a == {}
  v.a == function() end
  id == "BTC/USDT-7"
  id ~= v.symbol
  id:sub(1, 3) == "BTC"
  #id == 10 and v.a
  id < v.a
  id.x
  type(id) == "string" and v.a
  id == nil
]]

-- Statements; `v` is the value.
add [[
  function(v) if v.a then return true end end
  function(v) if v.a then return end return 1 end
  function(v) if v.a == 1 then return false elseif v.b == 2 then return v.c > 2 end return v.symbol end
  function(v) if v.a then if v.b then return v.c end return v.symbol end return not v.side end
  function(v) local m = v.metadata if m == nil then return false end return m.symbol == "BTCUSDT" end
  function(v) local m = v.metadata return m and m.symbol == "BTCUSDT" end
  function(v) local m = v.metadata.symbol if v.side == "long" then return false end return v.a end
  function(v) local x = v.d.e.f return v.a == 1 end
  function(v) local x = v.a + 1 return v.b end
  function(v) local x = v.a < v.b return v.b end
  function(v) local x = #v.symbol return false end
  function(v) local x = v.symbol:sub(1, 1) return v.a end
  function(v) local x, y = v.a, v.b x, y = y, x return x < y end
  function(v) local x = v.a or v.b local y = x and v.c return y == 3 or x == 1 end
  function(v) local a, b = v.a, v.b local c = a or b return c == 1 end
  function(v) local a, b = v.a, v.b local c = a and b return c == 2 end
  function(v) local x = v or 1 return x == "BTCUSDT" end
  function(v) if v.a then if v.b then return v.c end return v.symbol end return v.c end
  function(v) if v.a then if not v.b then return v.c end return v.symbol end return v.c end
  function(v) if v.a then return v.c end if v.b then return v.symbol end return v.c end
  function(v) if v.a then return v.c end if v.b then return v.c end return v.symbol end
  function(v) local x = v.symbol x = x:sub(2) x = x:sub(2) return x == "CUSDT" end
  function(v) local t = {} return v.a end
  function(v) local t = { v.a } return v.b end
  function(v) local t = {} t.x = 1 return v.b end
  function(v) if v.b then v.b = nil end return v.a end
  function(v) if v.a then changing = 2 end return v.b end
  function(v) if v.a then some_global = 1 end return v.b end
  function(v) for i = 1, 3 do if v[i] == 2 then return true end end return v.a end
  function(v) if not v.a then return false end for k in pairs(v) do return true end end
  function(v) while v.a do return true end return v.b end
  function(v) repeat local x = v.a until true return v.b end
  function(v) if v.a then goto done end if v.b then return true end ::done:: return v.c end
  function(v) do local x = v.a local f = function() return x end end return v.b end
  function(v) if v.a then local f = function() return v end return f() end return v.b end
  function(v) local a, b = v.symbol:find("T", 1, true) return b == 2 end
  function(v) local a, b = type(v.a), 2 return a == "nil" and b == 2 end
  function(v) local a, b = type(v.a) return b == nil and a == "nil" end
  function(v) local f = v.symbol.find return v.a end
  function(v) local f = (v.a + 1).find return v.b end
  function(v) local f = v.symbol:sub(1, 2).find return v.b end
  function(v) local f = v.symbol:sub(1, 2).find return v.symbol:sub(1, 2):find("B", 1, true) end
  function(v) local x = cfg.limits.deep return v.a end
  function(v) local x = cfg.missing.deep return v.a end
  function(v) local x = nil return x.y or v.a end
  function(v) local x = 5 return v.a and x.y end
  function(v) return v.a, v.b end
  function(v) return (v.a) end
  function(v) return end
  function(v) end
  function(v) return nil end
  function(v) return 0 end
  function(v) return "" end
  function(v) return false end
  function(v) error("x") end
  function(v) if v.a then error("x") end return v.b end
  function(v) return v.a and error(v) end
  function(v) return v.a and coroutine.yield() end
  function(v, w) return w == nil and v.a end
  function(v, w) return w.x end
  function(v, ...) return ... == nil and v.a end
  function(...) local v = ... return v.a end
  function(...) local v, w, x = ... return x == nil and v.a == 1 end
  function(...) return ... end
  function(...) return (...).a end
  function(...) return type(...) == "table" end
  function(...) return select("#", ...) == 1 end
  function(v) v = v.a return v end
  function(v) local x if v.a then x = v.b else x = v.c end return x == 2 end
  function(v) local x = v.a if x == nil then x = v.b end if x == nil then x = v.c end return x == 3 end
  function(v) local s = v.symbol return s == "BTC" or s == "ETHUSDT" or s == "" end
  function(v) return v.a == 1 and v.b == 2 and v.c == 3 or v.a == 5 and v.b == -3 or v.a == 3 and not v.d end
  function(v) return not (v.a == 1 and (v.b == 2 or v.c) or not v.d) end
  function(v) local ok = v.a == 1 if ok and v.b then return v.c end return not ok end
  function(v) return type(v.symbol) == "string" and v.symbol:find("BTC", 1, true) and v.side == "long" end
]]

--- Whether a predicate is to be called with the id, too.
---@param source string
---@return boolean
function M.takesId(source) return source:find("%f[%w]id%f[%W]") ~= nil end

--- The function of a source.
---@param source string
---@return function
function M.compile(source)
  local isFunction = source:find("^function")
  local parameters = M.takesId(source) and "v, id" or "v"
  local body = isFunction and source or ("function(%s) return %s end"):format(parameters, source)
  local chunk = assert(loadstring(M.HEAD .. "return " .. body, "=" .. source:sub(1, 40)))
  return chunk(holdfast.null)
end

return M
