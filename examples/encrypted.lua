-- SPDX-License-Identifier: MIT
--
-- An LMDB store whose values are encrypted: XChaCha20-Poly1305 of libsodium, through LuaJIT's FFI.  Two methods
-- are overridden; batches, loops, filter and transactions follow from them.
--
--     export HOLDFAST_KEY=$(openssl rand -hex 32)
--     holdfast put "lua:./examples/encrypted.lua?base=./secret" risk BTCUSDT '{"limit":10}'
--
-- Each value is sealed together with its entity name and id, so a value that somebody copied to another id does not
-- open there.  The key comes from HOLDFAST_KEY; without it no instance is made.
--
-- What it does not hide: ids, how many entities there are, how long they are, when they were written.  And somebody who
-- can write to the files can put back an older value of the same id.
--
-- Needs libsodium (Debian: apt install libsodium23).

local holdfast = require "holdfast"
local ffi = require "ffi"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and other scripts make theirs.
ffi.cdef [[
  int example_sodium_init(void) __asm__("sodium_init");
  void example_random(void *buf, size_t size) __asm__("randombytes_buf");
  int example_seal(unsigned char *c, unsigned long long *clen, const unsigned char *m, unsigned long long mlen,
    const unsigned char *ad, unsigned long long adlen, const unsigned char *nsec, const unsigned char *npub,
    const unsigned char *k) __asm__("crypto_aead_xchacha20poly1305_ietf_encrypt");
  int example_unseal(unsigned char *m, unsigned long long *mlen, unsigned char *nsec, const unsigned char *c,
    unsigned long long clen, const unsigned char *ad, unsigned long long adlen, const unsigned char *npub,
    const unsigned char *k) __asm__("crypto_aead_xchacha20poly1305_ietf_decrypt");
  char *example_to_base64(char *b64, size_t b64max, const unsigned char *bin, size_t binlen, int variant)
    __asm__("sodium_bin2base64");
  int example_from_base64(unsigned char *bin, size_t binmax, const char *b64, size_t b64len, const char *ignore,
    size_t *binlen, const char **end, int variant) __asm__("sodium_base642bin");
]]

local ok, sodium = pcall(ffi.load, "libsodium.so.23")
if not ok then error("libsodium is missing (Debian: apt install libsodium23): " .. tostring(sodium), 0) end
assert(sodium.example_sodium_init() >= 0, "libsodium cannot start")

local KEY, NONCE, TAG = 32, 24, 16 -- bytes
local BASE64 = 1                   -- sodium_base64_VARIANT_ORIGINAL

local LmdbPersist = holdfast.LmdbPersist
local EncryptedPersist = LmdbPersist:extend("EncryptedPersist")

local function keyFromEnvironment()
  local hex = os.getenv("HOLDFAST_KEY")
  if not hex then
    error(holdfast.error("invalid_argument", "HOLDFAST_KEY is not set: export HOLDFAST_KEY=$(openssl rand -hex 32)"), 0)
  end
  if #hex ~= 2 * KEY or hex:find("%X") then
    error(holdfast.error("invalid_argument", "HOLDFAST_KEY must be " .. 2 * KEY .. " hexadecimal digits"), 0)
  end
  local key = ffi.new("unsigned char[?]", KEY)
  for i = 0, KEY - 1 do key[i] = tonumber(hex:sub(2 * i + 1, 2 * i + 2), 16) end
  return key
end

function EncryptedPersist:init(entityName, baseDir, options)
  self.key = keyFromEnvironment()
  LmdbPersist.init(self, entityName, baseDir, options)
end

-- What a value belongs to.  Neither part can contain a NUL byte.
local function place(self, id) return self.entityName .. "\0" .. id end

local function seal(self, id, text)
  local box = ffi.new("unsigned char[?]", NONCE + #text + TAG)
  local size, about = ffi.new("unsigned long long[1]"), place(self, id)
  sodium.example_random(box, NONCE) -- 192 random bits: no two messages share a nonce
  sodium.example_seal(box + NONCE, size, text, #text, about, #about, nil, box, self.key)
  local bytes = NONCE + tonumber(size[0])
  local room = math.ceil(bytes / 3) * 4 + 1
  local out = ffi.new("char[?]", room)
  return ffi.string(sodium.example_to_base64(out, room, box, bytes, BASE64))
end

-- The text, or nil if it was not sealed by this key for this id.
local function unseal(self, id, sealed)
  if type(sealed) ~= "string" then return nil end
  local box, bytes = ffi.new("unsigned char[?]", #sealed + 1), ffi.new("size_t[1]")
  if sodium.example_from_base64(box, #sealed, sealed, #sealed, nil, bytes, nil, BASE64) ~= 0 then return nil end
  local length = tonumber(bytes[0]) - NONCE
  if length < TAG then return nil end
  local text, size, about = ffi.new("unsigned char[?]", length), ffi.new("unsigned long long[1]"), place(self, id)
  if sodium.example_unseal(text, size, nil, box + NONCE, length, about, #about, box,
    self.key) ~= 0 then
    return nil
  end
  return ffi.string(text, size[0])
end

function EncryptedPersist:writeValue(id, entity, conditions)
  return LmdbPersist.writeValue(self, id, seal(self, id, holdfast.json.encode(entity)), conditions)
end

function EncryptedPersist:readValue(id)
  local text = unseal(self, id, LmdbPersist.readValue(self, id))
  if not text then
    error(holdfast.error("io", ("%s:%s cannot be decrypted: HOLDFAST_KEY is another one than it was written with, or "
      .. "the value was changed"):format(self.entityName, id)), 0)
  end
  return holdfast.json.decode(text)
end

return EncryptedPersist
