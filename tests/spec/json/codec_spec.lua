-- SPDX-License-Identifier: MIT
--
-- The codec between JSON text and Lua values: every rule of what goes in and comes out, every refused value
-- with its exact message, and the ways in which caches, finalizers and the collector could go wrong.

local holdfast = require("holdfast")
local json = holdfast.json
local null, array = json.null, json.array

-- Encodes and expects the error object with this message.
local function refuses(value, message)
  local ok, err = pcall(json.encode, value)
  assert.is_false(ok)
  assert.equal("invalid_value", err.code)
  assert.equal(message, err.message)
end

-- Decodes and expects the error object with this message.
local function refusesText(text, message)
  local ok, err = pcall(json.decode, text)
  assert.is_false(ok, text)
  assert.equal("invalid_value", err.code)
  assert.equal(message, err.message)
end

-- Decoders learn: the first, the sixth and later texts of a shape take different ways.
local function decodeOften(text)
  local value
  for _ = 1, 12 do
    value = json.decode(text)
  end
  return value
end

local function bitsOf(number)
  return string.format("%q %s", number, 1 / number)
end

-- Runs a function while every allocation makes the collector go round once, finalizers included.
local function withRestlessCollector(run)
  local pause, stepmul = collectgarbage("setpause", 0), collectgarbage("setstepmul", 100000000)
  collectgarbage() -- from its end on the new settings count
  local ok, err = pcall(run)
  collectgarbage("setpause", pause)
  collectgarbage("setstepmul", stepmul)
  collectgarbage()
  assert(ok, err)
end

