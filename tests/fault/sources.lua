-- SPDX-License-Identifier: MIT
--
-- Which sources a run is of.  Documents and the record of earlier runs change nothing that is tested, so the commit is
-- the newest one that changed anything else: results hold on when only those are committed.

local M = {}

local TESTED = "-- . ':(exclude,glob)**/*.md' ':(exclude)tests/fault/record.tsv'"

-- What a command prints, run in the folder; nil if it fails.
local function ask(folder, command)
  local where = folder:gsub("'", "'\\''")
  local pipe = assert(io.popen(("cd '%s' && { %s; } 2>/dev/null && echo ok"):format(where, command)))
  local text = pipe:read("*a")
  pipe:close()
  return text:match("^(.-)\n?ok\n$")
end

---@class FaultSources
---@field commit string?  its short name; nil where this is no git checkout
---@field isChanged boolean  they differ from the commit
---@field state string  one for each content

--- Those in this folder.
---@param folder string
---@return FaultSources
function M.look(folder)
  local commit = ask(folder, "git log -1 --abbrev=10 --format=%h " .. TESTED)
  -- Without a commit nobody knows what an earlier run was of: each is of its own.
  if not commit or commit == "" then return { isChanged = false, state = "unknown at " .. os.time() } end
  local changes = ask(folder, "git status --porcelain --untracked-files=all " .. TESTED)
  if changes == "" then return { commit = commit, isChanged = false, state = commit } end
  -- The difference with what is in new files.
  local digest = ask(folder, ("{ git diff HEAD %s; git ls-files -o --exclude-standard -z %s | xargs -0r sha1sum; } "
    .. "| git hash-object --stdin"):format(TESTED, TESTED)) or "unknown"
  return { commit = commit, isChanged = true, state = commit .. "+" .. digest:sub(1, 10) }
end

return M
