-- SPDX-License-Identifier: MIT
--
-- The functions of PostgreSQL's client library that this backend uses, by LuaJIT's FFI.  Only those that never
-- wait: waiting is done here, with a deadline.

local core = require "holdfast.core"
local ffi = require "ffi"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
typedef struct hf_pg_conn hf_PGconn;
typedef struct hf_pg_result hf_PGresult;

typedef struct hf_pg_option hf_PQconninfoOption;

hf_PQconninfoOption *hf_PQconninfoParse(const char *conninfo, char **errmsg) __asm__("PQconninfoParse");
void hf_PQconninfoFree(hf_PQconninfoOption *options) __asm__("PQconninfoFree");
void hf_PQfreemem(void *ptr) __asm__("PQfreemem");
hf_PGconn *hf_PQconnectStart(const char *conninfo) __asm__("PQconnectStart");
int hf_PQconnectPoll(hf_PGconn *conn) __asm__("PQconnectPoll");
void hf_PQfinish(hf_PGconn *conn) __asm__("PQfinish");
int hf_PQstatus(const hf_PGconn *conn) __asm__("PQstatus");
int hf_PQsocket(const hf_PGconn *conn) __asm__("PQsocket");
char *hf_PQerrorMessage(const hf_PGconn *conn) __asm__("PQerrorMessage");
int hf_PQsetnonblocking(hf_PGconn *conn, int arg) __asm__("PQsetnonblocking");
void *hf_PQsetNoticeProcessor(hf_PGconn *conn, void *proc, void *arg) __asm__("PQsetNoticeProcessor");

int hf_PQsendQueryParams(hf_PGconn *conn, const char *command, int nParams, const unsigned *paramTypes,
  const char *const *paramValues, const int *paramLengths, const int *paramFormats, int resultFormat)
  __asm__("PQsendQueryParams");
int hf_PQsendPrepare(hf_PGconn *conn, const char *stmtName, const char *query, int nParams,
  const unsigned *paramTypes) __asm__("PQsendPrepare");
int hf_PQsendQueryPrepared(hf_PGconn *conn, const char *stmtName, int nParams, const char *const *paramValues,
  const int *paramLengths, const int *paramFormats, int resultFormat) __asm__("PQsendQueryPrepared");
int hf_PQflush(hf_PGconn *conn) __asm__("PQflush");
int hf_PQconsumeInput(hf_PGconn *conn) __asm__("PQconsumeInput");
int hf_PQisBusy(hf_PGconn *conn) __asm__("PQisBusy");
hf_PGresult *hf_PQgetResult(hf_PGconn *conn) __asm__("PQgetResult");

void *hf_PQnotifies(hf_PGconn *conn) __asm__("PQnotifies");

int hf_PQresultStatus(const hf_PGresult *res) __asm__("PQresultStatus");
char *hf_PQresultErrorMessage(const hf_PGresult *res) __asm__("PQresultErrorMessage");
char *hf_PQresultErrorField(const hf_PGresult *res, int fieldcode) __asm__("PQresultErrorField");
int hf_PQntuples(const hf_PGresult *res) __asm__("PQntuples");
int hf_PQnfields(const hf_PGresult *res) __asm__("PQnfields");
int hf_PQgetisnull(const hf_PGresult *res, int tup_num, int field_num) __asm__("PQgetisnull");
char *hf_PQgetvalue(const hf_PGresult *res, int tup_num, int field_num) __asm__("PQgetvalue");
int hf_PQgetlength(const hf_PGresult *res, int tup_num, int field_num) __asm__("PQgetlength");
char *hf_PQcmdTuples(hf_PGresult *res) __asm__("PQcmdTuples");
char *hf_PQcmdStatus(hf_PGresult *res) __asm__("PQcmdStatus");
void hf_PQclear(hf_PGresult *res) __asm__("PQclear");

struct hf_pg_pollfd { int fd; short events; short revents; };
int hf_pg_poll(struct hf_pg_pollfd *fds, unsigned long count, int timeout) __asm__("poll");
void hf_pg_free(void *) __asm__("free");
]]

local loaded

--- The library.  Raises with the package to install where it is missing.
return function()
  if loaded then return loaded end
  local ok, library = pcall(ffi.load, "libpq.so.5")
  if not ok then
    error(core.error("unsupported",
      "PostgreSQL's client library is missing: install libpq5 (apt-get install libpq5).  " .. tostring(library)), 0)
  end
  loaded = library
  return library
end