describe("json.decode", function()
  it("reads the literals", function()
    assert.is_true(json.decode("true"))
    assert.is_false(json.decode("false"))
    assert.equal(null, json.decode("null"))
    assert.equal("userdata", type(json.decode(" \t\r\n null \t\r\n ")))
  end)

  it("reads objects into tables, often and rarely seen ones alike", function()
    local text = '{"id":"a","price":1.5,"open":true,"none":null,"in":{"x":{"y":[1,{"z":2}]}}}'
    for _ = 1, 20 do
      assert.same(
        { id = "a", price = 1.5, open = true, none = null, ["in"] = { x = { y = { 1, { z = 2 } } } } },
        json.decode(text)
      )
    end
  end)

  it("reads white space wherever it may stand", function()
    local text = ' { "a" : [ 1 , 2 ] ,\n\t"b" : { } , "c" : [ ] , "d" : { "e" :\r\n true } } '
    assert.same({ a = { 1, 2 }, b = {}, c = {}, d = { e = true } }, decodeOften(text))
  end)

  it("lets the last of equal keys win", function()
    assert.same({ a = 3, b = 2 }, decodeOften('{"a":1,"b":2,"a":3}'))
    assert.same({ a = 3 }, decodeOften('{"a":1,"\\u0061":3}'))
  end)

  it("tells keys apart that begin alike, and objects that go on differently", function()
    for _ = 1, 12 do
      assert.same({ price = 1, priceOpen = 2 }, json.decode('{"price":1,"priceOpen":2}'))
      assert.same({ price = 1, priceOpe = 2 }, json.decode('{"price":1,"priceOpe":2}'))
      assert.same({ price = 1 }, json.decode('{"price":1}'))
      assert.same({ priceOpen = 1, price = 2 }, json.decode('{"priceOpen":1,"price":2}'))
      assert.same({ [""] = 1 }, json.decode('{"":1}'))
      assert.same({}, json.decode("{}"))
    end
  end)

  it("reads keys of every length", function()
    for size = 0, 300 do
      local key = ("k"):rep(size)
      local other = key:gsub("k$", "x")
      for _ = 1, size < 70 and 8 or 1 do
        local value = json.decode('{"' .. key .. '":' .. size .. ',"tail of the object":"' .. key .. '"}')
        assert.equal(size, value[key])
        assert.equal(key, value["tail of the object"])
        if size > 0 then
          assert.equal(1, json.decode('{"' .. other .. '":1}')[other])
        end
      end
    end
  end)

  it("reads keys that are Lua words, quotes or line ends", function()
    local value = decodeOften('{"end":1,"a]]":2,"\\"":3,"\\\\":4,"\\n":5,"é":6,"\'":7,"--":8,"%d":9,"\\u0000":10}')
    assert.same({
      ["end"] = 1,
      ["a]]"] = 2,
      ['"'] = 3,
      ["\\"] = 4,
      ["\n"] = 5,
      ["é"] = 6,
      ["'"] = 7,
      ["--"] = 8,
      ["%d"] = 9,
      ["\0"] = 10,
    }, value)
    assert.same({ ["end"] = 1, ["a]]"] = 2, ["\127"] = 3 }, decodeOften('{"end":1,"a]]":2,"\127":3}'))
  end)

  it("reads objects with more keys than it remembers", function()
    for _, n in ipairs({ 47, 48, 49, 50, 200 }) do
      local expected, parts = {}, {}
      for i = 1, n do
        expected["key" .. i] = i
        parts[i] = ('"key%d":%d'):format(i, i)
      end
      assert.same(expected, decodeOften("{" .. table.concat(parts, ",") .. "}"))
    end
  end)

  it("marks arrays, and only arrays", function()
    local value = json.decode('{"empty":[],"full":[1],"none":{}}')
    assert.is_true(json.isArray(value.empty))
    assert.is_true(json.isArray(value.full))
    assert.is_false(json.isArray(value.none))
    assert.is_false(json.isArray(value))
    assert.is_false(json.isArray(nil))
    assert.is_false(json.isArray("x"))
    assert.is_false(json.isArray())
    assert.equal(getmetatable(value.empty), getmetatable(array()))
  end)

  it("reads arrays of every length", function()
    for n = 0, 140 do
      local items = {}
      for i = 1, n do
        items[i] = i * 0.5
      end
      assert.same(items, json.decode("[" .. table.concat(items, ",") .. "]"))
    end
  end)

  it("reads an array of 100,000 items", function()
    local items = {}
    for i = 1, 100000 do
      items[i] = i
    end
    local value = json.decode("[" .. table.concat(items, ",") .. "]")
    assert.equal(100000, #value)
    for i = 1, 100000 do
      assert(value[i] == i)
    end
  end)

  it("reads strings of every length, with quote, escape and letter at every place", function()
    for size = 0, 70 do
      local plain = ("x"):rep(size)
      assert.equal(plain, json.decode('"' .. plain .. '"'))
      for at = 0, size do
        local before, after = ("x"):rep(at), ("y"):rep(size - at)
        assert.equal(before .. "\n" .. after, json.decode('"' .. before .. "\\n" .. after .. '"'))
        assert.equal(before .. "é" .. after, json.decode('"' .. before .. "é" .. after .. '"'))
        refusesText(
          '"' .. before .. "\1" .. after .. '"',
          ("not JSON at byte %d: a string has a control character that is not escaped"):format(at + 1)
        )
        refusesText(
          '"' .. before .. "\200" .. after .. '"',
          ("not JSON at byte %d: invalid UTF-8"):format(at + 1)
        )
      end
    end
  end)

  it("reads every escape", function()
    assert.equal('"\\/\b\f\n\r\t', json.decode([["\"\\\/\b\f\n\r\t"]]))
    assert.equal("A\0é€😀", json.decode([["\u0041\u0000\u00e9\u20AC\ud83d\uDE00"]]))
    assert.equal("\239\191\191\244\143\191\191", json.decode([["\uffff\udbff\udfff"]]))
    assert.equal(("é"):rep(2000), json.decode('"' .. ([[\u00e9]]):rep(2000) .. '"'))
  end)

  it("reads a string of one megabyte", function()
    local text = ("0123456789abcdef"):rep(65536)
    assert.is_true(text == json.decode('"' .. text .. '"'))
    assert.is_true("\n" .. text == json.decode('"\\n' .. text .. '"'))
  end)

  it("reads numbers to the last bit", function()
    local cases = {
      ["0"] = 0,
      ["-0"] = -0.0,
      ["-0.0"] = -0.0,
      ["0.1"] = 0.1,
      ["1e2"] = 100,
      ["1E+2"] = 100,
      ["1.5e-3"] = 0.0015,
      ["49524.64"] = 49524.64,
      ["53169.496100000004"] = 53169.496100000004,
      ["0.30000000000000004"] = 0.30000000000000004,
      ["9007199254740991"] = 9007199254740991,
      ["9007199254740993"] = 9007199254740992,
      ["123456789012345678"] = 123456789012345680,
      ["999999999999999999"] = 1e18,
      ["18446744073709551616"] = 18446744073709551616,
      ["1.7976931348623157e308"] = 1.7976931348623157e308,
      ["5e-324"] = 5e-324,
      ["2.2250738585072011e-308"] = 2.2250738585072011e-308,
      ["0.000000000000000000000000000001"] = 1e-30,
      ["1e999"] = math.huge,
      ["-1e999"] = -math.huge,
      ["1e-999"] = 0,
      ["100000000000000000000000"] = 1e23,
      ["0.5000000000000000000000000000000000001"] = 0.5,
    }
    for text, number in pairs(cases) do
      assert.equal(bitsOf(number), bitsOf(json.decode(text)), text)
      assert.equal(bitsOf(number), bitsOf(json.decode("[" .. text .. "]")[1]), text)
    end
  end)

  it("allows 128 levels and refuses 129", function()
    for _, pair in ipairs({ { "[", "]" }, { '{"a":', "}" } }) do
      local open, close = unpack(pair)
      local inner = open == "[" and "[]" or "{}"
      local text = open:rep(127) .. inner .. close:rep(127)
      assert.equal(text, json.encode(json.decode(text)))
      local byte = #open * 128
      refusesText(open:rep(128) .. inner .. close:rep(128), ("not JSON at byte %d: nested too deep"):format(byte))
    end
    refusesText(("["):rep(1e6), "not JSON at byte 128: nested too deep")
  end)

  it("keeps wide objects at every depth", function()
    local function nest(depth)
      if depth == 0 then
        return "1"
      end
      local parts = {}
      for i = 1, 30 do
        parts[i] = ('"f%d":[%d,%d]'):format(i, i, depth)
      end
      return "{" .. table.concat(parts, ",") .. ',"in":' .. nest(depth - 1) .. "}"
    end
    local text = nest(100)
    for _ = 1, 8 do
      local value = json.decode(text)
      for depth = 100, 1, -1 do
        for i = 1, 30 do
          assert(value["f" .. i][1] == i and value["f" .. i][2] == depth)
        end
        value = value["in"]
      end
      assert.equal(1, value)
    end
  end)

  it("refuses text that is not JSON, and says where", function()
    local cases = {
      [""] = ": the text is empty",
      ["  "] = " at byte 2: the text ends where a value is expected",
      ["nul"] = " at byte 0: expected a value: '{', '[', '\"', a number, true, false or null",
      ["nulL"] = " at byte 0: expected a value: '{', '[', '\"', a number, true, false or null",
      ["tru"] = " at byte 0: expected a value: '{', '[', '\"', a number, true, false or null",
      ["fals"] = " at byte 0: expected a value: '{', '[', '\"', a number, true, false or null",
      ["True"] = " at byte 0: expected a value: '{', '[', '\"', a number, true, false or null",
      ["NaN"] = " at byte 0: JSON has no NaN; null is the usual stand-in",
      ["Infinity"] = " at byte 0: JSON has no Infinity; 1e999 reads as it",
      ["'a'"] = " at byte 0: strings are quoted by '\"'",
      ["+1"] = " at byte 0: a number has no '+' in front",
      [".5"] = " at byte 0: a number needs a digit before '.'",
      ["-"] = " at byte 1: expected a digit after '-'",
      ["-a"] = " at byte 1: expected a digit after '-'",
      ["1."] = " at byte 2: expected a digit after '.'",
      ["1.e5"] = " at byte 2: expected a digit after '.'",
      ["1e"] = " at byte 2: expected a digit in the exponent",
      ["1e+"] = " at byte 3: expected a digit in the exponent",
      ["-Infinity"] = " at byte 1: JSON has no Infinity; -1e999 reads as it",
      ["1 2"] = " at byte 2: text after the value",
      ["1,"] = " at byte 1: text after the value",
      ["null\0"] = " at byte 4: a NUL after the value",
      ["0x10"] = " at byte 1: text after the value",
      ["{"] = " at byte 1: the text ends inside an object",
      ["{,}"] = " at byte 1: expected a key in '\"'",
      ["{a:1}"] = " at byte 1: expected a key in '\"'",
      ["{1:1}"] = " at byte 1: expected a key in '\"'",
      ['{"a"}'] = " at byte 4: expected ':'",
      ['{"a"'] = " at byte 4: the text ends inside an object",
      ['{"a":'] = " at byte 5: the text ends where a value is expected",
      ['{"a":}'] = " at byte 5: expected a value",
      ['{"a":1'] = " at byte 6: the text ends inside an object",
      ['{"a":1,'] = " at byte 7: the text ends inside an object",
      ['{"a":1,}'] = " at byte 7: expected a key in '\"'",
      ['{"a":1 "b":2}'] = " at byte 7: expected ',' or '}'",
      ['{"a":1]'] = " at byte 6: expected ',' or '}'",
      ['{"a\\x":1}'] = " at byte 3: a string has an unknown escape",
      ['{"a\255":1}'] = " at byte 3: invalid UTF-8",
      ["["] = " at byte 1: the text ends where a value is expected",
      ["[1"] = " at byte 2: the text ends inside an array",
      ["[1,"] = " at byte 3: the text ends where a value is expected",
      ["[1,]"] = " at byte 3: expected a value",
      ["[,1]"] = " at byte 1: expected a value",
      ["[1 2]"] = " at byte 3: expected ',' or ']'",
      ["[1}"] = " at byte 2: expected ',' or ']'",
      ["]"] = " at byte 0: expected a value",
      ['"'] = " at byte 1: the text ends inside a string",
      ['"abc'] = " at byte 4: the text ends inside a string",
      ['"abc\\'] = " at byte 5: the text ends inside a string",
      ['"abc\\"'] = " at byte 6: the text ends inside a string",
      ['"a\nb"'] = " at byte 2: a string has a control character that is not escaped",
      ['"a\0b"'] = " at byte 2: a string has a control character that is not escaped",
      ['"\\a"'] = " at byte 1: a string has an unknown escape",
      ['"\\\n"'] = " at byte 1: a string has an unknown escape",
      ['"\\é"'] = " at byte 1: a string has an unknown escape",
      ['"\\u12"'] = " at byte 1: \\u needs four hexadecimal digits",
      ['"\\u12G4"'] = " at byte 1: \\u needs four hexadecimal digits",
      ['"x\\ud800"'] = " at byte 2: a string has a lone surrogate",
      ['"\\udc00"'] = " at byte 1: a string has a lone surrogate",
      ['"\\ud800\\ud800"'] = " at byte 1: a string has a lone surrogate",
      ['"\\ud800\\n12345"'] = " at byte 1: a string has a lone surrogate",
      ['"\\ud800\\u0041"'] = " at byte 1: a string has a lone surrogate",
      ['"\192\128"'] = " at byte 1: invalid UTF-8",
      ['"\237\160\128"'] = " at byte 1: invalid UTF-8",
      ['"\244\144\128\128"'] = " at byte 1: invalid UTF-8",
      ['"a\195"'] = " at byte 2: invalid UTF-8",
      ["\239\187\1911"] = " at byte 0: a byte order mark does not belong to JSON",
    }
    for text, message in pairs(cases) do
      refusesText(text, "not JSON" .. message)
    end
    for _, text in ipairs({ "01", "-01", "00", "0123.5", "1.5.5", "1e5.5", "--1", "1-", "0e", "[01]", "[-]", "[1e]" }) do
      assert.is_false(pcall(json.decode, text), text)
    end
  end)

  it("refuses every beginning of a text", function()
    local text = '{"id":"a\\u00e9","n":[-1.5e3,true,false,null,{}],"o":{"deep":["é"]},"priceTakeProfit":12}'
    for _ = 1, 10 do
      for size = 0, #text - 1 do
        assert.is_false(pcall(json.decode, text:sub(1, size)), text:sub(1, size))
      end
      assert.is_table(json.decode(text))
    end
  end)

  it("refuses what is not a string", function()
    local ok, err = pcall(json.decode, 12)
    assert.is_false(ok)
    assert.equal("invalid_argument", err.code)
    assert.equal("decode needs a string, got number", err.message)
    ok, err = pcall(json.decode)
    assert.is_false(ok)
    assert.equal("decode needs a string, got nothing", err.message)
  end)
end)

describe("json.encode", function()
  it("writes the literals", function()
    assert.equal("true", json.encode(true))
    assert.equal("false", json.encode(false))
    assert.equal("null", json.encode(null))
    assert.equal("[null,true]", json.encode({ null, true }))
    assert.equal(null, holdfast.null)
  end)

  it("tells empty arrays from empty objects", function()
    assert.equal("{}", json.encode({}))
    assert.equal("[]", json.encode(array({})))
    assert.equal("[]", json.encode(array()))
    assert.equal('{"a":[]}', json.encode({ a = array() }))
    for _, text in ipairs({ "[]", "{}", "[[],{},[[]]]", '{"a":[{"b":[]}]}' }) do
      assert.equal(text, json.encode(decodeOften(text)))
    end
  end)

  it("writes an array whose keys came in any order", function()
    local value = {}
    for i = 50, 1, -1 do
      value[i] = i
    end
    local expected = {}
    for i = 1, 50 do
      expected[i] = tostring(i)
    end
    assert.equal("[" .. table.concat(expected, ",") .. "]", json.encode(value))
    assert.equal('[1,{"a":[2,1]}]', json.encode({ [2] = { a = { [2] = 1, [1] = 2 } }, [1] = 1 }))
    local shrunk = { 1, 2, 3, 4, 5 }
    shrunk[5], shrunk[4] = nil, nil
    assert.equal("[1,2,3]", json.encode(shrunk))
    shrunk.x = 1
    shrunk.x = nil
    assert.equal("[1,2,3]", json.encode(shrunk))
  end)

  it("writes one key of every length, and again", function()
    for size = 0, 120 do
      local key = ("k"):rep(size)
      for _ = 1, 3 do
        assert.equal('{"' .. key .. '":1}', json.encode({ [key] = 1 }))
      end
    end
  end)

  it("writes strings of every length, with escapes and letters at every place", function()
    for size = 0, 70 do
      local plain = ("x"):rep(size)
      assert.equal('"' .. plain .. '"', json.encode(plain))
      for at = 0, size do
        local before, after = ("x"):rep(at), ("y"):rep(size - at)
        assert.equal('"' .. before .. "\\n" .. after .. '"', json.encode(before .. "\n" .. after))
        assert.equal('"' .. before .. '\\"' .. after .. '"', json.encode(before .. '"' .. after))
        assert.equal('"' .. before .. "\\\\" .. after .. '"', json.encode(before .. "\\" .. after))
        assert.equal('"' .. before .. "\\u0000" .. after .. '"', json.encode(before .. "\0" .. after))
        assert.equal('"' .. before .. "é" .. after .. '"', json.encode(before .. "é" .. after))
        refuses(before .. "\255" .. after, "cannot store a string that is not valid UTF-8")
      end
    end
  end)

  it("escapes as JSON.stringify does", function()
    assert.equal([["\"\\/\b\f\n\r\t\u0001\u001f]] .. "\127é\226\128\168😀" .. '"', json.encode('"\\/\b\f\n\r\t\1\31\127é\226\128\168😀'))
    assert.equal([[{"a\nb\"\u0000":1}]], json.encode({ ['a\nb"\0'] = 1 }))
  end)

  it("writes numbers as JavaScript does", function()
    local cases = {
      { 0, "0" },
      { -0.0, "-0" },
      { 1, "1" },
      { -1, "-1" },
      { 9, "9" },
      { 10, "10" },
      { 99, "99" },
      { 100, "100" },
      { 1707888780000, "1707888780000" },
      { 99999999, "99999999" },
      { 100000000, "100000000" },
      { 1000000007, "1000000007" },
      { 999999999999999, "999999999999999" },
      { 1e15, "1000000000000000" },
      { 9007199254740992, "9007199254740992" },
      { 1e20, "100000000000000000000" },
      { 1e21, "1e+21" },
      { -1e21, "-1e+21" },
      { 0.1, "0.1" },
      { 0.5, "0.5" },
      { 0.05, "0.05" },
      { 0.01, "0.01" },
      { 0.001, "0.001" },
      { -0.25, "-0.25" },
      { 49524.64, "49524.64" },
      { -49524.6, "-49524.6" },
      { 51010.3792, "51010.3792" },
      { 53169.496100000004, "53169.496100000004" },
      { 0.30000000000000004, "0.30000000000000004" },
      { 1.12345678, "1.12345678" },
      { 1.00000001, "1.00000001" },
      { 0.00000123, "0.00000123" },
      { 0.000001, "0.000001" },
      { 0.0000001, "1e-7" },
      { 1.5e-9, "1.5e-9" },
      { 123456789012.25, "123456789012.25" },
      { 9999999999999.99, "9999999999999.99" },
      { 99999999999999.98, "99999999999999.98" },
      { 999999999999999.9, "999999999999999.9" },
      { 5e-324, "5e-324" },
      { 1.7976931348623157e308, "1.7976931348623157e+308" },
      { math.huge, "1e999" },
      { -math.huge, "-1e999" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], json.encode(case[1]))
      assert.equal(bitsOf(case[1]), bitsOf(json.decode(case[2])))
      assert.equal("[" .. case[2] .. "]", json.encode({ case[1] }))
    end
  end)

  it("ignores metamethods", function()
    local calls = 0
    local function count()
      calls = calls + 1
      return 1
    end
    local value = setmetatable({ a = 1 }, { __index = count, __pairs = count, __len = count, __tostring = count })
    assert.equal('{"a":1}', json.encode(value))
    assert.equal("{}", json.encode(setmetatable({}, { __index = { a = 1 } })))
    assert.equal("[1]", json.encode(setmetatable({ 1 }, { __index = count })))
    assert.equal(0, calls)
  end)

  it("refuses what JSON cannot hold, with the path to it", function()
    local ffi = require("ffi")
    local co = coroutine.create(print)
    refuses(0 / 0, "cannot store NaN")
    refuses(nil, "cannot store nil")
    refuses(print, "cannot store a function")
    refuses(co, "cannot store a coroutine")
    refuses(io.stdout, "cannot store a userdata")
    refuses(1LL, "cannot store cdata (tonumber() makes a number of a 64-bit integer)")
    refuses({ n = 1ULL }, "cannot store cdata at n (tonumber() makes a number of a 64-bit integer)")
    refuses({ ffi.new("int[1]") }, "cannot store cdata at [1] (tonumber() makes a number of a 64-bit integer)")
    refuses({ metadata = { prices = { 1, 2, 0 / 0 } } }, "cannot store NaN at metadata.prices[3]")
    refuses({ callbacks = { onTick = print } }, "cannot store a function at callbacks.onTick")
    refuses({ { { print } } }, "cannot store a function at [1][1][1]")
    refuses({ ["odd key"] = print }, 'cannot store a function at ["odd key"]')
    refuses({ a = { ["1st"] = print } }, 'cannot store a function at a["1st"]')
    refuses({ a = { [""] = print } }, 'cannot store a function at a[""]')
    refuses({ a = { ['"\\\n\127é'] = print } }, 'cannot store a function at a["\\"\\\\\\x0A\\x7Fé"]')
    refuses({ _a1 = { print } }, "cannot store a function at _a1[1]")
    refuses({ note = "a\255" }, "cannot store a string that is not valid UTF-8 at note")
    refuses({ x = { ["a\255"] = 1 } }, "cannot store a key that is not valid UTF-8 at x")
    refuses({ ["a\255"] = 1 }, "cannot store a key that is not valid UTF-8")
    refuses({ x = { a = 1, 2 } }, "cannot store a table with both string and number keys at x")
    refuses({ x = { a = 1, [7] = 2 } }, "cannot store a table with both string and number keys at x")
    refuses({ x = { 1, nil, 3 } }, "cannot store a sparse array at x: index 2 is missing")
    refuses({ x = { [2] = 1 } }, "cannot store a sparse array at x: index 1 is missing")
    refuses({ [1e9] = 1 }, "cannot store a sparse array: index 1 is missing")
    refuses({ x = { [1.5] = 1 } }, "cannot store the number 1.5 as a key at x")
    refuses({ x = { [0] = 1, [1] = 2 } }, "cannot store the number 0 as a key at x")
    refuses({ x = { [-1] = 1 } }, "cannot store the number -1 as a key at x")
    refuses({ x = { [math.huge] = 1 } }, "cannot store the number 1e999 as a key at x")
    refuses({ x = { [true] = 1 } }, "cannot store a boolean as a key at x")
    refuses({ x = { a = 1, [true] = 1 } }, "cannot store a boolean as a key at x")
    refuses({ x = { 1, 2, [true] = 1 } }, "cannot store a boolean as a key at x")
    refuses({ [{}] = 1 }, "cannot store a table as a key")
    refuses({ [print] = 1 }, "cannot store a function as a key")
    refuses({ [null] = 1 }, "cannot store a userdata as a key")
    refuses({ [1LL] = 1 }, "cannot store cdata as a key")
    refuses({ x = array({ 1, nil, 3 }) }, "cannot store a sparse array at x: index 2 is missing")
    refuses({ x = array({ a = 1 }) }, "cannot store an array with string keys at x")
    refuses({ x = array({ 1, a = 1 }) }, "cannot store an array with string keys at x")
  end)

  it("finds the wrong item also where keys come in any order", function()
    local value = {}
    for i = 20, 1, -1 do
      value[i] = { i }
    end
    value[13] = { 1, 2, print }
    refuses({ list = value }, "cannot store a function at list[13][3]")
  end)

  it("recognises cycles", function()
    local value = { a = {} }
    value.a.b = value
    refuses(value, "cannot store a cycle at a.b: it is the same table as the whole value")
    value.a.b = value.a
    refuses(value, "cannot store a cycle at a.b: it is the same table as a")
    value = { list = { {}, {} } }
    value.list[2].up = value.list
    refuses(value, "cannot store a cycle at list[2].up: it is the same table as list")
    local shared = { 1 }
    assert.equal("[[1],[1]]", json.encode({ shared, shared }))
  end)

  it("allows 128 levels and refuses 129", function()
    local value = array()
    for _ = 1, 127 do
      value = { value }
    end
    assert.equal(("["):rep(128) .. ("]"):rep(128), json.encode(value))
    refuses({ value }, "cannot store more than 128 nested tables at " .. ("[1]"):rep(128))
    local ok, err = pcall(json.encode, { list = { very_long_name_of_a_key = { { value } } } })
    assert.is_false(ok)
    assert.equal("cannot store more than 128 nested tables at list.very_long_name_of_a_key[1][1]", err.message:sub(1, 78))
    value = { ("x"):rep(300) }
    for _ = 1, 140 do
      value = { [("k"):rep(30)] = value }
    end
    ok, err = pcall(json.encode, value)
    assert.is_false(ok)
    assert.equal("...", err.message:sub(-3))
    assert.is_true(#err.message < 1024)
  end)

  it("works again after a refusal", function()
    for _ = 1, 100 do
      pcall(json.encode, { a = { b = { print } } })
      assert.equal('{"a":1}', json.encode({ a = 1 }))
    end
  end)

  it("needs a value", function()
    local ok, err = pcall(json.encode)
    assert.is_false(ok)
    assert.equal("encode needs a value, got nothing", err.message)
  end)

  it("writes texts of every size around those of its buffers", function()
    for _, size in ipairs({ 300, 500, 511, 512, 1023, 2040, 2046, 2047, 2048, 4096, 70000, 1048576 }) do
      for more = 0, 3 do
        local text = ("z"):rep(size + more)
        assert.is_true('"' .. text .. '"' == json.encode(text))
        assert.is_true(text == json.decode(json.encode({ text }))[1])
        assert.is_true('{"é\\n' .. text .. '":true}' == json.encode({ ["é\n" .. text] = true }))
      end
    end
    local controls = ("\1"):rep(100000)
    assert.is_true(controls == json.decode(json.encode(controls)))
  end)
end)

describe("json.array", function()
  it("marks the table that it is given", function()
    local value = {}
    assert.equal(value, array(value))
    assert.equal(value, array(value))
    assert.is_true(json.isArray(value))
    assert.equal(json.array, holdfast.array)
  end)

  it("refuses what it cannot mark", function()
    local function fails(message, ...)
      local ok, err = pcall(array, ...)
      assert.is_false(ok)
      assert.equal("invalid_argument", err.code)
      assert.equal(message, err.message)
    end
    fails("array needs a table, got nil", nil)
    fails("array needs a table, got string", "x")
    fails("array needs a table without a metatable of its own, got table", setmetatable({}, {}))
  end)
end)

describe("the codec's memory", function()
  it("keeps 100,000 different keys apart", function()
    for round = 1, 2 do
      for i = 1, 100000 do
        local key = "key" .. i
        local text = '{"' .. key .. '":' .. i .. "}"
        local value = json.decode(text)
        assert(value[key] == i and next(value, key) == nil, round)
        assert(json.encode(value) == text)
      end
    end
  end)

  it("keeps many shapes apart, and goes on learning", function()
    local names = {}
    for i = 1, 40 do
      names[i] = "field" .. i
    end
    local seed = 7
    local function random(n)
      seed = (seed * 16807) % 2147483647
      return seed % n + 1
    end
    for _ = 1, 70000 do
      local parts, expected = {}, {}
      for i = 1, random(6) do
        local name = names[random(40)]
        parts[i] = '"' .. name .. '":' .. i
        expected[name] = i
      end
      local value = json.decode("{" .. table.concat(parts, ",") .. "}")
      for k, v in pairs(expected) do
        assert(value[k] == v)
      end
      for k in pairs(value) do
        assert(expected[k])
      end
    end
    assert.same({ a = { b = 1 } }, decodeOften('{"a":{"b":1}}'))
  end)

  it("survives a collector that never rests", function()
    local text = '{"id":"x\\n","list":[1,2,{"a":[]}],"o":{"p":"q","r":1.25}}'
    withRestlessCollector(function()
      for i = 1, 20 do
        local value = json.decode((text:gsub("x", "x" .. i)))
        assert(value.id == "x" .. i .. "\n" and value.list[3].a and value.o.r == 1.25)
        local again = json.decode(json.encode(value))
        assert(again.id == value.id and json.isArray(again.list[3].a))
        local other = json.decode('{"k' .. i .. '":"' .. i .. '"}')
        assert(other["k" .. i] == tostring(i))
      end
    end)
  end)

  it("can be used by finalizers in the middle of its work", function()
    local runs, wrong = 0, 0
    local function plant()
      local proxy = newproxy(true)
      getmetatable(proxy).__gc = function()
        runs = runs + 1
        local key = "g" .. runs
        local text = '{"' .. key .. '":["\\n' .. ("y"):rep(3000) .. '"]}'
        if json.encode(json.decode(text)) ~= text then
          wrong = wrong + 1
        end
      end
    end
    local big = ("w"):rep(5000)
    for i = 1, 3000 do
      plant()
      local text = '{"a":"' .. i .. '","b' .. i % 50 .. '":[{"c":"' .. big .. '"},{"d":"\\n' .. big .. '"}]}'
      local value = json.decode(text)
      assert(value.a == tostring(i) and value["b" .. i % 50][1].c == big and value["b" .. i % 50][2].d == "\n" .. big)
      local again = json.decode(json.encode(value))
      assert(again.a == value.a and again["b" .. i % 50][2].d == "\n" .. big)
    end
    collectgarbage()
    assert.is_true(runs > 2000)
    assert.equal(0, wrong)
  end)

  it("is not disturbed by a finalizer between writing a text and making the string", function()
    local during, calling = 0, false
    withRestlessCollector(function()
      for _, size in ipairs({ 10, 1000, 5000 }) do
        local value, other = { ("a"):rep(size) }, { ("b"):rep(size * 2) }
        local source, plain = '"' .. ("\\n"):rep(size) .. '"', ("\n"):rep(size)
        local function plant()
          getmetatable(newproxy(true)).__gc = function()
            during = during + (calling and 1 or 0)
            json.encode(other)
            json.decode('["\\t' .. other[1] .. '"]')
          end
        end
        for _ = 1, 3 do
          plant() -- dead at once: the next allocation, in the middle of the call, runs its finalizer
          calling = true
          local text = json.encode(value)
          calling = false
          assert(text == '["' .. value[1] .. '"]', "encode")
          plant()
          calling = true
          local decoded = json.decode(source)
          calling = false
          assert(decoded == plain, "decode")
        end
      end
    end)
    assert.is_true(during >= 9)
  end)

  it("is shared by coroutines", function()
    local routines = {}
    for i = 1, 20 do
      routines[i] = coroutine.wrap(function()
        for k = 1, 50 do
          coroutine.yield(json.encode(json.decode('{"a' .. i .. '":[' .. k .. "]}")))
        end
      end)
    end
    for k = 1, 50 do
      for i = 1, 20 do
        assert.equal('{"a' .. i .. '":[' .. k .. "]}", routines[i]())
      end
    end
  end)

  it("does not grow with use", function()
    local text = '{"id":"x","list":[1,2,3],"o":{"p":"q"}}'
    local function work()
      for i = 1, 20000 do
        json.encode(json.decode(text:gsub("x", i .. "", 1)))
        pcall(json.decode, '{"a":[1,2,{"b":')
        pcall(json.encode, { { { 0 / 0 } } })
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    work()
    local before = work()
    assert.is_true(work() - before < 32)
  end)
end)
