-- SPDX-License-Identifier: MIT
--
-- A report as one page of HTML: what all came to, the charts, tables by strategy and by symbol, and the trades, the
-- latest first.  It has no script and asks for nothing from outside, as its policy says to the browser; it is light or
-- dark as the reader's screen is.  Each chart is there twice: one for wide screens, and one for phones, on which the
-- texts of the other would be too small.

local chart = require "holdfast.host.report.chart"
local columnsOf = require "holdfast.host.report.columns"
local figures = require "holdfast.host.report.figures"
local pens = require "holdfast.host.report.pen"
local summary = require "holdfast.host.report.summary"

local M = {}

-- Above so many the page says how many there are, and shows the latest trades, and the symbols with the most of them.
local TRADES_MAX, CHARTS_MAX = 1000, 24

-- Pixels: with a panel of the price, and without.
local WIDE = { width = 1120, tall = 600, flat = 300 }
local NARROW = { width = 400, tall = 560, flat = 300 }

local STYLE = [[
:root{color-scheme:light dark;--ground:#f4f6f8;--card:#ffffff;--border:#d5dae1;--ink:#16202e;--text:#4a5568;
--faint:#66727f;--win:#0b8a6a;--loss:#cf3a3a}
@media(prefers-color-scheme:dark){:root{--ground:#090d12;--card:#0f151c;--border:#2b3541;--ink:#e8eef4;--text:#aeb9c5;
--faint:#8b98a6;--win:#2cbd8c;--loss:#f2645f}%s}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:14px/1.5 Inter,'Segoe UI',Roboto,'Helvetica Neue',Arial,
sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1168px;margin:0 auto;padding:24px}
h1{margin:0;color:var(--ink);font-size:24px;overflow-wrap:anywhere}
h2{margin:32px 0 12px;color:var(--ink);font-size:16px;overflow-wrap:anywhere}
.origin{margin:2px 0 20px;color:var(--faint);overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:10px;margin:0 0 16px}
dl div{background:var(--card);border:1px solid var(--border);border-radius:8px;padding:9px 12px}
dt{color:var(--faint);font-size:12px}
dd{margin:0;color:var(--ink);font-size:15px;font-weight:600}
svg{display:block;width:100%%;height:auto}
.narrow{display:none}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--border);border-radius:8px}
table{border-collapse:collapse;width:100%%;white-space:nowrap}
th,td{padding:6px 12px;text-align:left;border-bottom:1px solid var(--border)}
tr:last-child td{border-bottom:0}
th{color:var(--faint);font-size:12px;font-weight:600}
td:last-child{white-space:normal;overflow-wrap:anywhere}
.n{text-align:right}
.win{color:var(--win)}.loss{color:var(--loss)}
@media(max-width:640px){main{padding:14px}.wide{display:none}.narrow{display:block}
dl{grid-template-columns:1fr 1fr;gap:8px}h1{font-size:20px}th,td{padding:6px 8px}}
]]

local POLICY = "default-src 'none'; style-src 'unsafe-inline'"

local xml = figures.xml

