-- SPDX-License-Identifier: MIT
--
-- The adapters of tests/conformance, right ones and broken ones, and what the kit says of them.

local process = require "support.process"
local temp = require "support.temp"

local M = { folder = (os.getenv("HOLDFAST_SOURCE") or ".") .. "/tests/conformance/" }

--- Names of the adapters in a folder of tests/conformance.
function M.files(name)
  local found, listed = {}, process.shell("ls " .. temp.quote(M.folder .. name)).stdout
  for line in listed:gmatch("[^\n]+") do found[#found + 1] = line end
  return found
end

--- The results of the checks that failed.
function M.failures(report)
  local found = {}
  for _, result in ipairs(report.results) do
    if result.status == "failed" then found[#found + 1] = result end
  end
  return found
end

--- What a failure says, in one line.
function M.describeFailure(result)
  return table.concat({ result.name, result.message or "", result.expected or "", result.got or "" }, " | ")
end

return M
