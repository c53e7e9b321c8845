-- SPDX-License-Identifier: MIT
--
-- What condition.lua and indexes.lua of the MongoDB backend take for granted of a server: of each operator, which
-- documents fit.  Where HOLDFAST_TEST_MONGO names a server that is asked, and otherwise the stand-in, which has to be
-- as strict as this page: what it finds is what all other specs of the backend are judged by.
--
-- The rules are those of MongoDB's manual, and of the server's own tests where the manual is silent (backends/mongo's
-- README has which).

local mongo = require "support.mongo"

local db = mongo.forSpec()
if not db then return end

-- Each value at `a`, by a name.
local DOCUMENTS = [=[
D, I = bson.Decimal128, bson.Int64
documents = {
  "none": {}, "null": {"a": None}, "true": {"a": True}, "false": {"a": False}, "zero": {"a": 0}, "-0": {"a": -0.0},
  "one": {"a": 1}, "five": {"a": 5}, "5.0": {"a": 5.0}, "long5": {"a": I(5)}, "dec5": {"a": D("5")},
  "nan": {"a": float("nan")}, "decnan": {"a": D("NaN")}, "inf": {"a": float("inf")}, "-inf": {"a": float("-inf")},
  "2^53": {"a": I(2**53)}, "2^53+1": {"a": I(2**53 + 1)}, "empty": {"a": ""}, "text5": {"a": "5"},
  "abc": {"a": "abc"}, "B": {"a": "B"}, "e-acute": {"a": "\u00e9"}, "code": {"a": bson.Code("abc")},
  "date": {"a": datetime.datetime(2024, 2, 7)}, "max": {"a": bson.MaxKey()},
  "object": {"a": {}}, "b": {"a": {"b": 5}}, "bnull": {"a": {"b": None}},
  "[]": {"a": []}, "[5]": {"a": [5]}, "[1,abc]": {"a": [1, "abc"]}, "[null]": {"a": [None]}, "[[5]]": {"a": [[5]]},
  "[{}]": {"a": [{}]}, "[b5]": {"a": [{"b": 5}]}, "[b5,b6]": {"a": [{"b": 5}, {"b": 6}]},
  "[b5,{}]": {"a": [{"b": 5}, {}]},
  "b[5]": {"a": {"b": [5]}}, "[5,{}]": {"a": [5, {}]},
}
for name, document in documents.items():
    db.operators.insert_one({"_id": name, **document})
]=]

local NUMBERS = "zero -0 one five 5.0 long5 dec5 inf -inf 2^53 2^53+1 [5] [1,abc] [5,{}]"

