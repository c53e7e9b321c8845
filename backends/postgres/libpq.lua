-- SPDX-License-Identifier: MIT
--
-- The functions of PostgreSQL's client library that this backend uses, by LuaJIT's FFI.  Only those that never
-- wait: waiting is done here, with a deadline.

local core = require "holdfast.core"
local ffi = require "ffi"

ffi.cdef [[
typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;

typedef struct PQconninfoOption PQconninfoOption;

PQconninfoOption *PQconninfoParse(const char *conninfo, char **errmsg);
void PQconninfoFree(PQconninfoOption *options);
void PQfreemem(void *ptr);
PGconn *PQconnectStart(const char *conninfo);
int PQconnectPoll(PGconn *conn);
void PQfinish(PGconn *conn);
int PQstatus(const PGconn *conn);
int PQsocket(const PGconn *conn);
char *PQerrorMessage(const PGconn *conn);
int PQsetnonblocking(PGconn *conn, int arg);
void *PQsetNoticeProcessor(PGconn *conn, void *proc, void *arg);

int PQsendQueryParams(PGconn *conn, const char *command, int nParams, const unsigned *paramTypes,
  const char *const *paramValues, const int *paramLengths, const int *paramFormats, int resultFormat);
int PQsendPrepare(PGconn *conn, const char *stmtName, const char *query, int nParams, const unsigned *paramTypes);
int PQsendQueryPrepared(PGconn *conn, const char *stmtName, int nParams, const char *const *paramValues,
  const int *paramLengths, const int *paramFormats, int resultFormat);
int PQflush(PGconn *conn);
int PQconsumeInput(PGconn *conn);
int PQisBusy(PGconn *conn);
PGresult *PQgetResult(PGconn *conn);

int PQresultStatus(const PGresult *res);
char *PQresultErrorMessage(const PGresult *res);
char *PQresultErrorField(const PGresult *res, int fieldcode);
int PQntuples(const PGresult *res);
int PQnfields(const PGresult *res);
int PQgetisnull(const PGresult *res, int tup_num, int field_num);
char *PQgetvalue(const PGresult *res, int tup_num, int field_num);
int PQgetlength(const PGresult *res, int tup_num, int field_num);
char *PQcmdTuples(PGresult *res);
char *PQcmdStatus(PGresult *res);
void PQclear(PGresult *res);

struct holdfast_pollfd { int fd; short events; short revents; };
int holdfast_getpid(void) __asm__("getpid");
void holdfast_free(void *) __asm__("free");
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
