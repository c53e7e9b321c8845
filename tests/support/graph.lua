-- SPDX-License-Identifier: MIT
--
-- Graphs of what needs what, for the specs that look at the shape of the tree: { [node] = { [node] = true } }.
local M = {}

function M.sortedKeys(set)
  local keys = {}
  for key in pairs(set) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- The circles of a graph (Tarjan's strongly connected components of more than one node), each as its sorted nodes.
---@param graph table
---@return string[][]
function M.circlesOf(graph)
  local found, index, lowest, stack, onStack, count = {}, {}, {}, {}, {}, 0
  local function visit(node)
    count = count + 1
    index[node], lowest[node] = count, count
    stack[#stack + 1], onStack[node] = node, true
    for _, other in ipairs(M.sortedKeys(graph[node] or {})) do
      if not index[other] then visit(other) end
      if onStack[other] then lowest[node] = math.min(lowest[node], lowest[other]) end
    end
    if lowest[node] ~= index[node] then return end
    local circle = {}
    repeat
      local top = table.remove(stack)
      onStack[top], circle[#circle + 1] = nil, top
    until top == node
    table.sort(circle)
    if #circle > 1 then found[#found + 1] = circle end
  end
  for _, node in ipairs(M.sortedKeys(graph)) do
    if not index[node] then visit(node) end
  end
  return found
end

-- A shortest way from the node back to itself inside the circle: "a -> b -> a".
local function wayAround(graph, inside, node)
  local before, queue, at = {}, { node }, 1
  while queue[at] do
    for _, other in ipairs(M.sortedKeys(graph[queue[at]])) do
      if other == node then
        local way, step = { node }, queue[at]
        while step ~= node do
          table.insert(way, 1, step)
          step = before[step]
        end
        return node .. " -> " .. table.concat(way, " -> "), #way
      elseif inside[other] and not before[other] then
        before[other], queue[#queue + 1] = queue[at], other
      end
    end
    at = at + 1
  end
end

-- A line for each circle that is not in `known`: the shortest way around in it, of which one step has to go.  And one
-- for each of `known` that is none any more.
---@param graph table
---@param known string[][] the sorted nodes of each
---@return string[]
function M.describeCircles(graph, known)
  local expected, found = {}, {}
  for _, circle in ipairs(known) do expected[table.concat(circle, " ")] = true end
  for _, circle in ipairs(M.circlesOf(graph)) do
    local inside, shortest, steps = {}, nil, math.huge
    for _, node in ipairs(circle) do inside[node] = true end
    for _, node in ipairs(circle) do
      local way, count = wayAround(graph, inside, node)
      if count < steps then shortest, steps = way, count end
    end
    local name = table.concat(circle, " ")
    if not expected[name] then found[#found + 1] = shortest end
    expected[name] = nil
  end
  for _, name in ipairs(M.sortedKeys(expected)) do
    found[#found + 1] = ("'%s' is no circle any more: take it from the list of those that are known"):format(name)
  end
  return found
end

return M