-- {query, the names of what fits it}
local QUERIES = {
  -- equality: all kinds of numbers are compared with each other, and each element of an array counts
  { '{"a": 5}', "five 5.0 long5 dec5 [5] [5,{}]" },
  { '{"a": {"$eq": "abc"}}', "abc [1,abc]" },
  { '{"a": {"$eq": 0}}', "zero -0" },
  { '{"a": 2**53}', "2^53" },
  { '{"a": True}', "true" },
  { '{"a": None}', "none null [null]" },
  { '{"a": float("nan")}', "nan decnan" },
  { '{"a.b": 5}', "b [b5] [b5,b6] [b5,{}] b[5]" },
  -- what is missing is null, also in a value that is no document, but not in an array without documents
  { '{"a.b": None}',
    "none null true false zero -0 one five 5.0 long5 dec5 nan decnan inf -inf 2^53 2^53+1 empty text5 abc "
    .. "B e-acute code date max object bnull [{}] [b5,{}] [5,{}]" },
  { '{"a.b": None, "a": {"$type": ["bool", "number", "string"]}}',
    "true false zero -0 one five 5.0 long5 dec5 nan decnan "
    .. "inf -inf 2^53 2^53+1 empty text5 abc B e-acute [5,{}]" },
  -- comparisons: within one type; NaN is neither less nor greater
  { '{"a": {"$gt": 5}}', "inf 2^53 2^53+1" },
  { '{"a": {"$gte": 5}}', "five 5.0 long5 dec5 inf 2^53 2^53+1 [5] [5,{}]" },
  { '{"a": {"$lt": 1}}', "zero -0 -inf" },
  { '{"a": {"$lte": 1}}', "zero -0 one -inf [1,abc]" },
  { '{"a": {"$gt": 2**53}}', "inf 2^53+1" },
  { '{"a": {"$gte": -1.7976931348623157e308}}', (NUMBERS:gsub(" %-inf", "")) },
  { '{"a": {"$gte": float("-inf")}}', NUMBERS },
  { '{"a": {"$gte": ""}}', "empty text5 abc B e-acute [1,abc]" },
  { '{"a": {"$lt": "a"}}', "empty text5 B" },
  { '{"a": {"$gt": "b"}}', "e-acute" },
  { '{"a": {"$gte": 5, "$lte": 5}}', "five 5.0 long5 dec5 [5] [5,{}]" },
  -- negations: nothing there fits
  { '{"a": {"$ne": None}, "a.b": {"$exists": False}}', "true false zero -0 one five 5.0 long5 dec5 nan decnan inf -inf "
    .. "2^53 2^53+1 empty text5 abc B e-acute code date max object [] [5] [1,abc] [[5]] [{}] [5,{}]" },
  { '{"a": {"$not": {"$type": "object"}}, "a.b": {"$ne": None}}', "[] [5] [1,abc] [null] [[5]]" },
  { '{"a": {"$ne": 5, "$type": "number"}}', "zero -0 one nan decnan inf -inf 2^53 2^53+1 [1,abc]" },
  { '{"a": {"$not": {"$gte": ""}, "$type": "string"}}', "" },
  { '{"a": {"$not": {"$gte": -1.7976931348623157e308}, "$type": "number"}}', "nan decnan -inf" },
  -- $exists
  { '{"a": {"$exists": False}}', "none" },
  { '{"a.b": {"$exists": True}}', "b bnull [b5] [b5,b6] [b5,{}] b[5]" },
  -- $type: of the value, or of an element
  { '{"a": {"$type": "array"}}', "[] [5] [1,abc] [null] [[5]] [{}] [b5] [b5,b6] [b5,{}] [5,{}]" },
  { '{"a": {"$type": ["array", "decimal"]}}',
    "dec5 decnan [] [5] [1,abc] [null] [[5]] [{}] [b5] [b5,b6] [b5,{}] [5,{}]" },
  { '{"a": {"$type": "number"}}', NUMBERS .. " nan decnan" },
  { '{"a": {"$type": "string"}}', "empty text5 abc B e-acute [1,abc]" },
  { '{"a": {"$type": "bool"}}', "true false" },
  { '{"a": {"$type": "object"}}', "object b bnull [{}] [b5] [b5,b6] [b5,{}] b[5] [5,{}]" },
  { '{"a": {"$type": ["javascript", "date"]}}', "code date" },
  { '{"a": {"$type": "double", "$not": {"$gte": -1.7976931348623157e308}}}', "nan -inf" },
  -- $regex: texts alone
  { '{"a": {"$regex": "b"}}', "abc [1,abc]" },
  { '{"a": {"$regex": "^b"}}', "" },
  { '{"a": {"$regex": "^a\\\\.c"}}', "" },
  { '{"a": {"$regex": "^\\u00e9"}}', "e-acute" },
  -- both, either, neither
  { '{"$and": [{"a": {"$gte": 5}}, {"$or": [{"a": "abc"}, {"a": 5}]}]}', "five 5.0 long5 dec5 [5] [5,{}]" },
  { '{"$nor": [{}]}', "" },
}

local function sorted(words)
  local out = {}
  for word in words:gmatch "%S+" do out[#out + 1] = word end
  table.sort(out)
  return table.concat(out, " ")
end

describe("an operator of MongoDB", function()
  local found = {}

  setup(function()
    local asked = { DOCUMENTS }
    for i, query in ipairs(QUERIES) do
      asked[i + 1] = ('print(*(d["_id"] for d in db.operators.find(%s)))'):format(query[1])
    end
    for line in (db:python(table.concat(asked, "\n")) .. "\n"):gmatch "(.-)\n" do found[#found + 1] = line end
  end)

  for number, query in ipairs(QUERIES) do
    it("finds what it is used for by " .. query[1], function()
      assert.equal(sorted(query[2]), sorted(found[number]))
    end)
  end
end)
