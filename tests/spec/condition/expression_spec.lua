-- SPDX-License-Identifier: MIT
--
-- Conditions of expression tables, as core.condition makes them: what each operator answers, and what is refused.

local condition = require("holdfast.core").condition
local holdfast = require "holdfast"
local raises = require "support.raises"

local A, B = { "path", "v", "a" }, { "path", "v", "b" }

local function const(value) return { "const", value } end

-- The answers to an expression for some documents.
local function answers(expression, ...)
  local made, list = condition.new(expression), {}
  for i, text in ipairs { ... } do list[i] = condition.test(made, "the id", text) end
  return table.concat(list, " ")
end

describe("an expression table", function()
  it("answers by each operator", function()
    for _, row in ipairs {
      { "no yes", { "==", A, const(1) } }, { "yes no", { "~=", A, const(1) } },
      { "yes no", { "==", A, const() } }, { "yes no", { "not", A } }, { "no yes", { "and", A, const(true) } },
      { "yes yes", { "or", A, const(0) } }, { "yes no", { "if", A, const(false), const(true) } },
      { "raises no", { "<", A, const(1) } }, { "raises yes", { "<=", A, const(1) } },
      { "raises no", { ">", A, const(1) } }, { "raises yes", { ">=", A, const(1) } },
      { "raises yes", { "==", { "+", A, B }, const(3) } }, { "raises yes", { "==", { "-", A, B }, const(-1) } },
      { "raises yes", { "==", { "*", A, B }, const(2) } }, { "raises yes", { "==", { "/", A, B }, const(0.5) } },
      { "raises yes", { "==", { "%", A, B }, const(1) } }, { "raises yes", { "==", { "neg", A }, const(-1) } },
      { "no yes", { "==", { "type", A }, const "number" } }, { "ask ask", { "unknown", "why" } },
      { "yes yes", { "==", { "path", "id" }, const "the id" } },
    } do
      assert.same(row[1], answers(row[2], "{}", '{"a":1,"b":2}'), row[2][1])
    end
    for _, row in ipairs {
      { "yes no", { "==", { "len", A }, const(3) } }, { "yes no", { "find", A, const "ab" } },
      { "yes no", { "==", { "sub", A, const(2), const(2) }, const "a" } }, { "yes no", { "begins", A, const "a" } },
      { "no yes", { "ends", A, const "x" } }, { "yes no", { "is", A, const "aab" } },
    } do
      assert.same(row[1], answers(row[2], '{"a":"aab"}', '{"a":"bx"}'), row[2][1])
    end
  end)

  it("is made once for each table in it", function()
    -- 2^40 nodes, if each place had its own.
    local node = { "==", A, const(1) }
    for _ = 1, 40 do node = { "and", node, node } end
    assert.same("no yes", answers(node, '{"a":2}', '{"a":1}'))
  end)

  it("has parameters, unknown until they are set", function()
    local made = condition.new { "==", A, { "param", 1 } }
    local function answer() return (condition.test(made, "x", '{"a":"t"}')) end
    assert.same("ask", answer())
    condition.set(made, 1, "t")
    assert.same("yes", answer())
    condition.set(made, 1, holdfast.null)
    assert.same("no", answer())
    condition.set(made, 1, nil)
    assert.same("no", answer())
    condition.set(made, 1, {})
    assert.same("ask", answer())
    condition.set(made, 1, true)
    assert.same("no", answer())
  end)

  it("says why it does not know", function()
    local made = condition.new { "==", { "path", "v", "a", "b" }, const(1) }
    local answer, reason = condition.test(made, "x", "{}")
    assert.same("raises", answer)
    assert.truthy(reason:find("index", 1, true), reason)
  end)

  it("is useless where it never says no", function()
    assert.is_true(condition.isUseless(condition.new { "unknown", "why" }))
    assert.is_false(condition.isUseless(condition.new(A)))
  end)
end)

describe("what is no expression", function()
  local function refuses(expression, text)
    local err = raises.error("invalid_argument", nil, condition.new, expression)
    assert.truthy(err.message:find(text, 1, true), err.message)
  end

  it("is refused, and told apart", function()
    refuses(5, "an expression table, not a number")
    refuses({}, "no operator ''")
    refuses({ "xor", A, B }, "no operator 'xor'")
    refuses({ "==", A }, "a table, not a nil")
    refuses({ "not", "x" }, "a table, not a string")
    refuses({ "const", {} }, "a table for a constant")
    refuses({ "param", 0 }, "from 1 to 64")
    refuses({ "param", 65 }, "from 1 to 64")
    refuses({ "param", 1.5 }, "from 1 to 64")
    refuses({ "path", "w" }, 'begins with "v" or "id"')
    refuses({ "path", "v", true }, "not a boolean")
    refuses({ "path", "v", 0 }, "a place from 1 on")
    refuses({ "path", "v", 1.5 }, "a place from 1 on")
    refuses({ "path", "v", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17 }, "at most 16 steps")
  end)

  it("is refused when it is itself in itself, or too large", function()
    local circle = { "not" }
    circle[2] = circle
    refuses(circle, "in each other")
    local node = const(1)
    for i = 1, 5000 do node = { "==", node, const(i) } end
    refuses(node, "in each other")
    local wide = { "not", A }
    local function tree(depth)
      if depth == 0 then return { "not", A } end
      return { "and", tree(depth - 1), tree(depth - 1) }
    end
    wide = { "and", wide, tree(12) }
    refuses(wide, "more than 4096 nodes")
  end)

  it("is no condition for the others", function()
    for _, value in pairs { 1, io.stdout, holdfast.null } do
      local err = raises.error("invalid_argument", nil, condition.test, value, "x", "{}")
      assert.truthy(err.message:find("takes a condition", 1, true), err.message)
    end
    raises.error("invalid_argument", nil, condition.set, condition.new(A), 0, 1)
    raises.error("invalid_argument", nil, condition.set, condition.new(A), 65, 1)
    raises.error("invalid_value", nil, condition.test, condition.new(A), "x", "{")
  end)
end)