local function figuresList(stats)
  local parts = { "<dl>" }
  for _, one in ipairs(summary.figures(stats)) do
    parts[#parts + 1] = ("<div><dt>%s</dt><dd>%s</dd></div>"):format(xml(one[1]), xml(one[2]))
  end
  parts[#parts + 1] = "</dl>"
  return table.concat(parts, "\n")
end

local function cellOf(column, one, number)
  local result = column.result and column.result(one)
  local class = column.isNumber and "n" or nil
  if result and result ~= 0 then class = class .. (result > 0 and " win" or " loss") end
  return (class and '<td class="' .. class .. '">' or "<td>") .. xml(column.show(one, number)) .. "</td>"
end

-- A table: of the rows from `last` to `first`, or in their order.
local function tableOf(columns, rows, first, last)
  local parts = { '<div class="scroll"><table><thead><tr>' }
  for _, column in ipairs(columns) do
    parts[#parts + 1] = (column.isNumber and '<th class="n">' or "<th>") .. xml(column.name) .. "</th>"
  end
  parts[#parts + 1] = "</tr></thead><tbody>"
  for number = first, last, first <= last and 1 or -1 do
    local cells = {}
    for i, column in ipairs(columns) do cells[i] = cellOf(column, rows[number], number) end
    parts[#parts + 1] = "<tr>" .. table.concat(cells) .. "</tr>"
  end
  parts[#parts + 1] = "</tbody></table></div>"
  return table.concat(parts, "\n")
end

-- Both charts of a view; `part` is where the numbers of their ids begin.
local function chartsOf(view, part)
  local pictures = {}
  for i, size in ipairs { WIDE, NARROW } do
    pictures[i] = ('<div class="%s">%s</div>'):format(i == 1 and "wide" or "narrow", chart.svg(view, {
      width = size.width, height = view.candles[1] and size.tall or size.flat, theme = "light", isBare = true,
      part = part + i,
    }))
  end
  return table.concat(pictures, "\n")
end

-- The symbols that have charts of their own, those with the most trades, and how many have none.
local function charted(report)
  if #report.symbols < 2 then return {}, 0 end
  local list = { unpack(report.symbols) }
  if #list <= CHARTS_MAX then return list, 0 end
  table.sort(list, function(a, b)
    if a.stats.closed ~= b.stats.closed then return a.stats.closed > b.stats.closed end
    return a.name < b.name
  end)
  local kept = { unpack(list, 1, CHARTS_MAX) }
  table.sort(kept, function(a, b) return a.name < b.name end)
  return kept, #list - #kept
end

local function addSymbols(parts, report)
  local list, others = charted(report)
  for i, one in ipairs(list) do
    parts[#parts + 1] = ("<h2>%s</h2>"):format(xml(one.name))
    parts[#parts + 1] = chartsOf(report:view(one.name), 2 * i)
  end
  if others > 0 then
    parts[#parts + 1] = ("<p>%d other symbols, with fewer trades, have no chart here.</p>"):format(others)
  end
end

local function addTrades(parts, report)
  local trades = report.stats.trades
  parts[#parts + 1] = "<h2>Trades</h2>"
  if #trades == 0 then
    parts[#parts + 1] = "<p>No trades.</p>"
    return
  end
  local first = math.max(1, #trades - TRADES_MAX + 1)
  if first > 1 then
    parts[#parts + 1] = ("<p>The last %s of %s, the latest first; all are in the report as JSON or Markdown.</p>")
      :format(figures.number(TRADES_MAX, 0), figures.number(#trades, 0))
  end
  parts[#parts + 1] = tableOf(columnsOf.ofTrades(report), trades, #trades, first)
end

--- The page.
---@param report holdfast.host.Report
---@return string html
function M.html(report)
  local title = xml(report:title())
  local parts = {
    '<!DOCTYPE html>', '<html lang="en">', '<head>', '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    ('<meta http-equiv="Content-Security-Policy" content="%s">'):format(POLICY),
    ("<title>%s</title>"):format(title), ("<style>\n%s</style>"):format(STYLE:format(pens.darkRules())),
    "</head>", "<body>", "<main>", ("<h1>%s</h1>"):format(title),
    ('<p class="origin">%s</p>'):format(xml(report:origin())), figuresList(report.stats),
    ("<p>%s.</p>"):format(xml(summary.signals(report.stats))),
  }
  for _, line in ipairs(summary.remarks(report)) do parts[#parts + 1] = ("<p>%s.</p>"):format(xml(line)) end
  parts[#parts + 1] = chartsOf(report:view(), 0)
  for _, one in ipairs(summary.parts(report)) do
    parts[#parts + 1] = ("<h2>By %s</h2>"):format(one.name)
    parts[#parts + 1] = tableOf(columnsOf.ofParts(one.name), one.parts, 1, #one.parts)
  end
  addSymbols(parts, report)
  addTrades(parts, report)
  parts[#parts + 1] = "</main>\n</body>\n</html>\n"
  return table.concat(parts, "\n")
end

return M
