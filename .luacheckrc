-- SPDX-License-Identifier: MIT
std = "luajit"
max_line_length = 120
exclude_files = { "build", "build-*" }
-- Callbacks name all their parameters, used or not; self is one of them.
unused_args = false
files["tests/**/*_spec.lua"] = { std = "luajit+busted" }
-- Lists of odd texts and numbers read best on one line.
files["tests/spec/json/*_spec.lua"] = { std = "luajit+busted", max_line_length = 190 }
files["tests/support/**/*.lua"] = { std = "luajit+busted" }
-- Stubs declare; their locals and parameters are there for editors.
files["lua/holdfast/meta/**/*.lua"] = { unused = false, ignore = { "1", "2", "3" } }
